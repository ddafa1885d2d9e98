"""The emulated target as a whole, on a network of two layers that can be counted by hand, and on bad input."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from elftools.elf.elffile import ELFFile
from onnx import TensorProto, helper, numpy_helper

from zoo_core.artifacts import QuantizedOnnx
from zoo_core.data.download import cache_dir
from zoo_core.errors import UserError, ZooError
from zoo_core.export.onnx_file import write_metadata
from zoo_core.training.silence import SilentProgress
from zoo_stm32.boards import load_boards
from zoo_stm32.config import FirmwareSection
from zoo_stm32.emulated import EmulatedTarget
from zoo_stm32.firmware import ToolError, ZigToolchain
from zoo_stm32.lowering import as_runnable, lower

BOARD = "STM32H747I-DISCO"
SIDE = 8
MACS = 4 * SIDE * SIDE * 3 * 3 * 3 + 4 * 5
"""A 3x3 convolution from 3 to 4 channels that keeps the size, then 4 features to 5 classes."""
WEIGHTS = 4 * 3 * 3 * 3 + 4 * 5
NUMBERS = ("index", "macs", "instructions", "weight_bytes", "output_bytes", "live_bytes")
METRICS = {
    "total_ram",
    "ram_activations",
    "ram_activations_bound",
    "ram_io",
    "ram_runtime",
    "total_flash",
    "flash_weights",
    "flash_code",
    "macs",
    "instructions",
}


class Writer:
    """Write a QDQ classifier node by node."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray[Any, Any]] = {}
        self.random = np.random.default_rng(3)

    def node(self, op_type: str, inputs: list[str], output: str, **options: Any) -> str:
        self.nodes.append(helper.make_node(op_type, inputs, [output], name=f"the_{output}", **options))
        return output

    def constant(self, name: str, value: Any, kind: type) -> str:
        self.constants[name] = np.array(value, kind)
        return name

    def activation(self, name: str, scale: float, zero_point: int) -> str:
        pair = [self.constant(f"{name}_s", scale, np.float32), self.constant(f"{name}_z", zero_point, np.int8)]
        return self.node(
            "DequantizeLinear", [self.node("QuantizeLinear", [name, *pair], f"{name}_q"), *pair], f"{name}_r"
        )

    def weights(self, name: str, shape: tuple[int, ...], scale: float, zero: int | None = 0) -> str:
        kind = np.int8 if zero is not None else np.int32
        values = self.random.integers(-127 if zero is not None else -900, 127 if zero is not None else 900, shape)
        inputs = [self.constant(f"{name}_v", values, kind), self.constant(f"{name}_s", scale, np.float32)]
        return self.node("DequantizeLinear", [*inputs, self.constant(f"{name}_z", 0, kind)], name)

    def finish(self, inputs: dict[str, tuple[int | str, ...]], *outputs: str) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "small",
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
            [numpy_helper.from_array(value, name) for name, value in self.constants.items()],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def classifier(
    between: str = "", shape: tuple[int | str, ...] = (1, 3, SIDE, SIDE), channels: int = 4
) -> onnx.ModelProto:
    """Return convolution, global mean and dense layer; `between` is an operator put behind the mean."""
    writer = Writer()
    image = writer.activation("image", 0.02, -3)
    kernel = [writer.weights("kernel", (channels, 3, 3, 3), 0.004), writer.weights("shift", (channels,), 0.00008, None)]
    mapped = writer.activation(writer.node("Conv", [image, *kernel], "map", pads=[1, 1, 1, 1]), 0.05, 7)
    mean = writer.activation(writer.node("GlobalAveragePool", [mapped], "mean"), 0.03, 2)
    if between:
        mean = writer.activation(writer.node(between, [mean], "between"), 0.03, 2)
    flat = writer.activation(writer.node("Flatten", [mean], "flat"), 0.03, 2)
    dense = [writer.weights("dense", (channels, 5), 0.01), writer.weights("offset", (5,), 0.0003, None)]
    writer.activation(writer.node("Gemm", [flat, *dense], "dots"), 0.02, -11)
    return writer.finish({"image": shape}, "dots_r")


def pair() -> onnx.ModelProto:
    """Return the sum and the largest values of two inputs of different sizes, as two outputs of different sizes."""
    writer = Writer()
    left, right = writer.activation("left", 0.02, -3), writer.activation("right", 0.03, 9)
    total = writer.activation(writer.node("Add", [left, right], "total"), 0.04, 1)
    writer.activation(writer.node("GlobalMaxPool", [total], "top"), 0.04, 1)
    return writer.finish({"left": (1, 2, 6, 6), "right": (1, 2, 1, 1)}, "top_r", "total_r")


def saved(model: onnx.ModelProto, folder: Path) -> QuantizedOnnx:
    path = folder / "small.onnx"
    onnx.save(model, str(path))
    return QuantizedOnnx(path=path, sha256="", made_by="user")


def target(board: str = BOARD, **settings: Any) -> EmulatedTarget:
    return EmulatedTarget(next(one for one in load_boards() if one.name == board), FirmwareSection(**settings))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cache of its own for firmware; the compiler's own library comes from the user's cache of it."""
    folder, compiler = tmp_path_factory.mktemp("cache"), cache_dir() / "zig"
    compiler.mkdir(parents=True, exist_ok=True)
    (folder / "zig").symlink_to(compiler, target_is_directory=True)
    return folder


@pytest.fixture(autouse=True)
def _own_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_CACHE", str(cache))


@pytest.fixture
def model(tmp_path: Path) -> QuantizedOnnx:
    return saved(classifier(), tmp_path)


@pytest.fixture
def benchmark(model: QuantizedOnnx, tmp_path: Path) -> Callable[..., Any]:
    return lambda folder="out", **settings: target(**settings).benchmark(model, tmp_path / folder, SilentProgress())


def sections(elf: Path) -> dict[str, tuple[int, bool]]:
    """Return size of each allocated section of an ELF file, and whether its content is stored."""
    with elf.open("rb") as stream:
        return {
            part.name: (part["sh_size"], part["sh_type"] != "SHT_NOBITS")
            for part in ELFFile(stream).iter_sections()
            if part["sh_flags"] & 2
        }


def test_figures_are_those_of_the_elf_file_and_of_a_count_by_hand(benchmark: Any, tmp_path: Path) -> None:
    result = benchmark()
    found = {metric.name: int(metric.value) for metric in result.metrics}
    assert found.keys() == METRICS
    assert found["macs"] == MACS

    parts = sections(tmp_path / "out/build/firmware.elf")
    assert WEIGHTS <= parts[".zoo_weights"][0] <= WEIGHTS + 8
    assert found["total_flash"] == sum(size for size, stored in parts.values() if stored)
    assert found["total_flash"] == found["flash_weights"] + found["flash_code"]
    assert parts[".zoo_weights"][0] < found["flash_weights"] <= parts[".zoo_weights"][0] + 256
    assert found["flash_code"] < 16 * 1024

    maps = 4 * SIDE * SIDE
    assert maps + 4 <= found["ram_activations_bound"] <= found["ram_activations"] <= maps + 4 + 32
    assert parts[".zoo_arena"][0] == found["ram_activations"]
    assert 3 * SIDE * SIDE + 5 <= found["ram_io"] <= 3 * SIDE * SIDE + 5 + 64
    assert found["total_ram"] == found["ram_activations"] + found["ram_io"] + found["ram_runtime"]
    assert 0 < result.details["stack_used"] < result.details["stack_reserved"] == 16 * 1024
    assert found["ram_runtime"] >= result.details["stack_used"]
    assert MACS < found["instructions"] < 100 * MACS

    assert result.target == "stm32h747i_disco"
    assert result.device == f"{BOARD}, emulated"
    assert result.facts["bit_exact"] == "yes"
    assert "emulated (unicorn, Cortex-M7)" in result.facts["board"]
    assert result.facts["fits"] == "yes, in internal memory"
    assert not any("ms" in (metric.unit, metric.name) for metric in result.metrics)
    assert any("Measured on an emulator" in note for note in result.notes)
    assert all(Path(file).is_file() for file in result.files)
    assert {Path(file).name for file in result.files} == {"firmware.elf", "firmware.map", "layers.csv"}


def test_layers_add_up_to_the_network(benchmark: Any, tmp_path: Path) -> None:
    result = benchmark()
    found = {metric.name: int(metric.value) for metric in result.metrics}
    with (tmp_path / "out/layers.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["op_type"].rpartition(".")[2] for row in rows] == ["QLinearConv", "MeanPool", "QLinearConv"]
    assert [int(row["output_bytes"]) for row in rows] == [4 * SIDE * SIDE, 4, 5]
    assert [int(row["macs"]) for row in rows] == [MACS - 20, 0, 20]
    spent = sum(int(row["instructions"]) for row in rows)
    assert 0.98 * found["instructions"] < spent <= found["instructions"]
    assert max(rows, key=lambda row: int(row["instructions"]))["op_type"] == "QLinearConv"
    stored = sum(int(row["weight_bytes"]) for row in rows)
    assert WEIGHTS < stored <= found["flash_weights"] <= stored + 64
    assert max(int(row["live_bytes"]) for row in rows) == found["ram_activations_bound"]
    assert result.details["layers"] == [{**row, **{key: int(row[key]) for key in NUMBERS}} for row in rows]


def test_a_second_build_comes_from_the_cache(benchmark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = benchmark("first")

    def refuse(*_: Any, **__: Any) -> str:
        msg = "the compiler was called"
        raise ToolError(msg, output="")

    monkeypatch.setattr(ZigToolchain, "compile", refuse)
    second = benchmark("second")
    assert second.metrics == first.metrics
    elf = "build/firmware.elf"
    assert (tmp_path / "second" / elf).read_bytes() == (tmp_path / "first" / elf).read_bytes()
    monkeypatch.setattr("zoo_stm32.preparation.KIB", 512)  # half the stack is another firmware
    with pytest.raises(ToolError, match="the compiler was called"):
        benchmark("third")


def with_other_weights(network: Any) -> Any:
    """Return a network with one bit of each weight of one layer turned."""
    found = re.search(r"int8_t \w+(\[\d+\])+ = \{", network.data_source)
    assert found is not None
    start, stop = found.end(), network.data_source.index("}", found.end())
    turned = re.sub(r"-?\d+", lambda word: str(int(word[0]) ^ 16), network.data_source[start:stop])
    return replace(network, data_source=network.data_source[:start] + turned + network.data_source[stop:])


@pytest.fixture
def _wrong_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    from zoo_stm32 import preparation

    right = preparation.generate
    monkeypatch.setattr(preparation, "generate", lambda *given: with_other_weights(right(*given)))


@pytest.mark.usefixtures("_wrong_kernel")
def test_firmware_that_computes_something_else_is_noticed(benchmark: Any, model: QuantizedOnnx, tmp_path: Path) -> None:
    result = benchmark()
    assert re.fullmatch(
        r"no: \d+ of 15 values differ, by at most \d+ steps? of its quantization", result.facts["bit_exact"]
    )
    assert result.details["bit_exact"] is False
    with pytest.raises(ZooError, match=r"does not compute what onnxruntime computes: no: \d+ of 15") as caught:
        target().deploy(model, tmp_path / "generated", SilentProgress())
    assert caught.value.exit_code == 1
    assert not (tmp_path / "generated/firmware/zoo_model.h").exists()


def expected(model: QuantizedOnnx, images: np.ndarray) -> np.ndarray:
    """Return what the integer graph gives in onnxruntime, as real numbers."""
    lowered = lower(onnx.load(str(model.path)))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    content = as_runnable(lowered).SerializeToString()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    stored = np.clip(np.rint(images / np.float32(0.02)) - 3, -128, 127).astype(np.int8)
    rows = [session.run(None, {lowered.inputs[0].name: row[np.newaxis]})[0] for row in stored]
    return (np.concatenate(rows).astype(np.float32) + 11) * np.float32(0.02)


def test_an_open_model_gives_the_numbers_of_the_integer_graph(model: QuantizedOnnx) -> None:
    images = np.random.default_rng(1).normal(0, 1, (6, 3, SIDE, SIDE)).astype(np.float32)
    session = target().open(model, SilentProgress())
    try:
        (first,), (second,) = session.run(images[:4]), session.run(images[4:])
    finally:
        session.close()
    np.testing.assert_array_equal(np.concatenate([first, second]), expected(model, images))
    assert session.input.shape == (3, SIDE, SIDE)
    assert not session.image.elf.parent.exists()
    assert len(np.unique(first, axis=0)) > 1


def test_the_exported_folder_passes_its_golden_test_on_this_machine(model: QuantizedOnnx, tmp_path: Path) -> None:
    write_metadata(model.path, {"class_names": ["ant", "bee", "cow", "dog", "elk"]})
    result = target().deploy(model, tmp_path, SilentProgress())
    folder = tmp_path / "firmware"
    assert "Classes, also in `zoo_class_names`: ant, bee, cow, dog, elk." in (folder / "README.md").read_text()
    assert result.facts["firmware"] == str(folder)
    assert result.facts["bit_exact"] == "yes"
    assert all(Path(file).is_file() for file in result.files)
    assert {"zoo_model.h", "CMakeLists.txt", "golden.c", "README.md", "firmware.elf"} <= {
        Path(file).name for file in result.files
    }
    assert golden_test(folder) == 0


def golden_test(folder: Path) -> int:
    """Build the exported folder with the compiler of this system and return the status of its golden test."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    sources = ("zoo_model.c", "network.c", "network_data.c", "golden.c", "main.c")
    subprocess.run([compiler, "-O1", "-ffp-contract=off", *sources, "-lm", "-o", "golden"], cwd=folder, check=True)
    return subprocess.run([folder / "golden"], check=False).returncode


def test_what_stays_in_floating_point_is_named_and_deployed_all_the_same(tmp_path: Path) -> None:
    model = saved(classifier(between="LpNormalization"), tmp_path)
    result = target().deploy(model, tmp_path, SilentProgress())
    assert result.details["float_islands"] == ["the_between"]
    assert any("the_between (LpNormalization: " in note for note in result.notes)
    assert re.search(r"ZOO_GOLDEN_TOLERANCE 1\.0\b", (tmp_path / "firmware/golden.h").read_text())
    assert golden_test(tmp_path / "firmware") == 0


def test_several_inputs_and_outputs_keep_their_order(tmp_path: Path) -> None:
    model = saved(pair(), tmp_path)
    result = target().deploy(model, tmp_path, SilentProgress())
    assert result.facts["bit_exact"] == "yes"
    assert result.details["compared_inputs"] == 3
    header = (tmp_path / "firmware/zoo_model.h").read_text()
    sizes = re.findall(r"ZOO_(INPUT|OUTPUT)_(\d)_BYTES \(?(\d+)", header)
    assert sizes == [("INPUT", "0", "72"), ("INPUT", "1", "2"), ("OUTPUT", "0", "2"), ("OUTPUT", "1", "72")]
    assert golden_test(tmp_path / "firmware") == 0
    with pytest.raises(UserError, match=r"does not take one image: found left.*, right"):
        target().open(model, SilentProgress())


@pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="QEMU is not installed")
def test_qemu_gives_the_same_and_counts_no_instructions(benchmark: Any) -> None:
    unicorn, qemu = benchmark("unicorn"), benchmark("qemu", emulator="qemu")
    assert qemu.facts["bit_exact"] == "yes"
    assert "mps2-an500" in qemu.facts["board"]
    counted = {metric.name: metric.value for metric in unicorn.metrics}
    found = {metric.name: metric.value for metric in qemu.metrics}
    assert found.keys() == METRICS - {"instructions"}
    for name in ("total_flash", "ram_activations", "ram_io", "macs"):
        assert found[name] == counted[name]
    assert any("QEMU counts no instructions" in note for note in qemu.notes)
    assert all(layer["instructions"] is None for layer in qemu.details["layers"])


@pytest.mark.parametrize("board", [board.name for board in load_boards() if board.runs_firmware])
def test_every_board_with_a_microcontroller_is_ready(board: str) -> None:
    assert target(board).check("benchmark") == ()


@pytest.mark.parametrize("board", [board.name for board in load_boards() if not board.runs_firmware])
def test_a_board_with_an_application_processor_is_refused_in_one_sentence(board: str) -> None:
    (problem,) = target(board).check("benchmark")
    assert problem.startswith(f"{board} has an application processor (cortex-a")
    assert problem.endswith("choose a board with a microcontroller, or board: host")


def test_absent_tools_are_named_with_their_option(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert target().check("benchmark") == ()
    compiler, emulator = target(compiler="gcc", emulator="qemu").check("benchmark")
    assert compiler.startswith("tools.firmware.compiler: arm-none-eabi-gcc is not on the PATH.\nInstall")
    assert emulator.startswith("tools.firmware.emulator: qemu-system-arm is not on the PATH.\nInstall QEMU")


def floating() -> onnx.ModelProto:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 4)) for name in ("image", "y")]
    graph = helper.make_graph([helper.make_node("Relu", ["image"], ["y"])], "float", values[:1], values[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


BAD = {
    "float": (floating, r"it is a float model.*\nQuantize it first"),
    "dynamic": (
        lambda: classifier(shape=("batch", 3, "height", SIDE)),
        r"input image has no fixed length in axis 2 \(height\).*\nExport the model with fixed input sizes",
    ),
    "operator": (
        lambda: classifier(between="GlobalLpPool"),
        r"(?s)GlobalLpPool in the layer 'the_between': replace the operator",
    ),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("ability", ["benchmark", "deploy", "open"])
def test_unsuitable_models_are_refused_before_anything_is_built(name: str, ability: str, tmp_path: Path) -> None:
    make, message = BAD[name]
    given = () if ability == "open" else (tmp_path / "out",)
    with pytest.raises(UserError, match=message) as caught:
        getattr(target(), ability)(saved(make(), tmp_path), *given, SilentProgress())
    assert caught.value.hint
    assert not (tmp_path / "out").exists()


def test_a_model_that_is_too_large_is_told_of_ram_and_flash_at_once(tmp_path: Path) -> None:
    model = saved(classifier(channels=15000), tmp_path)
    with pytest.raises(UserError) as caught:
        target("NUCLEO-F401RE").benchmark(model, tmp_path / "out", SilentProgress())
    ram, flash = caught.value.message.split("\n")
    assert re.search(r"needs \d+ KiB of activation memory .*NUCLEO-F401RE has 96 KiB internal", ram)
    assert "the peak is tensor map_q" in ram
    assert re.search(r"needs \d+ KiB of flash .*NUCLEO-F401RE has 512 KiB internal", flash)
    assert "a smaller input resolution, a narrower model, or a board with more memory" in str(caught.value.hint)
    assert not (tmp_path / "out").exists()
