"""Examples of an evaluation: which images are shown, that they are the right ones, and that nothing else fails."""

from __future__ import annotations

import json
import logging
import math
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from zoo_core.data.images import read_image
from zoo_core.protocols import Sample
from zoo_core.services.attempt import attempt
from zoo_core.services.examples import choose_examples, remove_examples, write_examples
from zoo_core.services.measuring import Measurement

ABOUT = {"model": "int8", "split": "test"}


def places(scores, right):
    return [(one.place, one.right) for one in choose_examples(scores, right)]


# --- the choice ----------------------------------------------------------------------------------------------------


def test_wrong_ones_come_worst_first_then_right_ones():
    scores = [1.0, 0.3, 0.9, 0.1, 0.2]
    right = [True, False, True, False, False]
    assert places(scores, right) == [(3, False), (4, False), (1, False), (0, True), (2, True)]


def test_images_that_cannot_be_right_or_wrong_are_not_shown():
    assert places([math.nan, 0.0, math.nan, 1.0], [False, False, True, True]) == [(1, False), (3, True)]


def test_right_ones_are_evenly_spread():
    assert [place for place, _ in places([1.0] * 80, [True] * 80)] == [0, 10, 20, 30, 40, 50, 60, 70]


def test_equally_wrong_ones_are_evenly_spread_after_worse_ones():
    scores = [0.5] * 60 + [0.25, 0.125]
    chosen = [place for place, _ in places(scores, [False] * 62)]
    assert chosen == [61, 60, 0, 10, 20, 30, 40, 50]


def test_nothing_gives_nothing():
    assert places([], []) == []
    assert places([math.nan], [True]) == []


# --- the pictures --------------------------------------------------------------------------------------------------


class Files:
    """Grey pictures whose label is their grey value; those without a value cannot be read."""

    def __init__(self, root: Path, values: list[int | None], size: tuple[int, int] = (40, 20)) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.paths = [root / f"{place:02d}.png" for place in range(len(values))]
        self.targets = [-1 if value is None else value for value in values]
        for path, value in zip(self.paths, values, strict=True):
            if value is None:
                path.touch()
            else:
                Image.new("L", size, value).save(path)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Sample:
        return Sample(read_image(self.paths[index]), self.targets[index], self.name(index))

    def name(self, index: int) -> str:
        return str(self.paths[index])


class Grey:
    """The mean grey value as the whole input."""

    def __call__(self, image: Image.Image) -> torch.Tensor:
        return torch.full((1, 1, 1), float(np.asarray(image).mean()))


class Session:
    """Gives back its input, but for the side that images are mirrored to."""

    def __init__(self) -> None:
        self.closed = 0

    def run(self, images: Any) -> list[Any]:
        return [images.reshape(len(images), 1)]

    def close(self) -> None:
        self.closed += 1


class Values:
    """Decodes the grey value, and paints the picture in it."""

    def decode(self, outputs: Any, sizes: Any) -> list[dict[str, Any]]:
        return [{"value": round(float(row[0])), "size": size} for row, size in zip(outputs[0], sizes, strict=True)]

    def draw(self, image: Image.Image, record: Any) -> Image.Image:
        assert image.size == record["size"]
        return Image.new("L", image.size, record["value"])

    def describe(self) -> dict[str, Any]:
        return {}

    def sentence(self, record: Any, target: Any) -> str:
        return f"found {record['value']}, is {target}"


class Judge:
    """Gives the scores that it is made with."""

    def __init__(self, scores: list[float], right: list[bool] | None = None) -> None:
        self.scores = scores
        self.right = [score >= 0.5 for score in scores] if right is None else right

    def image_scores(self) -> list[float]:
        return self.scores

    def right_images(self) -> list[bool]:
        return self.right


class Bars:
    def __init__(self) -> None:
        self.bars: list[list[Any]] = []

    @contextmanager
    def track(self, description: str, total: int | None) -> Any:
        bar = [description, total, 0]
        self.bars.append(bar)

        def advance(steps: int = 1) -> None:
            bar[2] += steps

        yield SimpleNamespace(advance=advance)


def context_of(decoder: Any, **task: Any) -> Any:
    session = Session()
    return SimpleNamespace(
        task=SimpleNamespace(preprocessing=Grey(), decoder=lambda: decoder, **task),
        open_session=lambda model: session,
        config=SimpleNamespace(evaluation=SimpleNamespace(tta=0)),
        progress=Bars(),
        session=session,
    )


def measured_on(dataset: Files, evaluator: Any) -> Measurement:
    """Return a measurement of the images that can be read."""
    read = [dataset.name(index) for index, target in enumerate(dataset.targets) if target >= 0]
    return Measurement((), evaluator, tuple(read), ())


def written(context: Any, dataset: Files, evaluator: Any, folder: Path) -> tuple[dict[str, Any] | None, Any]:
    files = write_examples(context, None, dataset, measured_on(dataset, evaluator), folder=folder, about=ABOUT)
    path = folder / "examples.json"
    return (json.loads(path.read_text(encoding="utf-8")) if path.exists() else None), files


def grey(path: Path) -> int:
    with Image.open(path) as picture:
        return round(float(np.asarray(picture).mean()))


def test_pictures_belong_to_their_images_though_some_could_not_be_read(tmp_path):
    dataset = Files(tmp_path / "data", [None, 10, 60, None, None, 110, 160, None])
    context = context_of(Values())
    document, files = written(context, dataset, Judge([0.2, 1.0, 0.1, 0.7]), tmp_path)
    assert document is not None
    assert {key: document[key] for key in ("schema_version", *ABOUT, "images", "right")} == {
        "schema_version": 1,
        **ABOUT,
        "images": 4,
        "right": 2,
    }
    shown = document["examples"]
    assert [Path(one["image"]).name for one in shown] == ["05.png", "01.png", "02.png", "06.png"]
    assert [one["text"] for one in shown] == [f"found {value}, is {value}" for value in (110, 10, 60, 160)]
    assert [(one["score"], one["right"]) for one in shown] == [(0.1, False), (0.2, False), (1.0, True), (0.7, True)]
    assert [grey(tmp_path / one["picture"]) for one in shown] == pytest.approx([110, 10, 60, 160], abs=1)
    assert [one["truth"] for one in shown] == [None] * 4
    assert shown[0]["picture"] == "examples/01_prediction.jpg"
    assert set(files) == {path for path in tmp_path.rglob("*") if path.suffix in (".jpg", ".json")}
    assert context.progress.bars == [["Drawing examples", 4, 4]]
    assert context.session.closed == 1


@pytest.mark.parametrize("size", [(3, 2), (600, 400), (20, 900)])
def test_pictures_have_a_size_to_look_at(size, tmp_path):
    """Small images are enlarged, large ones made smaller, with their proportions."""
    document, _ = written(context_of(Values()), Files(tmp_path / "data", [9], size), Judge([1.0]), tmp_path)
    assert document is not None
    with Image.open(tmp_path / document["examples"][0]["picture"]) as picture:
        assert picture.format == "JPEG"
        assert 256 <= max(picture.size) <= 320
        factor = max(picture.size) / max(size)
        assert picture.size == pytest.approx((size[0] * factor, size[1] * factor), abs=1)


def test_wide_drawings_are_made_smaller(tmp_path):
    class Wide(Values):
        def draw(self, image: Image.Image, record: Any) -> Image.Image:
            return Image.new("RGBA", (1000, 250))

    document, _ = written(context_of(Wide()), Files(tmp_path / "data", [9]), Judge([1.0]), tmp_path)
    assert document is not None
    with Image.open(tmp_path / document["examples"][0]["picture"]) as picture:
        assert picture.size == (320, 80)


def test_the_truth_is_drawn_on_the_input_of_the_model(tmp_path):
    from zoo_core.artifacts import InputSpec
    from zoo_core.data.preprocessing import ImagePreprocessing

    def draw_target(picture: Image.Image, target: int) -> Image.Image:
        assert picture.size == (30, 30)
        return Image.new("RGB", picture.size, (255 - target,) * 3)

    class Flat(Session):
        def run(self, images: Any) -> list[Any]:
            return [255 * images.mean((2, 3))]

    context = context_of(Values(), draw_target=draw_target)
    context.task.preprocessing = ImagePreprocessing(input=InputSpec(1, 30, 30), color_mode="grayscale")
    context.open_session = lambda model: Flat()
    document, _ = written(context, Files(tmp_path / "data", [50]), Judge([0.0]), tmp_path)
    assert document is not None
    (one,) = document["examples"]
    assert one["truth"] == "examples/01_truth.jpg"
    assert grey(tmp_path / one["truth"]) == pytest.approx(205, abs=1)
    assert one["text"] == "found 50, is 50"
    with Image.open(tmp_path / one["picture"]) as picture, Image.open(tmp_path / one["truth"]) as truth:
        assert max(picture.size) == max(truth.size)  # to be looked at side by side


def test_a_decoder_may_show_what_was_judged(tmp_path):
    evaluator = Judge([1.0])

    class Adapting(Values):
        def as_judged(self, judge: Any) -> Values:
            assert judge is evaluator
            return Values()

        def decode(self, outputs: Any, sizes: Any) -> list[dict[str, Any]]:
            raise AssertionError

    document, _ = written(context_of(Adapting()), Files(tmp_path / "data", [9]), evaluator, tmp_path)
    assert document is not None


def test_evaluators_that_do_not_judge_images_show_none(tmp_path):
    context = context_of(Values())
    document, files = written(context, Files(tmp_path / "data", [1, 2]), SimpleNamespace(), tmp_path)
    assert (document, files) == (None, ())
    assert context.progress.bars == []


def test_images_of_a_repeated_name_keep_their_places(tmp_path):
    dataset = Files(tmp_path / "data", [10, 10, 90])
    dataset.paths[1] = dataset.paths[0]
    document, _ = written(context_of(Values()), dataset, Judge([1.0, 1.0, 0.0]), tmp_path)
    assert document is not None
    assert [one["text"] for one in document["examples"]] == ["found 90, is 90", "found 10, is 10", "found 10, is 10"]


def test_names_that_are_not_in_the_data_set_are_refused(tmp_path):
    dataset = Files(tmp_path / "data", [10, 20])
    measured = Measurement((), Judge([1.0]), ("elsewhere.png",), ())
    with pytest.raises(ValueError, match=r"elsewhere\.png"):
        write_examples(context_of(Values()), None, dataset, measured, folder=tmp_path, about=ABOUT)


# --- decoders that need all images ---------------------------------------------------------------------------------


class Search(Values):
    """Finds the picture of the nearest other value."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, str, int]] = []

    def gather(self, outputs: Any, names: Any, targets: Any, sizes: Any) -> None:
        assert len(sizes) == len(names)
        self.seen += zip(outputs[0][:, 0].tolist(), names, targets, strict=True)

    def records(self) -> list[dict[str, Any]]:
        records = []
        for value, name, _ in self.seen:
            others = [(abs(other[0] - value), other[1], other[2]) for other in self.seen if other[1] != name]
            _, match, found = min(others)
            records.append({"image": name, "match": match, "value": found})
        return records

    def draw_record(self, record: Any, read: Any) -> Image.Image:
        return Image.new("L", (300, 100), grey_of(read(record["match"])))


def grey_of(image: Image.Image) -> int:
    return round(float(np.asarray(image).mean()))


class Keeper(Judge):
    """Keeps the values, and needs all of them for every answer."""

    def __init__(self, scores: list[float], values: list[int]) -> None:
        super().__init__(scores)
        self.values = values
        self.asked: list[list[int]] = []

    def outputs_for(self, images: Any) -> Any:
        self.asked.append(list(images))
        order = list(reversed(range(len(self.values))))
        return (
            order,
            [np.array([[self.values[place]] for place in order], np.float32)],
            [self.values[place] for place in order],
        )


def test_answers_that_need_all_images_come_from_kept_outputs(tmp_path):
    values = [10, 12, 100, 130]
    dataset = Files(tmp_path / "data", [10, None, 12, 100, 130])
    evaluator = Keeper([1.0, math.nan, 0.0, math.nan], values)
    context = context_of(Search())
    context.open_session = None  # nothing is computed again
    document, _ = written(context, dataset, evaluator, tmp_path)
    assert document is not None
    assert evaluator.asked == [[2, 0]]
    assert (document["images"], document["right"]) == (2, 1)
    assert [one["text"] for one in document["examples"]] == ["found 130, is 100", "found 12, is 10"]
    assert [grey(tmp_path / one["picture"]) for one in document["examples"]] == pytest.approx([130, 12], abs=1)


def test_answers_that_need_all_images_are_not_shown_without_outputs(tmp_path):
    document, files = written(context_of(Search()), Files(tmp_path / "data", [1, 2]), Judge([1.0, 0.0]), tmp_path)
    assert (document, files) == (None, ())


# --- what goes wrong -----------------------------------------------------------------------------------------------


def test_a_failed_attempt_is_one_line(caplog):
    with caplog.at_level(logging.WARNING, "zoo"), attempt("The examples"):
        msg = "two\nlines"
        raise ValueError(msg)
    assert [record.getMessage() for record in caplog.records] == [
        "The examples could not be made: ValueError: two lines"
    ]


def test_an_interruption_is_no_failed_attempt():
    with pytest.raises(KeyboardInterrupt), attempt("The examples"):
        raise KeyboardInterrupt


def test_removed_examples_leave_other_files(tmp_path):
    written(context_of(Values()), Files(tmp_path / "data", [1, 2]), Judge([1.0, 0.0]), tmp_path)
    (tmp_path / "per_class.csv").touch()
    remove_examples(tmp_path)
    remove_examples(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "per_class.csv"]
