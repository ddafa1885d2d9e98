"""Own the sheet of training images before and after augmentation, for any use case."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo_core.config.load import LoadedConfig
from zoo_core.errors import DataError, RunStoreError, UserError
from zoo_core.protocols import TRAIN, Progress
from zoo_core.results import SkippedFile
from zoo_core.runs.layout import RunLayout
from zoo_core.services.context import RunContext

LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """Report the sheet that was written."""

    file: Path | None
    """Configuration whose training was looked at."""
    picture: Path
    """Sheet that was written."""
    seed: int
    images: tuple[tuple[str, str], ...]
    """Path and label of each image, from top to bottom."""
    columns: tuple[str, ...]
    """What the augmented pictures of an image are, from left to right."""
    skipped: tuple[SkippedFile, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "file": None if self.file is None else str(self.file.resolve()),
            "picture": str(self.picture.resolve()),
            "seed": self.seed,
            "images": [{"path": path, "label": label} for path, label in self.images],
            "columns": list(self.columns),
            "skipped": [{"path": skip.path, "reason": skip.reason} for skip in self.skipped],
            "notes": list(self.notes),
        }


def preview_augmentation(loaded: LoadedConfig, progress: Progress, *, count: int, output: Path) -> Preview:
    """Write a sheet of the first images that a training sees, before and after augmentation.

    Raises:
        DataError: When the configuration leads to no training images, or none can be read.
        UserError: When the file to write is no PNG file, or the use case cannot be shown.
        RunStoreError: When the file cannot be written.
    """
    from zoo_core.data.preview import draw_examples
    from zoo_core.data.sheet import draw_sheet

    if output.suffix.lower() != ".png":
        raise UserError(f"{output} is not the name of a PNG file.", hint="Choose one that ends in .png.")
    context = RunContext(loaded, RunLayout(Path()), progress, splits=frozenset({TRAIN}), seed=_seed(loaded))
    dataset = context.datasets.train
    if dataset is None:
        hint = "Set dataset.training_path, or whatever leads to the training images of the data set."
        raise DataError("The configuration leads to no training images.", hint=hint)
    with context.code_of(context.selection.task, "augmentation"):
        examples = draw_examples(dataset, context.task, context.seed, count)
        batches = context.task.batch_transform() is not None
    source = loaded.composed.file
    title = f"{source.name if source is not None else 'configuration'}, general.seed {context.seed}"
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        draw_sheet(examples, title).save(output, "PNG")
    except OSError as error:
        msg = f"Cannot write {output}: {error.strerror or error}."
        raise RunStoreError(msg, hint="Choose another file with --output PNG.") from error
    return Preview(
        file=source,
        picture=output,
        seed=context.seed,
        images=tuple((example.path, example.label) for example in examples.examples),
        columns=examples.titles,
        skipped=examples.skipped,
        notes=_notes(changed=any(example.changed for example in examples.examples), batches=batches),
    )


def _seed(loaded: LoadedConfig) -> int:
    seed = loaded.config.general.seed
    return random.SystemRandom().randint(0, LARGEST_SEED) if seed is None else seed


def _notes(*, changed: bool, batches: bool) -> tuple[str, ...]:
    notes = []
    if not changed:
        notes.append("No image was changed: the file has no data_augmentation section, or nothing in it acts.")
    if batches:
        notes.append("What acts on whole batches, such as a change of their size or mixup, is not shown.")
    return tuple(notes)
