"""Own the prediction stage: images without labels to annotated pictures and one table of records."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from zoo_core.artifacts import Artifact, Checkpoint, FloatOnnx, QuantizedOnnx
from zoo_core.errors import DataError
from zoo_core.protocols import PREDICTION, Decoder, Stage
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
        from zoo_core.data.loader import eval_loader
        from zoo_core.data.prefetch import read_ahead

        if model is None:
            msg = "the planner gives every prediction a model"
            raise ValueError(msg)
        dataset = context.dataset(PREDICTION)
        decoder = context.task.decoder()
        target = context.config.prediction.target
        folder = context.layout.root / FOLDER
        records: list[dict[str, Any]] = []
        taken: set[str] = set()
        skipped: list[SkippedFile] = []
        loader = eval_loader(
            dataset,
            context.task.preprocessing,
            list,
            batch_size=context.config.prediction.batch_size,
            workers=context.config.dataset.workers,
        )
        positions = {dataset.name(index): index for index in range(len(dataset))}
        with opened(context, target, model) as session, context.progress.track("Predicting", len(dataset)) as bar:
            for batch in read_ahead(loader):
                skipped += batch.skipped
                if batch.paths:
                    decoded = decoder.decode(session.run(batch.images.numpy()), batch.sizes)
                    for path, record in zip(batch.paths, decoded, strict=True):
                        picture = _picture_name(path, taken)
                        _save_picture(folder / picture, dataset[positions[path]].image, decoder, record)
                        records.append({"image": path, "picture": picture, **record})
                bar.advance(len(batch.paths) + len(batch.skipped))
        log_skipped("prediction", skipped)
        if not records:
            raise DataError("None of the images could be read.", hint="The log names every file and its fault.")
        root = context.layout.root
        table = {"schema_version": SCHEMA_VERSION, "model": model.path.name, "predictions": records}
        write_json(root / "predictions.json", table)
        write_text(root / "predictions.csv", _as_csv(records))
        pictures = tuple(f"{FOLDER}/{record['picture']}" for record in records)
        own = _write_results(decoder, records, root)
        files = ("predictions.json", "predictions.csv", *own, *pictures)
        return StageOutput(PredictionResult(images=len(records), files=files, skipped=tuple(skipped)))


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


def _save_picture(path: Path, image: Image, decoder: Decoder, record: Mapping[str, Any]) -> None:
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        decoder.draw(image, record).save(path)


def _as_csv(records: list[dict[str, Any]]) -> str:
    columns = [key for key, value in records[0].items() if not isinstance(value, list | dict)]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return stream.getvalue()
