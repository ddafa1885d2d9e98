"""Own the prediction stage: images without labels to annotated pictures and one table of records."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from zoo_core.artifacts import Artifact, Checkpoint, FloatOnnx, QuantizedOnnx
from zoo_core.errors import DataError
from zoo_core.protocols import PREDICTION, Batch, Decoder, GatheringDecoder, ImageDataset, Stage
from zoo_core.results import PredictionResult, SkippedFile
from zoo_core.runs.files import disk_errors, write_json, write_text
from zoo_core.runs.log import log_skipped
from zoo_core.services.base import StageOutput
from zoo_core.services.context import RunContext
from zoo_core.services.targets import opened

if TYPE_CHECKING:
    from PIL.Image import Image

    from zoo_core.config.sections import RunConfig

SCHEMA_VERSION = 1
FOLDER = "predictions"
RESULTS = "predictions_coco.json"
"""Predictions in COCO's result format, of use cases whose decoder has `results(records, names)`."""


class PredictionService:
    """Predict what is on images, draw it and write it down."""

    name: ClassVar[str] = "prediction"
    letter: ClassVar[str] = "p"
    needs: ClassVar[tuple[type[Artifact], ...]] = (QuantizedOnnx, FloatOnnx, Checkpoint)
    fallback: ClassVar[tuple[type[Artifact], ...]] = ()
    makes: ClassVar[type[Artifact] | None] = None
    sections: ClassVar[tuple[str, ...]] = ("model", "dataset", "preprocessing", "postprocessing", "prediction")

    def reads(self, config: RunConfig) -> frozenset[str]:
        """Return the splits of the data set that a stage needs."""
        return frozenset({PREDICTION})

    def run(self, context: RunContext, stage: Stage, model: Artifact | None) -> StageOutput:
        """Write `predictions/<image>.png`, `predictions.json` and `predictions.csv`."""
        if model is None:
            msg = "the planner gives every prediction a model"
            raise ValueError(msg)
        decoder = context.task.decoder()
        root = context.layout.root
        pages = _Pages(root / FOLDER, context.dataset(PREDICTION))
        if isinstance(decoder, GatheringDecoder):
            skipped = _predict_together(context, model, decoder, pages)
        else:
            skipped = _predict_singly(context, model, decoder, pages)
        records = pages.records
        if not records:
            raise DataError("None of the images could be read.", hint="The log names every file and its fault.")
        table = {"schema_version": SCHEMA_VERSION, "model": model.path.name, "predictions": records}
        write_json(root / "predictions.json", table)
        write_text(root / "predictions.csv", _as_csv(records))
        pictures = tuple(f"{FOLDER}/{record['picture']}" for record in records)
        own = _write_results(decoder, records, root)
        files = ("predictions.json", "predictions.csv", *own, *pictures)
        return StageOutput(PredictionResult(images=len(records), files=files, skipped=tuple(skipped)))


class _Pages:
    """Hold the records so far, and keep the picture of each in a folder."""

    def __init__(self, folder: Path, dataset: ImageDataset) -> None:
        self.dataset = dataset
        self.records: list[dict[str, Any]] = []
        self._folder = folder
        self._taken: set[str] = set()
        self._positions = {dataset.name(index): index for index in range(len(dataset))}

    def read(self, name: str) -> Image:
        """Return an image of the data set."""
        image: Image = self.dataset[self._positions[name]].image
        return image

    def add(self, name: str, record: Mapping[str, Any], drawn: Image) -> None:
        picture = _picture_name(name, self._taken)
        _save_picture(self._folder / picture, drawn)
        self.records.append({"image": name, "picture": picture, **record})


def _predict_singly(context: RunContext, model: Artifact, decoder: Decoder, pages: _Pages) -> list[SkippedFile]:
    """Decode and draw every image when its outputs are there; return the files that were left out."""

    def take(outputs: Any, batch: Batch) -> None:
        for path, record in zip(batch.paths, decoder.decode(outputs, batch.sizes), strict=True):
            pages.add(path, record, decoder.draw(pages.read(path), record))

    return _compute(context, model, pages.dataset, take)


def _predict_together(
    context: RunContext, model: Artifact, decoder: GatheringDecoder, pages: _Pages
) -> list[SkippedFile]:
    """Compute the outputs for all images, then decode and draw; return the files that were left out."""

    def take(outputs: Any, batch: Batch) -> None:
        decoder.gather(outputs, batch.paths, batch.targets, batch.sizes)

    skipped = _compute(context, model, pages.dataset, take)
    records = decoder.records()
    with context.progress.track("Drawing", len(records)) as bar:
        for record in records:
            pages.add(record["image"], record, decoder.draw_record(record, pages.read))
            bar.advance()
    return skipped


def _compute(
    context: RunContext, model: Artifact, dataset: ImageDataset, take: Callable[[Any, Batch], None]
) -> list[SkippedFile]:
    """Hand over the model's outputs for every batch of a data set; return the files that were left out."""
    from zoo_core.data.loader import eval_loader
    from zoo_core.data.prefetch import read_ahead

    section = context.config.prediction
    workers = context.config.dataset.workers
    loader = eval_loader(dataset, context.task.preprocessing, list, batch_size=section.batch_size, workers=workers)
    skipped: list[SkippedFile] = []
    with (
        opened(context, section.target, model) as session,
        context.progress.track("Predicting", len(dataset)) as bar,
    ):
        for batch in read_ahead(loader):
            skipped += batch.skipped
            if batch.paths:
                take(session.run(batch.images.numpy()), batch)
            bar.advance(len(batch.paths) + len(batch.skipped))
    log_skipped("prediction", skipped)
    return skipped


def _write_results(decoder: Decoder, records: list[dict[str, Any]], root: Path) -> tuple[str, ...]:
    """Write the results in the form that the use case exchanges them in, where it has one."""
    results = getattr(decoder, "results", None)
    if not callable(results):
        return ()
    write_json(root / RESULTS, results(records, [record["image"] for record in records]))
    return (RESULTS,)


def _picture_name(path: str, taken: set[str]) -> str:
    """Return the name of the annotated picture, numbered when images of several folders share a name."""
    name, number = f"{Path(path).name}.png", 1
    while name in taken:
        number += 1
        name = f"{Path(path).stem}_{number}{Path(path).suffix}.png"
    taken.add(name)
    return name


def _save_picture(path: Path, picture: Image) -> None:
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path)


def _as_csv(records: list[dict[str, Any]]) -> str:
    columns = [key for key, value in records[0].items() if not isinstance(value, list | dict)]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return stream.getvalue()
