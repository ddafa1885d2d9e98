"""Check zoo-example-dataset with the tests that zoo has for every plugin and every data."""

import csv
from pathlib import Path
from typing import Any

from PIL import Image
from zoo_core.testing.conformance import DatasetConformance, PluginConformance

COLOURS = {"blue": (40, 60, 200), "red": (200, 60, 40)}


class TestPlugin(PluginConformance):
    """Check the distribution: quick to load, sound names, references that exist."""

    distribution = "zoo-example-dataset"


class TestDataset(DatasetConformance):
    """Check the data set: the same on every reading, disjoint splits, errors that name the file."""

    dataset = "example_dataset"

    def section(self, folder: Path) -> dict[str, Any]:
        """Draw images, list them, and return the `dataset` section that reads them."""
        folder.mkdir(parents=True, exist_ok=True)
        splits = {split: _write(folder, split, count) for split, count in (("training", 12), ("test", 4))}
        return {f"{split}_path": str(path) for split, path in splits.items()}


def _write(folder: Path, split: str, count: int) -> Path:
    table = folder / f"{split}.csv"
    with table.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("path", "label"))
        for label, (red, green, blue) in COLOURS.items():
            for number in range(count):
                name = f"{split}_{label}_{number}.png"
                Image.new("RGB", (32, 32), (red, green + number, blue)).save(folder / name)
                writer.writerow((name, label))
    return table
