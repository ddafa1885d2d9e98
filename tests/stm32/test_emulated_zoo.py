"""Networks of the zoo as firmware: right to the last bit, as small as promised, and complete in the exported folder."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from elftools.elf.elffile import ELFFile

from zoo_core.artifacts import InputSpec, QuantizedOnnx
from zoo_core.config.sections import ModelSection
from zoo_core.export.onnx_export import export_onnx
from zoo_core.plugins import get_catalog
from zoo_core.protocols import ModelContext, QuantizationJob
from zoo_core.quantization.config import OnnxQuantizerSection
from zoo_core.quantization.onnx_quantizer import build as build_quantizer
from zoo_core.training.silence import SilentProgress
from zoo_stm32.artifacts import LoweredModel
from zoo_stm32.boards import load_boards
from zoo_stm32.config import FirmwareSection
from zoo_stm32.emulated import EmulatedTarget
from zoo_stm32.emulator import Machine
from zoo_stm32.lowering import as_runnable, lower

pytestmark = pytest.mark.slow

CLASSES = 10
INPUTS = 20
NETWORKS = {
    "resnet8": 32,
    "mobilenetv2_a035_pt": 96,
    "mobilenetv4small_pt": 96,
    "st_resnetpico_actrelu_pt": 96,
    "squeezenetv11_pt": 96,
}
SECONDS = {"resnet8": 3.0, "mobilenetv2_a035_pt": 10.0}
"""Promised for one inference on an idle machine; `benchmarks/emulation.py` measures it."""
PATIENCE = 10
"""A machine that does other work beside may take this many times as long."""


class RandomImages:
    """Stream seeded images to a quantizer."""

    source = "random"
    names = ()
    skipped = ()

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self._shape = shape

    def __len__(self) -> int:
        return 8

    def __iter__(self) -> Iterator[np.ndarray[Any, np.dtype[np.float32]]]:
        generator = np.random.default_rng(5)
        for _ in range(len(self)):
            yield generator.uniform(-2, 2, (1, *self._shape)).astype(np.float32)


@dataclass
class Case:
    """A quantized network of the zoo and the target that it is measured on."""

    model: QuantizedOnnx
    target: EmulatedTarget
    lowered: LoweredModel


@pytest.fixture(scope="module", params=NETWORKS)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Build a network with seeded random weights and learned statistics, export it and quantize it."""
    name, folder = request.param, tmp_path_factory.mktemp(request.param)
    size = InputSpec(3, NETWORKS[name], NETWORKS[name])
    torch.manual_seed(0)
    resolved = get_catalog().models.resolve(name)
    model = resolved.build(ModelSection(model_name=name), ModelContext(num_classes=CLASSES, input=size))
    model.train()
    with torch.no_grad():
        for _ in range(4):
            model(torch.randn(8, *size.shape))
    model.eval()
    exported = folder / f"{name}.onnx"
    export_onnx(model, size, exported, metadata={"model_name": name})
    outcome = build_quantizer(OnnxQuantizerSection()).quantize(
        QuantizationJob(
            model=exported,
            calibration=RandomImages(size.shape),
            directory=folder,
            work_dir=folder,
            progress=SilentProgress(),
        )
    )
    board = next(board for board in load_boards() if board.name == "STM32H747I-DISCO")
    return Case(
        model=QuantizedOnnx(path=outcome.path, sha256="", made_by="user"),
        target=EmulatedTarget(board, FirmwareSection()),
        lowered=lower(onnx.load(str(outcome.path))),
    )


def integer_graph(lowered: LoweredModel) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.x64quantprecision", "1")
    return onnxruntime.InferenceSession(
        as_runnable(lowered).SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def int8_weights(model: onnx.ModelProto) -> int:
    """Count the weights of a QDQ graph: int8 constants with more than one axis, equal ones once as in the firmware."""
    weights = {
        onnx.numpy_helper.to_array(tensor).tobytes()
        for tensor in model.graph.initializer
        if tensor.data_type == onnx.TensorProto.INT8 and len(tensor.dims) > 1
    }
    return sum(map(len, weights))


def least_arena(lowered: LoweredModel) -> int:
    """Return the largest input and output of one convolution: both are needed at once, whatever the plan."""
    values = (*lowered.model.graph.value_info, *lowered.model.graph.output, *lowered.model.graph.input)
    shapes = {value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in values}
    outside = {tensor.name for tensor in (*lowered.inputs, *lowered.outputs)}
    pairs = (
        {node.input[0], node.output[0]} - outside for node in lowered.model.graph.node if node.op_type == "QLinearConv"
    )
    return max(sum(prod(shapes[name]) for name in pair) for pair in pairs)


def test_the_firmware_equals_the_integer_graph(case: Case) -> None:
    images = np.random.default_rng(9).normal(0, 1.2, (INPUTS, *case.lowered.inputs[0].shape[1:])).astype(np.float32)
    session = case.target.open(case.model, SilentProgress())
    try:
        (found,) = session.run(images)
    finally:
        session.close()
    (given,), (output,) = case.lowered.inputs, case.lowered.outputs
    runtime, wanted = integer_graph(case.lowered), []
    for image in images:
        steps = np.rint(image / np.float32(given.scale)) + given.zero_point
        limits = np.iinfo(given.type)
        stored = np.clip(steps, limits.min, limits.max).astype(given.type)[np.newaxis]
        wanted.append(runtime.run([output.name], {given.name: stored})[0])
    real = (np.concatenate(wanted).astype(np.float32) - output.zero_point) * np.float32(output.scale)
    np.testing.assert_array_equal(found, real)
    assert len(np.unique(found, axis=0)) > INPUTS // 2


def test_memory_and_code_are_as_small_as_promised(case: Case, tmp_path: Path) -> None:
    result = case.target.benchmark(case.model, tmp_path, SilentProgress())
    assert result.facts["bit_exact"] == "yes"
    assert result.details["float_islands"] == []
    found = {metric.name: metric.value for metric in result.metrics}
    assert least_arena(case.lowered) <= found["ram_activations_bound"] <= found["ram_activations"]
    assert found["ram_activations"] <= 1.1 * found["ram_activations_bound"]
    assert found["flash_code"] < 64 * 1024
    with (tmp_path / "build/firmware.elf").open("rb") as stream:
        stored = ELFFile(stream).get_section_by_name(".zoo_weights")["sh_size"]
    assert stored == pytest.approx(int8_weights(onnx.load(str(case.model.path))), rel=0.03)
    layers = result.details["layers"]
    assert all(layer["output_bytes"] > 0 and layer["instructions"] > 0 for layer in layers)
    assert sum(layer["instructions"] for layer in layers) == pytest.approx(found["instructions"], rel=0.01)
    assert sum(layer["macs"] for layer in layers) == found["macs"] > 0


def test_an_inference_does_not_take_forever(case: Case, tmp_path: Path) -> None:
    limit = SECONDS.get(case.model.path.name.split("_quant")[0])
    if limit is None:
        pytest.skip("no time is promised")
    from zoo_stm32.preparation import build_firmware, prepare

    board, settings = case.target.board, FirmwareSection()
    network = prepare(case.model.path, board, settings, SilentProgress()).network
    machine = Machine(build_firmware(network, board, settings, tmp_path, SilentProgress()))
    assert machine.run([bytes(network.inputs[0].bytes)]).seconds < PATIENCE * limit


def test_the_exported_folder_builds_with_the_compiler_of_this_system(case: Case, tmp_path: Path) -> None:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    case.target.deploy(case.model, tmp_path, SilentProgress())
    folder = tmp_path / "firmware"
    if shutil.which("cmake") and shutil.which("ctest"):
        commands = [
            ["cmake", "-S", ".", "-B", "host", "-DCMAKE_BUILD_TYPE=Release"],
            ["cmake", "--build", "host"],
            ["ctest", "--test-dir", "host", "--output-on-failure", "--no-tests=error"],
        ]
    else:
        sources = ("zoo_model.c", "network.c", "network_data.c", "golden.c", "main.c")
        flags = ("-std=c99", "-O2", "-ffp-contract=off", "-fno-strict-aliasing")
        commands = [["cc", *flags, *sources, "-lm", "-o", "golden_test"], ["./golden_test"]]
    for command in commands:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "warning" not in done.stderr
