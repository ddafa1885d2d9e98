"""Own the making of data sets that need no download: arguments are checked, pictures drawn, the result reported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo_core.errors import UserError
from zoo_core.protocols import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeShapes:
    """Report a data set of drawn figures."""

    folder: Path
    seed: int
    images: dict[str, int]
    """Split -> number of pictures for detection, and as many for pose."""
    figures: dict[str, int]
    """Class -> number of figures on the pictures for detection."""
    identities: int
    crops: dict[str, int]
    """Folder of re-identification -> number of pictures."""
    configs: dict[str, Path]
    """Use case -> configuration that trains on the pictures."""

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "folder": str(self.folder.resolve()),
            "seed": self.seed,
            "images": self.images,
            "figures": self.figures,
            "pose": self.images,
            "identities": self.identities,
            "reid": self.crops,
            "configs": {use_case: str(path.resolve()) for use_case, path in self.configs.items()},
        }


def make_shapes(folder: Path, progress: Progress, *, images: int, size: int, seed: int, identities: int) -> MadeShapes:
    """Draw a data set of figures for detection, pose and re-identification, the same for the same numbers.

    Args:
        folder: New or empty folder.
        progress: Shows how far the drawing is.
        images: Pictures for detection, and as many for pose.
        size: Width and height of these pictures in pixels.
        seed: Start of all random numbers.
        identities: Persons for re-identification.

    Raises:
        UserError: When numbers are outside their limits, or the folder is not empty or cannot be written.
    """
    from zoo_core.data.shapes.plan import ShapesPlan

    plan = ShapesPlan(images=images, size=size, seed=seed, identities=identities)
    if faults := plan.faults():
        raise UserError("The data set cannot be drawn:", hint="\n".join(faults))
    from zoo_core.data.shapes.writing import CONFIGS, write_shapes

    written = write_shapes(folder, plan, progress)
    return MadeShapes(
        folder=folder,
        seed=seed,
        images=written.images,
        figures=written.figures,
        identities=identities,
        crops=written.crops,
        configs={use_case: folder / name for use_case, name in CONFIGS.items()},
    )
