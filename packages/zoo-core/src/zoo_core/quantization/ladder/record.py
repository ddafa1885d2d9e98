"""Own what is known of the rungs of a ladder, on disk after each one, so that an interrupted climb goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx

from zoo_core.errors import RunStoreError
from zoo_core.export.onnx_file import save_onnx
from zoo_core.quantization.recipe import Recipe
from zoo_core.runs.files import read_json, write_json

FILE = "ladder.json"
FOLDER = "rungs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """Hold one recipe with what it gave."""

    name: str
    """Such as `equalization and bias correction`."""
    recipe: Recipe
    value: float
    """Metric of the quantized model on the held-out images."""
    drop: float
    """What the metric loses against the float model; negative when it gains."""
    seconds: float
    """Time to make and measure the model."""
    weight_bytes: int
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-able form."""
        return {
            "name": self.name,
            "description": self.recipe.describe(),
            "recipe": self.recipe.to_dict(),
            "value": self.value,
            "drop": self.drop,
            "seconds": self.seconds,
            "weight_bytes": self.weight_bytes,
            "notes": list(self.notes),
        }


@dataclass(slots=True)
class LadderRecord:
    """Keep the rungs of a climb and their models in a folder.

    `identity` says what was climbed: model, images, options. A record of another identity is not gone on with.
    """

    folder: Path
    identity: str
    facts: dict[str, Any] = field(default_factory=dict)
    """What holds for the whole climb, such as the metric of the float model."""
    rungs: list[Rung] = field(default_factory=list)
    """In the order of the climb."""
    _known: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """Return the file with the table."""
        return self.folder / FILE

    def load(self) -> None:
        """Read what an interrupted climb left; a damaged or foreign record counts as none."""
        try:
            data = read_json(self.path)
        except RunStoreError:
            return
        if data.get("identity") == self.identity:
            self.facts = dict(data.get("facts", {}))
            self._known = {entry["key"]: entry for entry in data.get("rungs", [])}

    def known(self, name: str, recipe: Recipe) -> Rung | None:
        """Return the rung of a recipe when it was measured before; its model can be made again."""
        entry = self._known.get(recipe.key)
        if entry is None:
            return None
        return Rung(
            name=name,
            recipe=recipe,
            value=float(entry["value"]),
            drop=float(entry["drop"]),
            seconds=float(entry["seconds"]),
            weight_bytes=int(entry["weight_bytes"]),
            notes=tuple(entry.get("notes", ())),
        )

    def model_path(self, recipe: Recipe) -> Path:
        """Return the file of the model of a recipe."""
        return self.folder / FOLDER / f"{recipe.key}.onnx"

    def save_model(self, recipe: Recipe, model: onnx.ModelProto) -> Path:
        """Write the model of a recipe."""
        path = self.model_path(recipe)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_onnx(model, path)
        return path

    def add(self, rung: Rung) -> None:
        """Take a measured rung and write the table."""
        self.rungs.append(rung)
        self.save()

    def save(self) -> None:
        """Write the table."""
        entries = {rung.recipe.key: {**rung.to_dict(), "key": rung.recipe.key} for rung in self.rungs}
        later = {key: entry for key, entry in self._known.items() if key not in entries}
        write_json(
            self.path,
            {"identity": self.identity, "facts": self.facts, "rungs": [*entries.values(), *later.values()]},
        )

    def finish(self, chosen: Rung) -> None:
        """Write the table with the chosen rung, without what was left over, and remove the models."""
        self._known = {}
        self.facts["chosen"] = chosen.recipe.key
        self.save()
        for path in (self.folder / FOLDER).glob("*.onnx"):
            path.unlink()
