"""Own the table of plain, optimized and automatic int8 models of three networks trained on CIFAR-10.

Everything goes through `zoo run`, as a user would do it. A run that is finished already is not repeated, so an
interrupted table goes on where it stopped. Usage:

    python benchmarks/quantization_table.py FOLDER            FOLDER holds cifar-10-batches-py
    python benchmarks/quantization_table.py --runs DIR        DIR holds folders of finished trainings
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from zoo_classification.data.cifar import LABEL_10
from zoo_classification.data.cifar_batches import PythonBatches
from zoo_classification.data.class_lists import CIFAR10

NETWORKS = ("mobilenetv2_a100_pt", "mobilenetv4small_pt", "mnasnet_050")
MODES: Mapping[str, Mapping[str, Any]] = {
    "plain": {},
    "optimize": {"optimize": True},
    "full_auto": {"operating_mode": "full_auto"},
}
GRANULARITIES = ("per_tensor", "per_channel")
SPLITS = {"train": 15_000, "val": 1_000, "quant": 500}
"""Folder -> images, one after the other from the training batches."""
TEST_IMAGES = 3_000
DATA_KEYS = ("dataset_name", "validation_path", "test_path", "quantization_path", "class_names", "seed")
"""Keys of the data set that a quantized model is measured with; training images have no part in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Hold a trained network and the images that it is quantized and tested with."""

    name: str
    model: Path
    dataset: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Hold one quantized model: top-1 in percent, and the seconds that its making took."""

    network: str
    granularity: str
    mode: str
    float_top1: float
    int8_top1: float
    seconds: float
    rung: str
    """Recipe that `full_auto` ended on; empty in the other modes."""


def write_folders(batches: Path, root: Path) -> None:
    """Write PNG files in class folders from the official batches, unless they are there."""
    if (root / "test").is_dir():
        return
    training = _images(batches, [f"data_batch_{number}" for number in (1, 2)])
    for split, count in SPLITS.items():
        _write(root / split, training, count)
    _write(root / "test", _images(batches, ["test_batch"]), TEST_IMAGES)


def _images(batches: Path, names: Sequence[str]) -> Iterator[tuple[Image.Image, str]]:
    for name in names:
        file, labels = PythonBatches().read(batches / name, LABEL_10)
        for pixels, label in zip(file.pixels, labels, strict=True):
            yield Image.fromarray(pixels.transpose(1, 2, 0)), CIFAR10[label]


def _write(folder: Path, images: Iterator[tuple[Image.Image, str]], count: int) -> None:
    for index in range(count):
        image, name = next(images)
        path = folder / name / f"{index:05d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, compress_level=1)


def training_config(name: str, images: Path, epochs: int) -> dict[str, Any]:
    """Return the configuration of a short training at 64x64 pixels."""
    return {
        "operation_mode": "chain_te",
        "use_case": "classification",
        "general": {"seed": 1},
        "model": {"model_name": name, "input_shape": [3, 64, 64]},
        "dataset": {
            "dataset_name": "custom",
            "training_path": str(images / "train"),
            "validation_path": str(images / "val"),
            "test_path": str(images / "test"),
            "quantization_path": str(images / "quant"),
        },
        "preprocessing": {
            "rescaling": {"scale": "1/255", "offset": 0},
            "resizing": {"interpolation": "bilinear", "aspect_ratio": "fit"},
            "color_mode": "rgb",
            "normalization": {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
        },
        "data_augmentation": {"random_flip": {"mode": "horizontal"}},
        "training": {
            "epochs": epochs,
            "batch_size": 32,
            "optimizer": {"opt": "adamw", "weight_decay": 0.02},
            "lr_scheduler": {"sched": "cosine", "lr": 1e-3, "warmup_epochs": 2, "warmup_lr": 2e-4, "min_lr": 1e-5},
        },
        "evaluation": {},
    }


def quantization_config(network: Network, mode: str, granularity: str) -> dict[str, Any]:
    """Return the configuration that quantizes a trained network and measures both models on the test images."""
    return {
        "operation_mode": "chain_qe",
        "use_case": "classification",
        "general": {"seed": 1},
        "model": {"model_path": str(network.model)},
        "dataset": dict(network.dataset),
        "quantization": {"quantizer": "onnx_quantizer", "granularity": granularity, **MODES[mode]},
        "evaluation": {},
    }


def carry_out(config: Mapping[str, Any], run: Path) -> None:
    """Carry a configuration through `zoo run` into a run folder, unless that was done before.

    Raises:
        SystemExit: When the run fails; what it printed is shown.
    """
    if _status(run) == "done":
        return
    run.mkdir(parents=True, exist_ok=True)
    file = run.with_suffix(".yaml")
    file.write_text(yaml.safe_dump({**config, "hydra": {"run": {"dir": str(run)}}}), encoding="utf-8")
    command = [sys.executable, "-m", "zoo_core", "run", str(file)]
    if subprocess.run(command, check=False, stdout=sys.stderr).returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed; see above.")


def _status(run: Path) -> str:
    try:
        record: dict[str, Any] = json.loads((run / "run.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ""
    return str(record["status"])


def find_networks(folder: Path) -> list[Network]:
    """Return the networks of the finished trainings in a folder, with the images that each run names."""
    return [
        trained_network(path.parent) for path in sorted(folder.glob("*/run.json")) if _status(path.parent) == "done"
    ]


def trained_network(run: Path) -> Network:
    """Return the network of a finished training."""
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    (model,) = (run / "saved_models").glob("*/*.onnx")
    dataset = {key: value for key, value in record["config"]["dataset"].items() if key in DATA_KEYS and value}
    return Network(name=record["model_name"], model=model.resolve(), dataset=dataset)


def measure(network: Network, mode: str, granularity: str, out: Path) -> Row:
    """Quantize a network in one way and return its row."""
    run = out / f"{network.name}_{mode}_{granularity}"
    carry_out(quantization_config(network, mode, granularity), run)
    quantized = _stage(run, "quantization")
    found = {
        metric["model"]: metric["value"]
        for metric in _stage(run, "evaluation")["result"]["metrics"]
        if metric["name"] == "top1"
    }
    return Row(
        network=network.name,
        granularity=granularity,
        mode=mode,
        float_top1=found["float"],
        int8_top1=found["int8"],
        seconds=quantized["seconds"],
        rung=quantized["result"]["facts"].get("full_auto", ""),
    )


def _stage(run: Path, service: str) -> dict[str, Any]:
    (path,) = run.glob(f"stages/*_{service}/result.json")
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def as_markdown(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table, modes side by side."""
    lines = [
        f"| network | granularity | float | {' | '.join(MODES)} | seconds | `full_auto` ended on |",
        f"| --- | --- | --- | {' | '.join('---' for _ in MODES)} | --- | --- |",
    ]
    for name in dict.fromkeys(row.network for row in rows):
        for granularity in GRANULARITIES:
            found = {row.mode: row for row in rows if (row.network, row.granularity) == (name, granularity)}
            if found:
                lines.append(_line(name, granularity, found))
    return "\n".join(lines)


def _line(name: str, granularity: str, rows: Mapping[str, Row]) -> str:
    values = [f"{rows[mode].int8_top1:.2f}" if mode in rows else "-" for mode in MODES]
    seconds = " / ".join(f"{rows[mode].seconds:.0f}" if mode in rows else "-" for mode in MODES)
    rung = rows["full_auto"].rung if "full_auto" in rows else ""
    before = next(iter(rows.values())).float_top1
    cells = [f"`{name}`", granularity.replace("_", " "), f"{before:.2f}", *values, seconds, rung or "-"]
    return f"| {' | '.join(cells)} |"


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="folder that is or holds cifar-10-batches-py")
    parser.add_argument("--runs", type=Path, help="folder with the run folders of finished trainings")
    parser.add_argument("--out", type=Path, default=Path("quantization_table"), help="folder for images and runs")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--networks", nargs="+", default=[], help="names; all when absent")
    options = parser.parse_args(arguments)
    if (options.folder is None) == (options.runs is None):
        parser.error("give the folder of CIFAR-10, or --runs")
    return options


def prepare_networks(options: argparse.Namespace) -> list[Network]:
    """Return the trained networks, found or trained now."""
    out = options.out.resolve()
    if options.runs is not None:
        return find_networks(options.runs.resolve())
    batches = options.folder.resolve()
    inner = batches / "cifar-10-batches-py"
    write_folders(inner if inner.is_dir() else batches, out / "images")
    networks = []
    for name in options.networks or NETWORKS:
        carry_out(training_config(name, out / "images", options.epochs), out / f"{name}_training")
        networks.append(trained_network(out / f"{name}_training"))
    return networks


def main() -> int:
    """Measure and print the table."""
    options = parse(sys.argv[1:])
    chosen = [item for item in prepare_networks(options) if not options.networks or item.name in options.networks]
    if not chosen:
        raise SystemExit("There is no finished training.")
    rows = [
        measure(network, mode, granularity, options.out.resolve())
        for network in chosen
        for granularity in GRANULARITIES
        for mode in options.modes
    ]
    print(as_markdown(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
