"""Every remaining key of the `training` section does what it says: in the weights, in the log, on the disk."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_task import SIZE, PlainTask, TinyEvaluator, TinyImages, TinyNet, make_job
from torch import nn

from zoo_core.config.sections import DatasetSection
from zoo_core.errors import UserError
from zoo_core.results import MetricValue
from zoo_core.training.checkpoint import read_weights
from zoo_core.training.trainer import LightningTrainer

CONSTANT: dict[str, Any] = {"lr_scheduler": {"lr": 0.1, "sched": "none"}}


def fit(folder: Path, **changes: Any) -> Any:
    return LightningTrainer("cpu").fit(make_job(folder, **changes))


def linear() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(SIZE * SIZE, 3))


class CountsBatches(PlainTask):
    """Remember the sizes of the batches that are measured."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def evaluator(self) -> Any:
        sizes = self.sizes

        class Counting(TinyEvaluator):
            def update(self, outputs: Any, targets: Any) -> None:
                sizes.append(len(outputs[0]))
                super().update(outputs, targets)

        return Counting()


class Scored(PlainTask):
    def __init__(self, scores: list[float]) -> None:
        super().__init__()
        self.scores = scores

    def evaluator(self) -> Any:
        scores = self.scores

        class Scripted(TinyEvaluator):
            def compute(self) -> tuple[MetricValue, ...]:
                return (MetricValue(name="top1", value=scores.pop(0)),)

        return Scripted()


class Measures(PlainTask):
    """Measure training batches too."""

    @staticmethod
    def train_metrics(outputs: torch.Tensor, targets: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"top1": 100 * (outputs.argmax(1) == targets).float().mean(), "ones": torch.ones(())}


def screen(records: list[logging.LogRecord]) -> list[str]:
    return [record.getMessage() for record in records if getattr(record, "screen", True)]


def test_validation_has_a_batch_size_of_its_own(tmp_path: Path) -> None:
    task = CountsBatches()
    fit(tmp_path, training={**CONSTANT, "epochs": 1, "validation_batch_size": 5}, task=task)
    assert task.sizes[1:] == [5, 5, 5, 3]  # after the rehearsal
    task = CountsBatches()
    fit(tmp_path, training={**CONSTANT, "epochs": 1}, task=task)
    assert task.sizes[1:] == [8, 8, 2]


def test_epochs_go_through_the_data_as_often_as_asked(tmp_path: Path) -> None:
    seen = []

    class Counts(nn.Module):
        def forward(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            seen.append(len(outputs)) if self.training else None
            return nn.functional.cross_entropy(outputs, targets)

    class Task(PlainTask):
        def criterion(self) -> nn.Module:
            return Counts()

    for repeats, images in ((0, 32), (1, 32), (3, 96)):
        seen.clear()
        rates = {"lr": 0.1, "sched": "none", "epoch_repeats": repeats}
        fit(tmp_path / str(repeats), training={"epochs": 1, "lr_scheduler": rates}, task=Task(), train=TinyImages(32))
        assert sum(seen) == images


def test_the_log_file_has_a_line_every_so_many_batches(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "zoo")
    fit(tmp_path, training={**CONSTANT, "epochs": 2, "log_interval": 2}, train=TinyImages(40))
    lines = [record.getMessage() for record in caplog.records]
    found = [
        re.match(r"Epoch (\d)/2, batch (\d)/5: loss [\d.]+, learning rate 0.1, \d+ images/s", line) for line in lines
    ]
    assert [match.groups() for match in found if match] == [("1", "2"), ("1", "4"), ("2", "2"), ("2", "4")]
    ends = [line for line in lines if re.match(r"Epoch \d/2: training loss .*; validation: top1 .*, loss .* s", line)]
    assert len(ends) == 2
    assert ends[0].endswith("the best so far")
    assert screen(caplog.records) == []  # the bars say it there


def test_callbacks_talk_on_the_screen_when_verbose(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "zoo")
    formula = {"schedule": "lambda epoch, lr: 0.1", "verbose": 1}
    callbacks = {"LearningRateScheduler": formula, "ModelCheckpoint": {"verbose": 1}, "EarlyStopping": {"patience": 1}}
    fit(tmp_path, training={"callbacks": callbacks, "epochs": 4}, task=Scored([50.0, 60.0, 40.0, 30.0]))
    said = screen(caplog.records)
    assert [line for line in said if "learning rate 0.1" in line] == [
        f"Epoch {epoch}/4: learning rate 0.1" for epoch in (1, 2, 3)
    ]
    assert len([line for line in said if line.endswith("the best so far")]) == 2
    assert "Stopped after epoch 3: top1 no longer improves." in said


@pytest.mark.parametrize("verbose", [0, 1])
def test_reductions_are_on_the_screen_when_verbose(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, verbose: int
) -> None:
    caplog.set_level(logging.INFO, "zoo")
    callbacks = {"ReduceLROnPlateau": {"monitor": "val_accuracy", "patience": 1, "factor": 0.5, "verbose": verbose}}
    fit(tmp_path, training={"callbacks": callbacks, "epochs": 2}, task=Scored([50.0, 40.0]))
    text = "Learning rate lowered to 0.05: top1 no longer improves."
    assert text in [record.getMessage() for record in caplog.records]
    assert (text in screen(caplog.records)) == bool(verbose)


@pytest.mark.parametrize(
    ("checkpoint", "best"),
    [({}, 2), ({"monitor": "val_accuracy", "mode": "max"}, 2), ({"monitor": "val_accuracy", "mode": "min"}, 3)],
)
def test_model_checkpoint_chooses_the_metric_and_its_direction(
    tmp_path: Path, checkpoint: dict[str, str], best: int
) -> None:
    training = {**CONSTANT, "callbacks": {"ModelCheckpoint": checkpoint}}
    outcome = fit(tmp_path, training=training, task=Scored([50.0, 70.0, 10.0, 60.0]))
    assert outcome.best_epoch == best
    with pytest.raises(UserError, match=r"callbacks\.ModelCheckpoint\.monitor: there is no metric .val_map"):
        fit(tmp_path / "other", training={"callbacks": {"ModelCheckpoint": {"monitor": "val_map"}}})


def test_the_loss_of_training_images_may_decide(tmp_path: Path) -> None:
    outcome = fit(tmp_path, training={**CONSTANT, "eval_metric": "train_loss"})
    assert outcome.best_metrics[0].name == "train_loss"
    assert outcome.best_metrics[0].split == "train"


def test_average_on_the_cpu_equals_the_one_beside_the_model(tmp_path: Path) -> None:
    states = []
    for name, on_cpu in (("beside", False), ("cpu", True)):
        torch.manual_seed(0)
        training = {**CONSTANT, "epochs": 2, "model_ema": True, "model_ema_decay": 0.8, "model_ema_force_cpu": on_cpu}
        fit(tmp_path / name, training=training, model=TinyNet())
        states.append(read_weights(tmp_path / name / "saved" / "best_model.pt").state_dict)
    for name in states[0]:
        torch.testing.assert_close(states[0][name], states[1][name])


def test_batch_normalisation_takes_its_momentum_in_the_training(tmp_path: Path) -> None:
    means = {}
    for momentum in (1.0, 0.1):
        torch.manual_seed(0)
        training = {
            "epochs": 1,
            "batch_size": 30,
            "bn_momentum": momentum,
            "lr_scheduler": {"lr": 1e-9, "sched": "none"},
        }
        fit(tmp_path / str(momentum), training=training, model=TinyNet(), task=PlainTask())
        means[momentum] = read_weights(tmp_path / str(momentum) / "saved" / "best_model.pt").state_dict[
            "norm.running_mean"
        ]
    torch.testing.assert_close(means[0.1], 0.1 * means[1.0])  # one batch, from a mean of 0


def test_dropout_acts_in_training_and_not_in_validation(tmp_path: Path) -> None:
    """With nearly everything dropped, the training loss is far above the validation loss of the same weights."""
    training = {"epochs": 1, "dropout": 0.95, "lr_scheduler": {"lr": 1e-9, "sched": "none"}}
    images = TinyImages(200)
    torch.manual_seed(1)
    model = TinyNet()
    with torch.no_grad():
        model.head.weight.mul_(60)
    outcome = fit(tmp_path, training=training, model=model, task=PlainTask(), train=images, validation=images)
    assert model.drop.p == 0.95
    row = (tmp_path / "work" / "summary.csv").read_text().splitlines()[1].split(",")
    trained, validated = float(row[2]), float(row[3])
    assert trained > 1.3 * validated
    described = read_weights(tmp_path / "saved" / "best_model.pt").metadata["training"]
    assert described["dropout"] == 0.95
    assert outcome.epochs == 1


def test_measurements_of_training_batches_are_means_over_images(tmp_path: Path) -> None:
    training = {"epochs": 1, "lr_scheduler": {"lr": 1e-9, "sched": "none"}}
    model, images = linear(), TinyImages(30)
    fit(tmp_path, training=training, model=model, task=Measures(), train=images, validation=images)
    header, row = (line.split(",") for line in (tmp_path / "work" / "summary.csv").read_text().splitlines())
    found = dict(zip(header, map(float, row), strict=True))
    assert found["train_ones"] == 1.0
    assert found["train_top1"] == pytest.approx(found["val_top1"])  # the same images and weights


def test_options_for_gpus_are_told_on_a_cpu(tmp_path: Path) -> None:
    trainer = LightningTrainer("cpu", gpu_memory=3)
    job = make_job(
        tmp_path, training={**CONSTANT, "epochs": 1, "synchronize_step": True}, dataset=DatasetSection(pin_mem=True)
    )
    told = "general.gpu_memory_limit, dataset.pin_mem, training.synchronize_step only concerns GPUs"
    assert any(told in note for note in trainer.fit(job).notes)
    assert not any("GPU" in note for note in fit(tmp_path / "plain", training={**CONSTANT, "epochs": 1}).notes)


def test_a_warm_up_that_never_ends_is_told(tmp_path: Path) -> None:
    outcome = fit(tmp_path, training={"epochs": 2, "lr_scheduler": {"lr": 0.1, "warmup_epochs": 5}})
    assert "The warm-up of 5 epochs is not shorter than the training of 2." in outcome.notes
