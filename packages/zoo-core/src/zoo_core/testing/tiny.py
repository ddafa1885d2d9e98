"""Own data sets so small that a test can afford them: drawn into a folder, described as a `dataset` section."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from zoo_core.errors import UserError

CLASSES = ("disc", "frame", "stripes")
"""Classes of the pictures for classification."""
IMAGES = {"train": 8, "val": 3, "test": 3}
"""Split -> pictures of each class for classification."""
SIDE = 32
"""Width and height of these pictures in pixels."""
SEED = 1
FIGURES = 12
FIGURES_SIDE = 64
IDENTITIES = 8
DRAWN = ("detection", "reid", "pose")
"""Use cases whose pictures `zoo data make shapes` draws."""
TASKS = ("classification", *DRAWN)


def draw_tiny_dataset(task: str, folder: Path) -> dict[str, Any]:
    """Draw a data set with training, validation and test pictures into a folder and return its `dataset` section.

    Paths in the section are absolute, and the same pictures are drawn each time.

    Args:
        task: One of `TASKS`.
        folder: New or empty folder.

    Raises:
        UserError: When no pictures are drawn for such a use case.
    """
    if task not in TASKS:
        msg = f'There is no tiny data set for the use case "{task}".'
        raise UserError(msg, hint=f"There is one for {', '.join(TASKS)}; write files of your own for others.")
    return _draw_classes(folder) if task == "classification" else _draw_figures(task, folder)


def tiny_training(task: str) -> dict[str, Any]:
    """Return keys of the `training` section that suit the tiny data set of a use case."""
    return {"batch_size": 6, "num_instances": 2} if task == "reid" else {"batch_size": 4}


def _draw_classes(folder: Path) -> dict[str, Any]:
    import numpy as np
    from PIL import Image, ImageDraw

    for place, (split, count) in enumerate(IMAGES.items()):
        for number, name in enumerate(CLASSES):
            inside = folder / split / name
            inside.mkdir(parents=True)
            for index in range(count):
                draw = np.random.default_rng((SEED, place, number, index))
                colours = draw.integers(0, 120, 3), draw.integers(136, 256, 3)
                paper, ink = (tuple(int(value) for value in colour) for colour in colours)
                picture = Image.new("RGB", (SIDE, SIDE), paper)
                left, top = (int(value) for value in draw.integers(2, 10, 2))
                pen, box = ImageDraw.Draw(picture), (left, top, left + 18, top + 18)
                if name == "disc":
                    pen.ellipse(box, fill=ink)
                elif name == "frame":
                    pen.rectangle(box, outline=ink, width=3)
                else:
                    for line in range(left, left + 19, 6):
                        pen.line((line, 0, line, SIDE), fill=ink, width=2)
                picture.save(inside / f"{name}_{index}.png")
    paths = {"training_path": "train", "validation_path": "val", "test_path": "test", "prediction_path": "test"}
    return {"class_names": list(CLASSES), "workers": 0, **{key: str(folder / split) for key, split in paths.items()}}


def _draw_figures(task: str, folder: Path) -> dict[str, Any]:
    import yaml

    from zoo_core.data.shapes.writing import CONFIGS

    for name, content in _figures():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    document = yaml.safe_load((folder / CONFIGS[task]).read_text(encoding="utf-8"))
    section = {
        key: str(folder / value) if key.endswith("_path") else value for key, value in document["dataset"].items()
    }
    return {**section, "workers": 0}


@cache
def _figures() -> tuple[tuple[str, bytes], ...]:
    """Return the files of the drawn figures, which take a second to draw, so they are drawn once in a process."""
    from zoo_core.data.shapes.plan import ShapesPlan
    from zoo_core.data.shapes.writing import write_shapes
    from zoo_core.testing.tiny_run import Unseen

    with tempfile.TemporaryDirectory(prefix="zoo_tiny_") as name:
        folder = Path(name) / "figures"
        write_shapes(folder, ShapesPlan(images=FIGURES, size=FIGURES_SIDE, seed=SEED, identities=IDENTITIES), Unseen())
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return tuple((path.relative_to(folder).as_posix(), path.read_bytes()) for path in files)
