from __future__ import annotations

import csv
import json
import logging
import os
import random
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_task import SIZE, Bars, PlainTask, TinyEvaluator, TinyImages, TinyNet, TinyTask, make_job
from torch import nn

from zoo_core.config.sections import GeneralSection
from zoo_core.errors import DataError, UserError, ZooError
from zoo_core.results import MetricValue
from zoo_core.training.checkpoint import load_into, read_weights
from zoo_core.training.trainer import LightningTrainer, build

CONSTANT = {"lr_scheduler": {"lr": 0.1, "sched": "none"}}


def fit(folder: Path, **changes: Any) -> Any:
    return LightningTrainer("cpu").fit(make_job(folder, **changes))


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "work" / "summary.csv").open() as stream:
        return list(csv.DictReader(stream))


def linear() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(SIZE * SIZE, 3))


class Raises(nn.Module):
    """A loss that is not a number from some call on."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after, self.calls = after, 0

    def forward(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        loss = nn.functional.cross_entropy(outputs, targets)
        if self.training:
            self.calls += 1
            return loss * float("nan") if self.calls > self.after else loss
        return loss


class TaskWith(PlainTask):
    """A task with another loss or scripted metrics."""

    def __init__(self, criterion: nn.Module | None = None, scores: list[float] | None = None) -> None:
        super().__init__()
        self._criterion = criterion or nn.CrossEntropyLoss()
        self._scores = scores

    def criterion(self) -> nn.Module:
        return self._criterion

    def evaluator(self) -> Any:
        return Scripted(self._scores) if self._scores else TinyEvaluator()


class Scripted(TinyEvaluator):
    """Give the next score of a list at each `compute`."""

    def __init__(self, scores: list[float]) -> None:
        super().__init__()
        self.scores = scores

    def compute(self) -> tuple[MetricValue, ...]:
        return (MetricValue(name="top1", value=self.scores.pop(0)),)


def test_training_learns_and_keeps_the_best_weights(tmp_path: Path) -> None:
    outcome = fit(tmp_path, training={"epochs": 12}, train=TinyImages(60), task=PlainTask())
    table = rows(tmp_path)
    best = max(float(row["val_top1"]) for row in table)
    assert best > 80
    assert outcome.best_epoch == next(int(row["epoch"]) for row in table if float(row["val_top1"]) == best)
    assert outcome.best_metrics[0].name == "top1"
    assert outcome.best_metrics[0].value == pytest.approx(best)
    assert {metric.split for metric in outcome.best_metrics} == {"validation"}
    loaded = read_weights(tmp_path / "saved" / "best_model.pt")
    assert loaded.metadata["use_case"] == "tiny"
    assert loaded.metadata["training"]["epoch"] == outcome.best_epoch
    model, images = TinyNet().eval(), TinyImages(18, offset=500)
    load_into(model, loaded.state_dict, "best")
    inputs = torch.stack([TinyTask().preprocessing(images[index].image) for index in range(18)])
    right = (model(inputs).argmax(1) == torch.tensor(images.targets)).float().mean()
    assert 100 * float(right) == pytest.approx(best)


def test_best_is_by_the_chosen_metric_and_not_the_last(tmp_path: Path) -> None:
    outcome = fit(tmp_path, training=CONSTANT, task=TaskWith(scores=[50.0, 70.0, 70.0, 60.0]))
    assert outcome.best_epoch == 2  # the first of equals
    by_loss = fit(tmp_path / "loss", training={**CONSTANT, "eval_metric": "val_loss"}, task=PlainTask())
    losses = [float(row["val_loss"]) for row in rows(tmp_path / "loss")]
    assert by_loss.best_epoch == 1 + losses.index(min(losses))
    assert by_loss.best_metrics[0].name == "loss"


def test_updates_equal_plain_torch(tmp_path: Path) -> None:
    """Two epochs of the trainer are two epochs of the textbook loop over the same batches."""
    from zoo_core.data.order import EpochBatches

    training = {"epochs": 2, "optimizer": {"opt": "momentum", "momentum": 0.9, "weight_decay": 0}, **CONSTANT}
    fit(tmp_path, training=training, model=linear(), task=PlainTask(), seed=11)
    model, images, task = linear(), TinyImages(30), PlainTask()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for epoch in range(2):
        batches = EpochBatches(30, 8, 11)
        batches.set_epoch(epoch)
        for keys in batches:
            samples = [images[index] for _, index, _ in keys]
            inputs = torch.stack([task.preprocessing(sample.image) for sample in samples])
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(inputs), torch.tensor([sample.target for sample in samples])).backward()
            optimizer.step()
    state = torch.load(tmp_path / "saved" / "last_model.pt", weights_only=True)["state_dict"]
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(state[f"model.{name}"], tensor, rtol=1e-5, atol=1e-7)


def test_accumulated_batches_equal_one_large_batch(tmp_path: Path) -> None:
    for name, size, steps in (("small", 8, 2), ("large", 16, 1)):
        fit(
            tmp_path / name,
            training={**CONSTANT, "epochs": 2, "batch_size": size, "grad_accum_steps": steps},
            model=linear(),
            task=PlainTask(),
            train=TinyImages(32),
        )
    small, large = (
        torch.load(tmp_path / name / "saved" / "last_model.pt")["state_dict"] for name in ("small", "large")
    )
    for name in large:
        torch.testing.assert_close(small[name], large[name], rtol=1e-4, atol=1e-6)


def test_average_of_weights_is_what_is_measured_and_kept(tmp_path: Path) -> None:
    decay, task = 0.6, PlainTask()
    training = {**CONSTANT, "epochs": 1, "batch_size": 30, "model_ema": True, "model_ema_decay": decay}
    outcome = fit(tmp_path, training=training, model=linear(), task=task)
    start = linear().state_dict()
    last = torch.load(tmp_path / "saved" / "last_model.pt")["state_dict"]
    kept = read_weights(tmp_path / "saved" / "best_model.pt")
    for name, tensor in start.items():  # one update
        expected = decay * tensor + (1 - decay) * last[f"model.{name}"]
        torch.testing.assert_close(kept.state_dict[name], expected)
    assert kept.metadata["training"]["average"] is True
    model, images = linear(), TinyImages(18, offset=500)
    load_into(model, kept.state_dict, "best")
    inputs = torch.stack([task.preprocessing(images[index].image) for index in range(18)])
    loss = nn.functional.cross_entropy(model(inputs), torch.tensor(images.targets)).detach()
    assert outcome.best_metrics[-1].value == pytest.approx(float(loss), rel=1e-5)


@pytest.mark.parametrize(("mode", "limit"), [("norm", 1e-3), ("value", 1e-4), ("agc", 1e-3)])
def test_clipping_bounds_the_update(tmp_path: Path, mode: str, limit: float) -> None:
    optimizer = {"opt": "momentum", "momentum": 0.0, "weight_decay": 0, "clip_grad": limit, "clip_mode": mode}
    training = {"epochs": 1, "batch_size": 30, "optimizer": optimizer, "lr_scheduler": {"lr": 1.0, "sched": "none"}}
    model = nn.Sequential(nn.Flatten(), nn.Linear(SIZE * SIZE, 5), nn.ReLU(), nn.Linear(5, 3))
    start = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    fit(tmp_path, training=training, model=model, task=PlainTask())
    last = torch.load(tmp_path / "saved" / "last_model.pt")["state_dict"]
    steps = {name: last[f"model.{name}"] - start[name] for name in start}
    assert any(float(step.abs().max()) > 0 for step in steps.values())
    if mode == "norm":
        whole = torch.cat([step.flatten() for step in steps.values()]).norm()
        assert float(whole) == pytest.approx(limit, rel=1e-2)
    elif mode == "value":
        assert max(float(step.abs().max()) for step in steps.values()) <= limit * 1.01
    else:  # every row moves by at most the share `limit` of its own norm; the head is left alone
        weight = start["1.weight"]
        assert (steps["1.weight"].norm(dim=1) <= limit * weight.norm(dim=1) * 1.01).all()


def test_frozen_layers_keep_weights_and_statistics(tmp_path: Path) -> None:
    model = TinyNet()
    start = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    fit(tmp_path, training={"frozen_layers": "(0:-1)", "epochs": 2}, model=model)
    last = read_weights(tmp_path / "saved" / "best_model.pt").state_dict
    same = {name for name in start if torch.equal(start[name], last[name])}
    assert same == {name for name in start if not name.startswith("head.")}


def test_average_loss_is_over_images_and_dictionaries_give_columns(tmp_path: Path) -> None:
    class Parts(nn.Module):
        def forward(self, outputs: torch.Tensor, targets: torch.Tensor) -> dict[str, torch.Tensor]:
            size = torch.tensor(float(len(outputs)))
            return {"loss": outputs.sum() * 0 + size, "second": size * 2}

    fit(tmp_path, training=CONSTANT, task=TaskWith(Parts()), train=TinyImages(30))
    row = rows(tmp_path)[0]
    assert float(row["train_loss"]) == pytest.approx((8 * 8 * 3 + 6 * 6) / 30)
    assert float(row["train_second"]) == pytest.approx(2 * (8 * 8 * 3 + 6 * 6) / 30)
    assert float(row["val_loss"]) == pytest.approx((8 * 8 * 2 + 2 * 2) / 18)


def test_loss_with_weights_of_its_own_is_trained(tmp_path: Path) -> None:
    class Tempered(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            return nn.functional.cross_entropy(self.scale * outputs, targets)

    criterion = Tempered()
    fit(tmp_path, training=CONSTANT, task=TaskWith(criterion))
    assert float(criterion.scale.detach()) != 1.0


def test_records_are_written_for_people_and_programs(tmp_path: Path) -> None:
    outcome = fit(tmp_path)
    table = rows(tmp_path)
    assert list(table[0]) == ["epoch", "lr", "train_loss", "val_loss", "val_top1", "val_images", "seconds"]
    events = [json.loads(line) for line in (tmp_path / "work" / "metrics.jsonl").read_text().splitlines()]
    assert [event["epoch"] for event in events] == [1, 2, 3, 4]
    assert events[2]["metrics"]["val_top1"] == pytest.approx(float(table[2]["val_top1"]))
    assert {path.name for path in outcome.files} == {"summary.csv", "metrics.jsonl"}
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    kept = [f"saved/checkpoint-{epoch}.pt" for epoch in (1, 2, 3, 4)]
    rest = ["saved/last_model.pt", "saved/summary.csv", "work/metrics.jsonl", "work/summary.csv"]
    assert found == ["saved/best_model.pt", *kept, *rest]
    assert (tmp_path / "saved" / "summary.csv").read_bytes() == (tmp_path / "work" / "summary.csv").read_bytes()


def test_progress_is_one_bar_per_epoch_with_loss_and_metric(tmp_path: Path) -> None:
    progress = Bars()
    fit(tmp_path, progress=progress)
    assert [bar["description"] for bar in progress.shown] == [f"epoch {number}/4" for number in (1, 2, 3, 4)]
    assert all(bar["steps"] == bar["total"] == 4 + 3 for bar in progress.shown)
    assert all(bar["values"].keys() == {"loss", "val_top1"} for bar in progress.shown)


def test_nothing_is_printed_and_nothing_else_changes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.INFO)
    job = make_job(tmp_path / "run", deterministic=True)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    threads, environment = torch.get_num_threads(), dict(os.environ)
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    LightningTrainer("cpu").fit(job)
    assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == before
    assert not torch.are_deterministic_algorithms_enabled()
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    assert torch.get_num_threads() == threads
    environment.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    assert dict(os.environ) == environment
    assert capfd.readouterr() == ("", "")
    assert [record.getMessage() for record in caplog.records if record.name != "zoo"] == []
    assert [path.name for path in tmp_path.iterdir()] == ["run"]  # no lightning_logs
    monkeypatch.undo()


def test_same_seed_same_weights_and_other_seed_others(tmp_path: Path) -> None:
    states = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        fit(tmp_path / name, seed=seed, training={"epochs": 2})
        states.append(torch.load(tmp_path / name / "saved" / "last_model.pt")["state_dict"]["model.conv.weight"])
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_nan_loss_is_explained_and_the_best_weights_stay(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"loss became nan in epoch 2, batch 2, at a learning rate of 0.1.\nLower"):
        fit(tmp_path, training=CONSTANT, task=TaskWith(Raises(after=5)))
    assert read_weights(tmp_path / "saved" / "best_model.pt").metadata["training"]["epoch"] == 1
    assert len(rows(tmp_path)) == 1


@pytest.mark.parametrize(("epoch", "patience", "stops"), [(0, 2, 4), (0, 1, 3), (2, 1, 4), (2, 2, 5)])
def test_early_stopping_counts_as_keras_does(tmp_path: Path, epoch: int, patience: int, stops: int) -> None:
    scores = [50.0, 60.0, 60.0, 59.0, 60.0, 60.0, 60.0]
    early = {"monitor": "val_accuracy", "patience": patience, "start_from_epoch": epoch}
    training = {**CONSTANT, "epochs": 7, "callbacks": {"EarlyStopping": early}}
    outcome = fit(tmp_path, training=training, task=TaskWith(scores=scores))
    assert (outcome.epochs, outcome.stopped_early, outcome.best_epoch) == (stops, True, 2)


def test_early_stopping_with_room_to_improve_does_not_stop(tmp_path: Path) -> None:
    training = {**CONSTANT, "epochs": 3, "callbacks": {"EarlyStopping": {"patience": 1}}}
    outcome = fit(tmp_path, training=training, task=TaskWith(scores=[50.0, 60.0, 70.0]))
    assert (outcome.epochs, outcome.stopped_early) == (3, False)


def test_unknown_metric_is_told_before_the_training(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r'training.eval_metric: there is no metric "top7"'):
        fit(tmp_path, training={"eval_metric": "top7"})
    early = {"callbacks": {"EarlyStopping": {"monitor": "val_map"}}}
    with pytest.raises(UserError, match=r"EarlyStopping.monitor: there is no metric .*\n.*top1, images, loss"):
        fit(tmp_path, training=early)
    assert not (tmp_path / "saved").exists()


def test_a_task_says_what_stands_for_a_metric_it_does_not_measure(tmp_path: Path) -> None:
    task = TinyTask()
    early = {"epochs": 1, "callbacks": {"EarlyStopping": {"monitor": "val_keras_name", "patience": 5}}}
    with pytest.raises(UserError, match="there is no metric"):
        fit(tmp_path / "without", training=early, task=task)
    task.metric_synonyms = {"keras_name": "images"}
    outcome = fit(tmp_path / "with", training=early, task=task)
    assert "val_keras_name is taken to be images." in outcome.notes


def test_unreadable_images_are_left_out_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outcome = fit(tmp_path, train=TinyImages(30, broken=[3, 4]), validation=TinyImages(18, broken=[0]))
    assert sorted(skip.path for skip in outcome.skipped) == ["image0.png", "image3.png", "image4.png"]
    assert outcome.best_metrics[1].value == 17
    for name in ("image0.png", "image3.png", "image4.png"):
        assert caplog.text.count(f"{name}: the file is empty") == 1


def test_no_readable_image_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="None of 30 images can be read"):
        fit(tmp_path, train=TinyImages(30, broken=range(30)))
    with pytest.raises(DataError, match="None of 4 images can be read"):
        fit(tmp_path, validation=TinyImages(4, broken=range(4)))


def test_half_precision_on_the_cpu(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="float16 needs a GPU"):
        fit(tmp_path, training={"amp": True})
    seen = []

    class Watches(nn.Module):
        def forward(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            seen.append(outputs.dtype)
            return nn.functional.cross_entropy(outputs.float(), targets)

    fit(tmp_path, training={"amp": True, "amp_dtype": "bfloat16", "epochs": 1}, task=TaskWith(Watches()))
    assert seen[0] == torch.float32  # the rehearsal
    assert set(seen[1:]) == {torch.bfloat16}


def test_operation_without_deterministic_form_is_explained(tmp_path: Path) -> None:
    class Unpools(nn.Module):
        def forward(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            pooled, places = nn.functional.max_pool2d(outputs[:, None], (1, 3), return_indices=True)
            unpooled = nn.functional.max_unpool2d(pooled, places, (1, 3))
            return nn.functional.cross_entropy(unpooled[:, 0], targets)

    with pytest.raises(UserError, match=r"general.deterministic_ops is on.*max_unpool"):
        fit(tmp_path, deterministic=True, task=TaskWith(Unpools()))
    fit(tmp_path, deterministic=False, task=TaskWith(Unpools()), training={"epochs": 1})


def test_start_epoch_skips_the_beginning(tmp_path: Path) -> None:
    training = {"lr_scheduler": {"lr": 0.1, "sched": "cosine", "warmup_epochs": 0, "start_epoch": 2}}
    outcome = fit(tmp_path, training=training)
    assert [row["epoch"] for row in rows(tmp_path)] == ["3", "4"]
    assert float(rows(tmp_path)[0]["lr"]) == pytest.approx(0.05)
    assert outcome.epochs == 4
    with pytest.raises(UserError, match="start_epoch is 4, but the training has 4 epochs"):
        fit(tmp_path, training={"lr_scheduler": {"start_epoch": 4}})


def test_split_batch_norm_trains_and_saves_the_plain_model(tmp_path: Path) -> None:
    fit(tmp_path, training={"split_bn": True, "epochs": 2})
    load_into(TinyNet(), read_weights(tmp_path / "saved" / "best_model.pt").state_dict, "best")


def test_pictures_of_batches_are_saved_on_request(tmp_path: Path) -> None:
    fit(tmp_path, training={"save_images": True, "epochs": 2, "log_interval": 3})
    names = sorted(path.name for path in (tmp_path / "work" / "train_batches").iterdir())
    assert names == [f"epoch{epoch}_batch{batch}.jpg" for epoch in (1, 2) for batch in (1, 4)]


def test_signal_to_terminate_is_an_interruption(tmp_path: Path) -> None:
    class Terminates(Bars):
        def advance(self, steps: int = 1, **values: float) -> None:
            super().advance(steps, **values)
            if len(self.shown) == 2 and threading.current_thread() is threading.main_thread():
                os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path, progress=Terminates())
    assert (tmp_path / "saved" / "last_model.pt").exists()


@pytest.mark.parametrize(
    ("device", "told"),
    [("cuda", "no CUDA device"), ("tpu", "expected cpu, cuda"), ("cuda:x", "expected cpu, cuda")],
)
def test_device_that_is_not_there_is_told(tmp_path: Path, device: str, told: str) -> None:
    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(ZooError, match=told):
        LightningTrainer(device).fit(make_job(tmp_path))


def test_build_reads_the_general_section() -> None:
    class Config:
        general = GeneralSection(device="cpu", num_threads=3, gpu_memory_limit=2)

    assert build(Config()) == LightningTrainer(device="cpu", threads=3, gpu_memory=2)


def test_formula_of_the_learning_rate_is_followed(tmp_path: Path) -> None:
    """The rate before an epoch is what the formula gave for the last one."""
    callbacks = {"LearningRateScheduler": {"schedule": "lambda epoch, lr: lr * 0.5 if epoch > 1 else 0.2"}}
    outcome = fit(tmp_path, training={"callbacks": callbacks})
    assert [float(row["lr"]) for row in rows(tmp_path)] == pytest.approx([0.2, 0.2, 0.1, 0.05])
    assert any("LearningRateScheduler sets the learning rate" in note for note in outcome.notes)
