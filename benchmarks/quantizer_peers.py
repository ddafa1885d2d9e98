"""Own the comparison of our int8 models with those of nncf and aimet-onnx, on the same graph and images.

A peer that is not installed is left out with a message; both install beside our pinned versions. nncf's statistics
are switched off before it is imported, because it would send them without asking. Usage:

    python benchmarks/quantizer_peers.py RUN [--peers ours nncf aimet] [--slow]       RUN is a finished training
"""

from __future__ import annotations

import argparse
import importlib.metadata
import logging
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import yaml
from quantization_table import trained_network

from zoo_core.config.load import load_config
from zoo_core.errors import UserError
from zoo_core.export.onnx_file import load_onnx
from zoo_core.plugins import get_catalog
from zoo_core.protocols import QUANTIZATION, TEST, QuantizationJob
from zoo_core.quantization.config import OnnxQuantizerSection
from zoo_core.quantization.onnx_quantizer import build
from zoo_core.runs.layout import RunLayout
from zoo_core.services.context import RunContext
from zoo_core.training.silence import SilentProgress
from zoo_stm32.lowering import lower

Images = npt.NDArray[np.float32]
CALIBRATION_IMAGES = 128
SLOW_ITERATIONS = 1_000
"""Steps per layer of aimet's AdaRound, whose default is 10,000."""


class CalibrationImages:
    """Offer arrays of shape (N, C, H, W) to a quantizer, one by one."""

    source = "arrays"
    skipped = ()

    def __init__(self, images: Images) -> None:
        self.images = images

    @property
    def names(self) -> tuple[str, ...]:
        """Return a name for every image."""
        return tuple(f"image {index}" for index in range(len(self)))

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    def __iter__(self) -> Iterator[Images]:
        """Yield arrays of shape (1, C, H, W)."""
        for image in self.images:
            yield image[None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Hold what every quantizer gets and is measured on; images have the shape (N, C, H, W)."""

    name: str
    model: Path
    calibration: Images
    test: Images
    labels: npt.NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Name one way to quantize, and what does it: a function from trial and folder to the file of the int8 model."""

    tool: str
    name: str
    granularity: str
    make: Callable[[Trial, Path], Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Hold how an int8 model compares with its float model.

    Shares are in percent; `snr` is the power of the float outputs over that of their error, in decibels.
    """

    agreement: float
    top1: float | None
    snr: float
    seconds: float
    firmware: str
    """What zoo-stm32 says to the file: how many layers stay float, or that it refuses it."""


# ---------------------------------------------------------------- ours


def ours(mode: str, granularity: str) -> Setting:
    """Return one of our own settings: `plain`, `optimize` or `optimize + learned rounding`."""
    options: dict[str, Any] = {
        "granularity": granularity,
        "optimize": mode != "plain",
        "learned_rounding": mode.endswith("rounding"),
    }

    def make(trial: Trial, folder: Path) -> Path:
        quantizer = build(OnnxQuantizerSection.model_validate(options))
        job = QuantizationJob(
            model=trial.model,
            calibration=CalibrationImages(trial.calibration),
            directory=folder,
            work_dir=folder,
            progress=SilentProgress(),
        )
        return quantizer.quantize(job).path

    return Setting(tool="zoo", name=mode, granularity=granularity, make=make)


# ---------------------------------------------------------------- nncf


def nncf_setting(name: str, granularity: str, *, fast: bool = True, own_choice: bool = False) -> Setting:
    """Return a setting of nncf with fast or accurate bias correction and asymmetric activations.

    Ranges are those of all images and activations have one scale, as with the other tools. By its `own_choice` nncf
    takes the mean of each image's extremes, which clips, and a scale per channel for inputs of depthwise layers.
    """

    def make(trial: Trial, folder: Path) -> Path:
        os.environ.update(NNCF_CI="1", CI="true")  # the first stops its events, the second its client id
        import nncf  # type: ignore[import-not-found]
        from nncf.quantization.advanced_parameters import (  # type: ignore[import-not-found]
            AdvancedQuantizationParameters,
            QuantizationParameters,
        )
        from nncf.quantization.range_estimator import RangeEstimatorParametersSet  # type: ignore[import-not-found]

        per_channel = granularity == "per_channel"
        advanced = AdvancedQuantizationParameters(
            weights_quantization_params=QuantizationParameters(per_channel=per_channel),
            activations_quantization_params=QuantizationParameters(per_channel=None if own_choice else False),
        )
        if not own_choice:
            advanced.activations_range_estimator_params = RangeEstimatorParametersSet.MINMAX
        graph = onnx.load(trial.model)
        entry = graph.graph.input[0].name
        quantized = nncf.quantize(
            graph,
            nncf.Dataset(list(trial.calibration), lambda image: {entry: image[None]}),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(trial.calibration),
            fast_bias_correction=fast,
            advanced_parameters=advanced,
        )
        return _saved(quantized, folder)

    return Setting(tool="nncf", name=name, granularity=granularity, make=make)


# ---------------------------------------------------------------- aimet-onnx


def aimet_setting(name: str, granularity: str, *, equalized: bool = False, rounding: str = "") -> Setting:
    """Return a setting of aimet-onnx; `rounding` is nothing, `seqmse` or `adaround`."""

    def make(trial: Trial, folder: Path) -> Path:
        import aimet_onnx  # type: ignore[import-not-found]
        from aimet_onnx.cross_layer_equalization import equalize_model  # type: ignore[import-not-found]

        graph = with_own_bounds(onnx.load(trial.model))
        if equalized:
            equalize_model(graph)
        sim = aimet_onnx.QuantizationSimModel(
            graph,
            param_type="int8",
            activation_type="int8",
            quant_scheme="min_max",
            config_file=str(_aimet_config(Path(aimet_onnx.__file__).parent, granularity)),
        )
        entry = graph.graph.input[0].name
        inputs = [{entry: image[None]} for image in trial.calibration]
        if rounding == "seqmse":
            aimet_onnx.apply_seq_mse(sim, inputs)
        elif rounding == "adaround":
            aimet_onnx.apply_adaround(sim, inputs, num_iterations=SLOW_ITERATIONS)
        sim.compute_encodings(inputs)
        quantized = sim.to_onnx_qdq(export_int32_bias=True, prequantize_constants=True, force_activation_as="signed")
        return _saved(quantized, folder)

    return Setting(tool="aimet-onnx", name=name, granularity=granularity, make=make)


def _aimet_config(package: Path, granularity: str) -> Path:
    name = "default_config_per_channel.json" if granularity == "per_channel" else "default_config.json"
    return next(package.rglob(name))


def with_own_bounds(model: onnx.ModelProto) -> onnx.ModelProto:
    """Give every Clip its bounds as Constant nodes of its own, the only form in which aimet-onnx knows a ReLU6."""
    values = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes = []
    for number, node in enumerate(model.graph.node):
        if node.op_type == "Clip":
            for place, name in enumerate(node.input):
                if name in values:
                    bound = f"{name}_of_clip_{number}_{place}"
                    nodes.append(onnx.helper.make_node("Constant", [], [bound], name=bound, value=values[name]))
                    node.input[place] = bound
        nodes.append(node)
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(copies)
    used = {name for node in model.graph.node for name in node.input}
    for tensor in [tensor for tensor in model.graph.initializer if tensor.name not in used]:
        model.graph.initializer.remove(tensor)
    return model


# ---------------------------------------------------------------- measuring


def score(trial: Trial, setting: Setting, folder: Path, reference: Images) -> Score:
    """Quantize in one way and compare the outputs on the test images with those of the float model."""
    started = time.perf_counter()
    with redirect_stdout(sys.stderr):  # where the peers draw their progress
        path = setting.make(trial, folder)
    seconds = time.perf_counter() - started
    outputs = run(path, trial.test)
    decided = outputs.argmax(1)
    error = float(np.square(reference - outputs).sum())
    return Score(
        agreement=100 * float((decided == reference.argmax(1)).mean()),
        top1=None if trial.labels is None else 100 * float((decided == trial.labels).mean()),
        snr=10 * float(np.log10(np.square(reference).sum() / error)) if error else float("inf"),
        seconds=seconds,
        firmware=_firmware(path),
    )


def run(model: Path, images: Images) -> Images:
    """Return the first output of a model for every image, computed by plain onnxruntime on one thread."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {name: image[None]})[0] for image in images])


def _firmware(model: Path) -> str:
    try:
        lowered = lower(load_onnx(model))
    except UserError:
        return "refused"
    return f"{len(lowered.islands)} float" if lowered.islands else "all integer"


def _saved(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "quantized.onnx"
    onnx.save(model, path)
    return path


def settings(*, peers: Sequence[str], slow: bool) -> list[Setting]:
    """Return what is compared, of the installed peers."""
    both = ("per_channel", "per_tensor")
    found: list[Setting] = []
    if "ours" in peers:
        modes = ("plain", "optimize", *(["optimize + learned rounding"] if slow else []))
        found += [ours(mode, granularity) for mode in modes for granularity in both]
    if "nncf" in peers and _installed("nncf"):
        found += [nncf_setting("its own choice", "per_channel", own_choice=True)]
        found += [nncf_setting("min-max, fast bias correction", granularity) for granularity in both]
        found += [nncf_setting("min-max, bias correction", granularity, fast=False) for granularity in both]
    if "aimet" in peers and _installed("aimet-onnx"):
        found += [aimet_setting("min-max", granularity) for granularity in both]
        found += [aimet_setting("equalization", granularity, equalized=True) for granularity in both]
        if slow:
            found += [aimet_setting("SeqMSE", granularity, rounding="seqmse") for granularity in both]
            name = f"AdaRound, {SLOW_ITERATIONS} steps"
            found += [aimet_setting(name, granularity, rounding="adaround") for granularity in both]
    return found


def _installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        print(f"{distribution} is not installed here and is left out.", file=sys.stderr)
        return False
    return True


def compare(trial: Trial, chosen: Sequence[Setting]) -> Iterator[str]:
    """Yield a Markdown table line by line, as it is measured."""
    reference = run(trial.model, trial.test)
    labels = trial.labels
    top1 = "" if labels is None else f", top-1 {100 * float((reference.argmax(1) == labels).mean()):.2f} %"
    yield f"{trial.name}: {len(trial.calibration)} images calibrate, {len(trial.test)} are measured{top1} in float\n"
    yield "| tool | setting | granularity | top-1 | agreement | SNR, dB | seconds | for firmware |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for setting in chosen:
        with tempfile.TemporaryDirectory() as folder:
            cells = _cells(trial, setting, Path(folder), reference)
        yield f"| {' | '.join([setting.tool, setting.name, setting.granularity.replace('_', ' '), *cells])} |"


def _cells(trial: Trial, setting: Setting, folder: Path, reference: Images) -> list[str]:
    try:
        found = score(trial, setting, folder, reference)
    except Exception as error:  # noqa: BLE001 - a peer may fail in any way, and that is a result
        return ["-", "-", "-", "-", f"fails: {type(error).__name__}"]
    top1 = "-" if found.top1 is None else f"{found.top1:.2f}"
    return [top1, f"{found.agreement:.2f}", f"{found.snr:.2f}", f"{found.seconds:.0f}", found.firmware]


# ---------------------------------------------------------------- a finished training


def open_trial(folder: Path, calibration: int) -> Trial:
    """Read the network of a finished training and its images, as a run of ours would see them."""
    network = trained_network(folder)
    config: Mapping[str, Any] = {
        "operation_mode": "chain_qe",
        "use_case": "classification",
        "model": {"model_path": str(network.model)},
        "dataset": {**network.dataset, "workers": 0},
        "quantization": {"quantizer": "onnx_quantizer"},
        "evaluation": {},
    }
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "config.yaml"
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        loaded = load_config(path, catalog=get_catalog())
        splits = frozenset({QUANTIZATION, TEST})
        context = RunContext(loaded, RunLayout(Path(name)), SilentProgress(), splits=splits, seed=0)
        preprocessing, test, images = context.task.preprocessing, context.dataset(TEST), context.datasets.quantization
        assert images is not None  # noqa: S101 - every run of the table names them
        places = np.linspace(0, len(images) - 1, min(calibration, len(images))).astype(int)
        samples = [test[index] for index in range(len(test))]
        return Trial(
            name=network.name,
            model=network.model,
            calibration=np.stack([preprocessing(images[index].image).numpy() for index in places]),
            test=np.stack([preprocessing(sample.image).numpy() for sample in samples]),
            labels=np.array([sample.target for sample in samples]),
        )


def main() -> int:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="run folder of a finished training")
    parser.add_argument("--peers", nargs="+", choices=("ours", "nncf", "aimet"), default=["ours", "nncf", "aimet"])
    parser.add_argument("--images", type=int, default=CALIBRATION_IMAGES, help="images that calibrate")
    parser.add_argument("--slow", action="store_true", help="also learned rounding and its like, minutes each")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    ort.set_default_logger_severity(3)
    for line in compare(open_trial(options.run, options.images), settings(peers=options.peers, slow=options.slow)):
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
