"""TensorBoard itself reads what the tracker writes: curves, pictures, histograms, the configuration."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from zoo_core.reporting.trackers.tensorboard_tracker import TensorBoardTracker, tag_of
from zoo_core.testing.isolation import run_isolated


@pytest.fixture
def tracker(tmp_path):
    made = TensorBoardTracker(tmp_path, tmp_path / "logs")
    yield made
    made.close()


@pytest.fixture
def read(tmp_path):
    def make() -> EventAccumulator:
        events = EventAccumulator(str(tmp_path / "logs"), size_guidance={"images": 0, "scalars": 0, "histograms": 0})
        events.Reload()
        return events

    return make


def points(events, tag):
    return [(point.step, point.value) for point in events.Scalars(tag)]


def test_tags_are_those_of_st() -> None:
    columns = ["epoch", "lr", "train_loss", "train_top1", "val_loss", "val_map@50", "seconds"]
    tags = [tag_of(column) for column in columns]
    assert tags == [None, "lr/0", "train/loss", "train/top1", "eval/loss", "eval/map@50", None]


def test_an_epoch_can_be_read_as_soon_as_it_is_told(tracker, read) -> None:
    tracker.log_metrics({"lr": 0.5, "train_loss": 2.0, "val_map@50": 0.25, "seconds": 3.0}, 1)
    assert points(read(), "eval/map@50") == [(1, 0.25)]
    tracker.log_metrics({"val_map@50": 0.5}, 2)
    assert points(read(), "eval/map@50") == [(1, 0.25), (2, 0.5)]
    assert read().Tags()["scalars"] == ["lr/0", "train/loss", "eval/map@50"]


def test_epochs_that_are_trained_again_replace_the_old_ones(tracker, read, tmp_path) -> None:
    for epoch in (1, 2, 3):
        tracker.log_metrics({"val_top1": epoch}, epoch)
    tracker.log_metrics({"val_top1": 20.0}, 2)  # goes back
    assert points(read(), "eval/top1") == [(1, 1.0), (2, 20.0)]
    tracker.log_metrics({"val_top1": 30.0}, 3)
    tracker.close()
    again = TensorBoardTracker(tmp_path, tmp_path / "logs")  # another process trains from the start
    again.log_metrics({"val_top1": 7.0}, 1)
    again.close()
    assert points(read(), "eval/top1") == [(1, 7.0)]


def test_a_run_without_training_leaves_no_file(tracker, tmp_path) -> None:
    tracker.log_parameters({"general.seed": 1})
    tracker.log_metrics({"int8/test/top1": 91.0})
    tracker.close()
    assert not (tmp_path / "logs").exists()


def test_what_comes_after_the_training_goes_into_the_same_folder(tracker, read, tmp_path) -> None:
    tracker.log_parameters({"training.epochs": 1, "model.names": ["a|b"]})
    tracker.log_metrics({"val_top1": 1.0}, 1)
    tracker.close()
    later = TensorBoardTracker(tmp_path, tmp_path / "logs")
    later.log_metrics({"int8/test/top1": 91.0, "int_acc_test_set": 91.0})
    later.close()
    assert points(read(), "int8/test/top1") == [(0, 91.0)]
    assert "int_acc_test_set" not in read().Tags()["scalars"], "the same number under another name"
    (text,) = read().Tensors("configuration/text_summary")
    table = text.tensor_proto.string_val[0].decode()
    assert "| training.epochs | 1 |" in table
    assert "a&#124;b" in table


def test_parameters_that_an_earlier_process_was_told_are_shown(tracker, read, told, tmp_path) -> None:
    told(tmp_path)
    tracker.log_metrics({"val_top1": 1.0}, 1)
    (text,) = read().Tensors("configuration/text_summary")
    assert "| training.epochs | 2 |" in text.tensor_proto.string_val[0].decode()


def test_figures_become_images_and_pictures_of_predictions_do_not(tracker, read, tmp_path) -> None:
    tracker.log_metrics({"val_top1": 1.0}, 1)
    pixels = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    names = ("training_curves.png", "stages/2_evaluation/confusion.png", "stages/1_training/train_batches/epoch1.jpg")
    for name in (*names, "stages/3_prediction/predictions/cat.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
        tracker.log_file(path)
    for name in ("table.csv", "damaged.png"):
        (tmp_path / name).write_text("a\n")
        tracker.log_file(tmp_path / name)
    events = read()
    assert sorted(events.Tags()["images"]) == sorted(names)
    (image,) = events.Images("training_curves.png")
    assert (image.width, image.height) == (7, 5)
    assert image.encoded_image_string == (tmp_path / "training_curves.png").read_bytes()


def test_histograms_hold_the_counts(tracker, read) -> None:
    values = np.random.default_rng(0).normal(2.0, 3.0, 5000)
    counts, edges = np.histogram(values, 64)
    tracker.log_metrics({"val_top1": 1.0}, 1)
    tracker.log_histograms({"conv.weight": {"edges": edges.tolist(), "counts": counts.tolist()}}, 1)
    (found,) = read().Histograms("weights/conv.weight")
    held = found.histogram_value
    assert (found.step, held.num) == (1, 5000)
    assert list(held.bucket) == counts.tolist()
    assert list(held.bucket_limit) == edges[1:].tolist()
    assert (held.min, held.max) == (values.min(), values.max())
    assert held.sum / held.num == pytest.approx(values.mean(), abs=0.05)
    assert held.sum_squares / held.num == pytest.approx((values**2).mean(), rel=0.02)


def test_two_files_of_one_second_do_not_overwrite_each_other(tmp_path) -> None:
    for epoch in (1, 2, 3):
        made = TensorBoardTracker(tmp_path, tmp_path / "logs")
        made.log_metrics({"val_top1": float(epoch)}, epoch)
        made.close()
    assert len(list((tmp_path / "logs").iterdir())) == 3


def test_the_tracker_is_built_without_importing_what_writes() -> None:
    done = run_isolated(
        """
        from pathlib import Path
        from zoo_core.reporting.trackers import asking, tensorboard_tracker
        from zoo_core.config.sections import RunConfig, TrainingSection
        config = RunConfig.model_construct(training=TrainingSection.model_construct(log_tb=True))
        print(asking.tensorboard(config), tensorboard_tracker.TensorBoardTracker(Path("."), Path("logs")))
        """
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("True")
    assert not done.modules & {"torch", "numpy", "tensorboardX", "PIL"}


@pytest.mark.parametrize(("keys", "asked"), [({}, True), ({"log_tb": True}, True), ({"log_tb": False}, False)])
def test_it_is_on_unless_switched_off(keys, asked) -> None:
    from zoo_core.config.sections import RunConfig, TrainingSection
    from zoo_core.reporting.trackers import asking

    assert asking.tensorboard(RunConfig.model_construct(training=TrainingSection.model_construct(**keys))) is asked
    assert asking.tensorboard(RunConfig.model_construct(training=None)) is False


def test_the_default_is_silent_where_the_package_is_absent(monkeypatch) -> None:
    from zoo_core.config.sections import RunConfig, TrainingSection
    from zoo_core.errors import MissingError
    from zoo_core.reporting.trackers import asking, run_facts

    for module in (asking, run_facts):
        monkeypatch.setattr(module, "is_installed", lambda _: False)
    assert asking.tensorboard(RunConfig.model_construct(training=TrainingSection.model_construct())) is False
    written = TrainingSection.model_construct(log_tb=True)
    with pytest.raises(MissingError, match=r"training.log_tb needs the package tensorboardX.*\n.*pip install"):
        asking.tensorboard(RunConfig.model_construct(training=written))
