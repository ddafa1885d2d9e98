from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_task import Bars, TinyImages, TinyNet, TinyTask, make_job

from zoo_core.errors import UserError
from zoo_core.protocols import TrainJob
from zoo_core.training.checkpoint import read_weights, save_weights
from zoo_core.training.trainer import LightningTrainer

PLAIN: dict[str, Any] = {"epochs": 4}
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": PLAIN,
    "ema": {**PLAIN, "model_ema": True, "model_ema_decay": 0.7},
    "adam per update": {
        **PLAIN,
        "optimizer": {"opt": "adamw"},
        "lr_scheduler": {"lr": 0.01, "sched": "cosine", "warmup_epochs": 1, "sched_on_updates": True, "lr_noise": 0.3},
    },
    "accumulation and clipping": {**PLAIN, "grad_accum_steps": 2, "optimizer": {"opt": "sgd", "clip_grad": 0.5}},
    "plateau": {
        **PLAIN,
        "lr_scheduler": {
            "lr": 0.1,
            "sched": "plateau",
            "patience_epochs": 0,
            "warmup_epochs": 0,
            "decay_rate": 0.5,
        },
        "eval_metric": "images",  # never improves
    },
    "callbacks": {
        **PLAIN,
        "callbacks": {
            "LearningRateScheduler": {"schedule": "lambda epoch, lr: 0.1 if epoch < 1 else lr * 0.7"},
            "EarlyStopping": {"monitor": "images", "patience": 3},
        },
    },
    "frozen bf16": {**PLAIN, "amp": True, "amp_dtype": "bfloat16", "frozen_layers": "(0:1)"},
}


class StopsAt(Bars):
    """Interrupt the program at a step of an epoch, both counted from 1."""

    def __init__(self, epoch: int, step: int) -> None:
        super().__init__()
        self.place = epoch, step

    def advance(self, steps: int = 1, **values: float) -> None:
        super().advance(steps, **values)
        epoch = int(self.shown[-1]["description"].split()[1].partition("/")[0])
        if (epoch, self.shown[-1]["steps"]) == self.place:
            raise KeyboardInterrupt


def fit(job: TrainJob) -> Any:
    return LightningTrainer("cpu").fit(job)


def all_state(folder: Path) -> dict[str, Any]:
    """Everything a checkpoint holds that a user would notice, but for the time taken."""
    content = torch.load(folder / "saved" / "last_model.pt", weights_only=True)
    state = content["zoo_training"]
    for row in state["record"]["rows"]:
        row.pop("seconds")
    return {
        "weights": content["state_dict"],
        "optimizer": content["optimizer_states"],
        "ours": state,
        "best": read_weights(folder / "saved" / "best_model.pt").state_dict,
    }


def assert_same(left: Any, right: Any, place: str = "") -> None:
    assert type(left) is type(right), place
    if isinstance(left, torch.Tensor):
        assert torch.equal(left, right), place
    elif isinstance(left, dict):
        assert left.keys() == right.keys(), place
        for key in left:
            assert_same(left[key], right[key], f"{place}/{key}")
    elif isinstance(left, list | tuple):
        assert len(left) == len(right), place
        for number, (one, other) in enumerate(zip(left, right, strict=True)):
            assert_same(one, other, f"{place}/{number}")
    else:
        assert left == right, place


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "work" / "summary.csv").open() as stream:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(stream)]


@pytest.mark.parametrize(("name", "epoch"), [("plain", 1), ("ema", 3), *((name, 2) for name in SETTINGS)])
def test_interrupted_and_resumed_equals_straight(tmp_path: Path, name: str, epoch: int) -> None:
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    expected = fit(make_job(straight, training=SETTINGS[name]))
    with pytest.raises(KeyboardInterrupt):
        fit(make_job(broken, training=SETTINGS[name], progress=StopsAt(epoch + 1, 2)))
    assert len(rows(broken)) == epoch
    outcome = fit(make_job(broken, training=SETTINGS[name], resume=True))
    assert_same(all_state(broken), all_state(straight))
    assert rows(broken) == rows(straight)
    assert (outcome.epochs, outcome.best_epoch, outcome.best_metrics) == (
        expected.epochs,
        expected.best_epoch,
        expected.best_metrics,
    )
    assert outcome.notes == expected.notes


def test_several_interruptions_equal_straight(tmp_path: Path) -> None:
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    fit(make_job(straight, training=SETTINGS["ema"]))
    with pytest.raises(KeyboardInterrupt):
        fit(make_job(broken, training=SETTINGS["ema"], progress=StopsAt(2, 1)))
    for epoch in (3, 4):
        with pytest.raises(KeyboardInterrupt):
            fit(make_job(broken, training=SETTINGS["ema"], progress=StopsAt(epoch, 6), resume=True))
    fit(make_job(broken, training=SETTINGS["ema"], resume=True))
    assert_same(all_state(broken), all_state(straight))


@pytest.mark.parametrize("step", [1, 2, 3])
def test_recovery_inside_an_epoch_equals_straight(tmp_path: Path, step: int) -> None:
    training = SETTINGS["ema"] | {"recovery_interval": 1}
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    fit(make_job(straight, training=training))
    with pytest.raises(KeyboardInterrupt):
        fit(make_job(broken, training=training, progress=StopsAt(2, step + 1)))
    state = torch.load(broken / "saved" / "last_model.pt", weights_only=True)["zoo_training"]
    assert (state["epoch"], state["batch"]) == (1, step)
    progress = Bars()
    fit(make_job(broken, training=training, resume=True, progress=progress))
    assert_same(all_state(broken), all_state(straight))
    assert [(bar["description"], bar["steps"] == bar["total"]) for bar in progress.shown] == [
        ("epoch 2/4", True),
        ("epoch 3/4", True),
        ("epoch 4/4", True),
    ]
    assert progress.shown[0]["total"] == progress.shown[1]["total"] - step


def test_interruption_before_the_first_epoch_ends_leaves_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fit(make_job(tmp_path, progress=StopsAt(1, 2)))
    assert not (tmp_path / "saved").exists()


def test_interruption_while_validating_repeats_the_epoch(tmp_path: Path) -> None:
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    fit(make_job(straight))
    with pytest.raises(KeyboardInterrupt):
        fit(make_job(broken, progress=StopsAt(3, 6)))
    assert len(rows(broken)) == 2
    fit(make_job(broken, resume=True))
    assert_same(all_state(broken), all_state(straight))


def test_finished_training_is_not_repeated(tmp_path: Path) -> None:
    outcome = fit(make_job(tmp_path))
    written = (tmp_path / "saved" / "last_model.pt").stat().st_mtime_ns
    again = fit(make_job(tmp_path, resume=True))
    assert again == outcome
    assert (tmp_path / "saved" / "last_model.pt").stat().st_mtime_ns == written


def test_finished_training_goes_on_when_epochs_are_raised_and_says_so(tmp_path: Path) -> None:
    constant = {"lr_scheduler": {"lr": 0.05, "sched": "none"}}
    fit(make_job(tmp_path / "long", training={**constant, "epochs": 4}))
    fit(make_job(tmp_path / "short", training={**constant, "epochs": 2}))
    outcome = fit(make_job(tmp_path / "short", training={**constant, "epochs": 4}, resume=True))
    assert outcome.epochs == 4
    assert any("epochs is 4 and was 2" in note for note in outcome.notes)
    left, right = all_state(tmp_path / "short"), all_state(tmp_path / "long")
    assert_same(left["weights"], right["weights"])


def test_other_data_or_batch_size_is_told(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fit(make_job(tmp_path, progress=StopsAt(2, 1)))
    outcome = fit(make_job(tmp_path, training={"batch_size": 10}, train=TinyImages(33), resume=True))
    assert any("training.batch_size is 10 and was 8" in note for note in outcome.notes)
    assert any("training images is 33 and was 30" in note for note in outcome.notes)


def test_other_batches_inside_an_epoch_are_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fit(make_job(tmp_path, training={"recovery_interval": 1}, progress=StopsAt(2, 2)))
    with pytest.raises(UserError, match=r"inside an epoch.*batch_size is 10 and was 8"):
        fit(make_job(tmp_path, training={"recovery_interval": 1, "batch_size": 10}, resume=True))


def test_best_weights_waiting_beside_their_place_are_used(tmp_path: Path) -> None:
    """A kill between the checkpoint and the renaming of the best weights loses nothing."""
    straight = tmp_path / "straight"
    fit(make_job(straight))
    with pytest.raises(KeyboardInterrupt):
        fit(make_job(tmp_path / "broken", progress=StopsAt(4, 1)))
    saved = tmp_path / "broken" / "saved"
    best = read_weights(saved / "best_model.pt")
    shutil.move(saved / "best_model.pt", saved / ".best_model.pt.next")
    stale = best.metadata | {"training": {"epoch": 1}}
    save_weights(saved / "best_model.pt", TinyNet(), stale)
    fit(make_job(tmp_path / "broken", resume=True))
    assert_same(all_state(tmp_path / "broken"), all_state(straight))
    assert not (saved / ".best_model.pt.next").exists()


def test_best_weights_newer_than_the_checkpoint_are_not_taken(tmp_path: Path) -> None:
    """A kill after the best weights were written and before the checkpoint was: they wait and are thrown away."""
    straight = tmp_path / "straight"
    fit(make_job(straight))
    with pytest.raises(KeyboardInterrupt):
        fit(make_job(tmp_path / "broken", progress=StopsAt(3, 1)))
    saved = tmp_path / "broken" / "saved"
    future = read_weights(saved / "best_model.pt").metadata | {"training": {"epoch": 99}}
    save_weights(saved / ".best_model.pt.next", TinyNet(), future)
    fit(make_job(tmp_path / "broken", resume=True))
    assert_same(all_state(tmp_path / "broken"), all_state(straight))


def test_resume_into_another_folder_brings_the_best_weights_along(tmp_path: Path) -> None:
    straight = tmp_path / "straight"
    fit(make_job(straight))
    with pytest.raises(KeyboardInterrupt):
        fit(make_job(tmp_path / "first", progress=StopsAt(4, 1)))
    fit(make_job(tmp_path / "second", resume_from=tmp_path / "first" / "saved" / "last_model.pt"))
    assert_same(all_state(tmp_path / "second"), all_state(straight))


def test_lost_best_weights_are_told_and_searched_anew(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fit(make_job(tmp_path, progress=StopsAt(3, 1)))
    for path in [*(tmp_path / "saved").glob("checkpoint-*"), tmp_path / "saved" / "best_model.pt"]:
        path.unlink()
    outcome = fit(make_job(tmp_path, resume=True))
    assert outcome.best_epoch >= 3
    assert any("are not beside" in note for note in outcome.notes)
    assert (tmp_path / "saved" / "best_model.pt").exists()


def test_early_stop_is_remembered(tmp_path: Path) -> None:
    training = {"callbacks": {"EarlyStopping": {"monitor": "images", "patience": 1}}}
    outcome = fit(make_job(tmp_path, training=training))
    assert (outcome.epochs, outcome.stopped_early) == (2, True)
    again = fit(make_job(tmp_path, training=training, resume=True))
    assert (again.epochs, again.stopped_early) == (2, True)


def test_weights_alone_are_refused(tmp_path: Path) -> None:
    fit(make_job(tmp_path))
    with pytest.raises(UserError, match="lacks the optimizer and the epoch"):
        fit(make_job(tmp_path, resume_from=tmp_path / "saved" / "best_model.pt"))


def test_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    fit(make_job(tmp_path))
    with pytest.raises(UserError, match="for 3 classes, but the model has 5"):
        fit(make_job(tmp_path, model=TinyNet(5), resume=True))


def test_turning_the_average_on_is_refused(tmp_path: Path) -> None:
    fit(make_job(tmp_path))
    with pytest.raises(UserError, match="kept no average"):
        fit(make_job(tmp_path, training={"model_ema": True, "epochs": 6}, resume=True))


def test_a_loss_that_learns_something_else_is_refused(tmp_path: Path) -> None:
    class LearningTask(TinyTask):
        def criterion(self) -> torch.nn.Module:
            loss = super().criterion()
            loss.centers = torch.nn.Parameter(torch.zeros(2))
            return loss

    fit(make_job(tmp_path))
    with pytest.raises(UserError, match=r"had other losses: the checkpoint lacks: centers"):
        fit(make_job(tmp_path, task=LearningTask(), training={"epochs": 9}, resume=True))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"dropout": 0.5}, r"training\.dropout is 0\.5 and was None"),
        ({"frozen_layers": "(0:1)"}, r"training\.frozen_layers is \(0:1\) and was None"),
        ({"optimizer": {"opt": "sgd", "momentum": 0.5}}, r"training\.optimizer\.momentum is 0\.5 and was 0\.9"),
        ({"optimizer": {"opt": "adamw"}}, r"training\.optimizer\.opt is adamw and was sgd"),
    ],
)
def test_other_settings_of_model_and_optimizer_are_refused(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        fit(make_job(tmp_path, progress=StopsAt(2, 1)))
    with pytest.raises(UserError, match=told) as caught:
        fit(make_job(tmp_path, training=changes, resume=True))
    assert "Set them back" in str(caught.value)


def test_frozen_layers_may_be_spelled_otherwise(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fit(make_job(tmp_path, training={"frozen_layers": "(0:1)"}, progress=StopsAt(2, 1)))
    assert fit(make_job(tmp_path, training={"frozen_layers": " 0 : 1 "}, resume=True)).epochs == 4


def test_other_callbacks_and_rates_are_taken_and_told(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fit(make_job(tmp_path, progress=StopsAt(2, 1)))
    changes = {"callbacks": {"EarlyStopping": {"patience": 9}}, "lr_scheduler": {"lr": 0.2, "warmup_epochs": 1}}
    outcome = fit(make_job(tmp_path, training=changes, resume=True))
    assert any("training.lr_scheduler.lr is 0.2 and was 0.1" in note for note in outcome.notes)
    assert any("training.callbacks.EarlyStopping is" in note for note in outcome.notes)


def test_another_deciding_metric_starts_the_search_for_the_best_anew(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fit(make_job(tmp_path, progress=StopsAt(4, 1)))
    outcome = fit(make_job(tmp_path, training={"eval_metric": "loss"}, resume=True))
    assert outcome.best_epoch == 4  # values of two metrics are not compared
    assert outcome.best_metrics[0].name == "loss"
    assert any("the metric that decides is lowest loss and was highest top1" in note for note in outcome.notes)
    with pytest.raises(UserError, match="was finished, and another metric is to decide"):
        fit(make_job(tmp_path, training={"eval_metric": "top1"}, resume=True))
