"""Measure the emulation of one inference of zoo networks as firmware for an STM32H747I-DISCO, with their sizes.

The networks have seeded random weights, so nothing is fetched. Time is processor time of this process, which other
work on the machine disturbs little; the smallest of several rounds is held against the limit.
Usage: python benchmarks/emulation.py [ROUNDS]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from zoo_core.artifacts import InputSpec
from zoo_core.config.sections import ModelSection
from zoo_core.export.onnx_export import export_onnx
from zoo_core.plugins import get_catalog
from zoo_core.protocols import ModelContext, QuantizationJob
from zoo_core.quantization.config import OnnxQuantizerSection
from zoo_core.quantization.onnx_quantizer import build as build_quantizer
from zoo_core.training.silence import SilentProgress
from zoo_stm32.artifacts import CNetwork, FirmwareImage
from zoo_stm32.boards import load_boards
from zoo_stm32.config import FirmwareSection
from zoo_stm32.emulator import Machine
from zoo_stm32.preparation import build_firmware, prepare

ROUNDS = 3
BOARD = "STM32H747I-DISCO"
NETWORKS: dict[str, tuple[int, float | None]] = {
    "resnet8": (32, 3.0),
    "mobilenetv2_a035_pt": (96, 10.0),
    "mobilenetv4small_pt": (96, None),
    "st_resnetpico_actrelu_pt": (96, None),
    "squeezenetv11_pt": (96, None),
}
"""Side of the input in pixels, and the limit in seconds where there is one."""


class RandomImages:
    """Stream seeded images to a quantizer."""

    source = "random"
    names = ()
    skipped = ()

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self._shape = shape

    def __len__(self) -> int:
        """Return how many there are."""
        return 8

    def __iter__(self) -> Iterator[np.ndarray[Any, np.dtype[np.float32]]]:
        """Yield them one by one."""
        generator = np.random.default_rng(5)
        for _ in range(len(self)):
            yield generator.uniform(-2, 2, (1, *self._shape)).astype(np.float32)


def quantize(name: str, side: int, folder: Path) -> Path:
    """Build an untrained network, export it and quantize it."""
    size = InputSpec(3, side, side)
    torch.manual_seed(0)
    resolved = get_catalog().models.resolve(name)
    model = resolved.build(ModelSection(model_name=name), ModelContext(num_classes=10, input=size))
    export_onnx(model.eval(), size, folder / f"{name}.onnx", metadata={})
    quantizer = build_quantizer(OnnxQuantizerSection())
    images = RandomImages(size.shape)
    job = QuantizationJob(
        model=folder / f"{name}.onnx", calibration=images, directory=folder, work_dir=folder, progress=SilentProgress()
    )
    return quantizer.quantize(job).path


def build(path: Path, folder: Path) -> tuple[CNetwork, FirmwareImage, float]:
    """Return network and firmware, and the seconds that both took; a build that is in the cache takes none."""
    board = next(board for board in load_boards() if board.name == BOARD)
    started = time.perf_counter()
    network = prepare(path, board, FirmwareSection(), SilentProgress()).network
    image = build_firmware(network, board, FirmwareSection(), folder, SilentProgress())
    return network, image, time.perf_counter() - started


def emulate(image: FirmwareImage, rounds: int, *, count: bool) -> tuple[float, float, int]:
    """Return the smallest processor time and wall time of an inference in seconds, and its instructions."""
    machine = Machine(image, count=count)
    processor, wall, instructions = [], [], 0
    for _ in range(rounds):
        started = time.process_time()
        execution = machine.run([bytes(tensor.bytes) for tensor in image.inputs])
        processor.append(time.process_time() - started)
        wall.append(execution.seconds)
        instructions = execution.instructions or 0
    return min(processor), min(wall), instructions


def main() -> int:
    """Measure, print, and return 1 when a limit is passed."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    missed = []
    print(f"{'network':26}{'arena':>9}{'bound':>9}{'weights':>9}{'code':>7}{'instructions':>14}", end="")
    print(f"{'CPU s':>8}{'counted':>9}{'wall s':>8}{'limit':>7}{'built in':>10}")
    for name, (side, limit) in NETWORKS.items():
        with tempfile.TemporaryDirectory() as work:
            network, image, seconds = build(quantize(name, side, Path(work)), Path(work) / "build")
            plain, wall, _ = emulate(image, rounds, count=False)
            counted, _, instructions = emulate(image, rounds, count=True)
        sizes = image.sizes
        print(f"{name:26}{sizes.arena:9}{network.plan.lower_bound:9}{sizes.weights:9}{sizes.code:7}", end="")
        print(f"{instructions:14}{plain:8.2f}{counted:9.2f}{wall:8.2f}{limit or '':>7}{seconds:9.1f}s", flush=True)
        missed += [name] if limit is not None and counted > limit else []
    print(f"{rounds} rounds each, the smallest shown; sizes in bytes; limits hold for counted instructions")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
