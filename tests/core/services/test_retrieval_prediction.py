"""Predictions that need all images: a search for every query, written as other predictions are."""

from __future__ import annotations

import csv
import json
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from zoo_core.data.images import read_image
from zoo_core.errors import DataError, UnreadableImageError, UserError
from zoo_core.protocols import Sample
from zoo_core.services.prediction import PredictionService

QUERY, GALLERY = "query", "gallery"


class Files:
    """Grey pictures in folders; a file without content cannot be read."""

    def __init__(self, root: Path, entries: list[tuple[str, str, int | None]]) -> None:
        self.paths = [root / name for name, _, _ in entries]
        self.targets = [role for _, role, _ in entries]
        self.reads: list[str] = []
        for path, (_, _, value) in zip(self.paths, entries, strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            if value is None:
                path.touch()
            else:
                Image.new("L", (8, 16), value).save(path)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Sample:
        self.reads.append(self.name(index))
        return Sample(read_image(self.paths[index]), self.targets[index], self.name(index))

    def name(self, index: int) -> str:
        return str(self.paths[index])


class Nearest:
    """Finds the gallery picture of the nearest grey value; knows nothing before it has seen all."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, str, str, tuple[int, int]]] = []
        self.batches = 0

    def decode(self, outputs: Any, sizes: Any) -> list[dict[str, Any]]:
        raise NotImplementedError

    def draw(self, image: Image.Image, record: Any) -> Image.Image:
        raise NotImplementedError

    def describe(self) -> dict[str, Any]:
        return {}

    def gather(self, outputs: Any, names: Any, targets: Any, sizes: Any) -> None:
        assert isinstance(targets, list)
        self.batches += 1
        self.seen += zip(outputs[0][:, 0].tolist(), names, targets, sizes, strict=True)

    def records(self) -> list[dict[str, Any]]:
        gallery = [one for one in self.seen if one[2] == GALLERY]
        if not gallery:
            msg = "no gallery"
            raise DataError(msg)
        answers = []
        for value, name, role, size in self.seen:
            if role == QUERY:
                order = sorted(gallery, key=lambda one: abs(one[0] - value))
                matches = [{"image": one[1]} for one in order]
                answers.append({"image": name, "distance": abs(order[0][0] - value), "size": size, "matches": matches})
        return answers

    def draw_record(self, record: Any, read: Any) -> Image.Image:
        names = [record["image"], *(match["image"] for match in record["matches"])]
        strip = Image.new("L", (8 * len(names), 16))
        for place, name in enumerate(names):
            strip.paste(read(name), (8 * place, 0))
        return strip


class Grey:
    """The mean grey value as the whole input."""

    def __call__(self, image: Image.Image) -> torch.Tensor:
        return torch.full((1, 1, 1), float(np.asarray(image).mean()))


class Session:
    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.closed = 0

    def run(self, images: Any) -> list[Any]:
        self.sizes.append(len(images))
        return [images.reshape(len(images), 1)]

    def close(self) -> None:
        self.closed += 1


class Bars:
    def __init__(self) -> None:
        self.bars: list[list[Any]] = []

    @contextmanager
    def track(self, description: str, total: int | None) -> Any:
        bar = [description, total, 0]
        self.bars.append(bar)

        def advance(steps: int = 1, **_: float) -> None:
            bar[2] += steps

        yield SimpleNamespace(advance=advance)


class Run:
    """What a prediction asks of a run."""

    def __init__(self, root: Path, dataset: Files, decoder: Any) -> None:
        self.layout = SimpleNamespace(root=root / "run")
        self.session, self.progress, self.data = Session(), Bars(), dataset
        self.task = SimpleNamespace(preprocessing=Grey(), decoder=lambda: decoder)
        self.config = SimpleNamespace(
            prediction=SimpleNamespace(target="host", batch_size=2), dataset=SimpleNamespace(workers=0)
        )

    def dataset(self, _split: str) -> Files:
        return self.data

    def open_session(self, _model: Any) -> Session:
        return self.session


@pytest.fixture
def start(tmp_path):
    def start(entries, decoder=None):
        context = Run(tmp_path, Files(tmp_path, entries), decoder or Nearest())
        model = SimpleNamespace(path=Path("model.onnx"))
        try:
            context.result = PredictionService().run(context, None, model).result
        finally:
            start.context = context
        return context

    return start


FILES = [
    ("query/one/a.png", QUERY, 10),
    ("query/two/a.png", QUERY, 200),
    ("gallery/a.png", GALLERY, 190),
    ("gallery/b.png", GALLERY, 40),
]


def test_records_are_written_as_those_of_other_predictions(start, tmp_path):
    context = start(FILES)
    root = context.layout.root
    data = json.loads((root / "predictions.json").read_text())
    assert {key: data[key] for key in data if key != "predictions"} == {"schema_version": 1, "model": "model.onnx"}
    wanted = [
        ("query/one/a.png", "a.png.png", 30, ["gallery/b.png", "gallery/a.png"]),
        ("query/two/a.png", "a_2.png.png", 10, ["gallery/a.png", "gallery/b.png"]),
    ]
    assert data["predictions"] == [
        {
            "image": str(tmp_path / image),
            "picture": picture,
            "distance": distance,
            "size": [8, 16],
            "matches": [{"image": str(tmp_path / match)} for match in matches],
        }
        for image, picture, distance, matches in wanted
    ]
    with (root / "predictions.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["image"], row["picture"], float(row["distance"])) for row in rows] == [
        (str(tmp_path / image), picture, distance) for image, picture, distance, _ in wanted
    ]
    assert "matches" not in rows[0]


def test_the_result_counts_queries_and_names_every_file(start):
    context = start(FILES)
    files = ("predictions.json", "predictions.csv", "predictions/a.png.png", "predictions/a_2.png.png")
    assert (context.result.images, context.result.files, context.result.skipped) == (2, files, ())
    assert all((context.layout.root / file).is_file() for file in files)
    assert len(list((context.layout.root / "predictions").iterdir())) == 2


def test_pictures_of_equal_file_names_are_distinct(start):
    context = start(FILES)
    for picture, values in (("a.png.png", (10, 40, 190)), ("a_2.png.png", (200, 190, 40))):
        with Image.open(context.layout.root / "predictions" / picture) as strip:
            assert tuple(strip.getpixel((8 * place + 4, 8)) for place in range(3)) == values


def test_every_image_is_computed_once_and_shown_as_progress(start):
    context = start(FILES)
    assert context.session.sizes == [2, 2]
    assert context.progress.bars == [["Predicting", 4, 4], ["Drawing", 2, 2]]
    assert context.session.closed == 1


def test_unreadable_queries_and_gallery_pictures_are_skipped(start, tmp_path, caplog):
    context = start([*FILES, ("query/empty.png", QUERY, None), ("gallery/empty.png", GALLERY, None)])
    wanted = [str(tmp_path / name) for name in ("query/empty.png", "gallery/empty.png")]
    assert [file.path for file in context.result.skipped] == wanted
    assert all(file.reason == "the file is empty" for file in context.result.skipped)
    assert all(path in caplog.text for path in wanted)
    assert context.result.images == 2
    assert context.progress.bars[0] == ["Predicting", 6, 6]


def test_a_refusal_comes_after_the_names_of_unreadable_files(start, tmp_path, caplog):
    with pytest.raises(DataError, match="no gallery"):
        start([*FILES[:2], ("gallery/empty.png", GALLERY, None)])
    assert str(tmp_path / "gallery/empty.png") in caplog.text
    assert start.context.session.closed == 1
    assert not (start.context.layout.root / "predictions.json").exists()


def test_images_that_all_fail_are_refused(start):
    with pytest.raises(DataError, match="None of 1 images"):
        start([("query/empty.png", QUERY, None)])


def test_an_image_that_is_gone_before_it_is_drawn_is_named(start, tmp_path):
    class Forgetful(Nearest):
        def records(self) -> list[dict[str, Any]]:
            (tmp_path / "gallery/b.png").unlink()
            return super().records()

    with pytest.raises(UnreadableImageError, match=r"b\.png: the file does not exist"):
        start(FILES, Forgetful())


def test_the_session_is_closed_when_a_batch_is_refused(start):
    class Refusing(Nearest):
        def gather(self, *_: Any) -> None:
            msg = "not finite"
            raise UserError(msg)

    with pytest.raises(UserError, match="not finite"):
        start(FILES, Refusing())
    assert start.context.session.closed == 1


class Single:
    """Answers for one image at a time."""

    def decode(self, outputs: Any, sizes: Any) -> list[dict[str, Any]]:
        return [{"grey": value} for value in outputs[0][:, 0].tolist()]

    def draw(self, image: Image.Image, record: Any) -> Image.Image:
        return Image.new("L", image.size, 255 - round(record["grey"]))

    def describe(self) -> dict[str, Any]:
        return {}


def test_other_decoders_answer_for_every_image(start, tmp_path):
    context = start([*FILES, ("query/empty.png", QUERY, None)], Single())
    data = json.loads((context.layout.root / "predictions.json").read_text())["predictions"]
    names = ["a.png.png", "a_2.png.png", "a_3.png.png", "b.png.png"]
    assert [(row["image"], row["picture"], row["grey"]) for row in data] == [
        (str(tmp_path / name), picture, grey) for (name, _, grey), picture in zip(FILES, names, strict=True)
    ]
    for (_, _, grey), picture in zip(FILES, names, strict=True):
        with Image.open(context.layout.root / "predictions" / picture) as drawn:
            assert drawn.getpixel((0, 0)) == 255 - grey
    assert [Path(file.path).name for file in context.result.skipped] == ["empty.png"]
    assert context.progress.bars == [["Predicting", 5, 5]]
