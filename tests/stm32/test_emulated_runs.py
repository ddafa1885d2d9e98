"""`zoo run` with the emulator: the same answers as this machine, and refusals in one message with their exit code."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from sklearn.datasets import load_digits

from zoo_core.cli.main import run_cli

TRAIN = """\
operation_mode: chain_tq
general: {seed: 7, num_threads: 1}
model: {model_name: resnet8, input_shape: [1, 16, 16]}
dataset: {dataset_name: digits, workers: 0}
training: {epochs: 4, batch_size: 64, optimizer: {opt: sgd, momentum: 0.9}, lr_scheduler: {lr: 0.05, warmup_epochs: 0}}
quantization: {quantizer: onnx_quantizer, granularity: per_channel}
hydra: {run: {dir: RUN_DIR}}
"""
USE = """\
operation_mode: MODE
model: {model_path: MODEL}
dataset: {dataset_name: custom, test_path: DATA, prediction_path: DATA/3, workers: 0}
evaluation: {target: TARGET}
prediction: {target: TARGET, batch_size: 3}
hydra: {run: {dir: RUN_DIR}}
"""
BENCHMARK = """\
operation_mode: benchmarking
use_case: classification
model: {model_path: MODEL}
benchmarking: {board: BOARD, engine: emulator}
hydra: {run: {dir: RUN_DIR}}
"""
PER_CLASS = 3
INTEGERS = "quantized_models/resnet8_quant_qdq_pc.onnx"


@dataclass(frozen=True)
class Answer:
    """Hold what a command answered and the folder of its run."""

    code: int
    text: str
    folder: Path


@pytest.fixture
def zoo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Answer]]:
    """Return a function that writes a configuration and runs it in this process."""

    def call(text: str, name: str = "run", **words: object) -> Answer:
        folder = tmp_path / name
        path = tmp_path / f"{name}.yaml"
        for word, value in sorted({**words, "RUN_DIR": folder}.items(), key=lambda pair: -len(pair[0])):
            text = text.replace(word, str(value))
        path.write_text(text)
        capsys.readouterr()
        code = run_cli(["run", str(path)])
        captured = capsys.readouterr()
        return Answer(code, captured.out + captured.err, folder)

    return call


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train shortly on digits of 16 pixels and quantize."""
    folder = tmp_path_factory.mktemp("trained")
    path = folder / "train.yaml"
    path.write_text(TRAIN.replace("RUN_DIR", str(folder / "run")))
    assert run_cli(["run", str(path)]) == 0
    return folder / "run" / INTEGERS


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few pictures of each digit, in a folder per class."""
    root = tmp_path_factory.mktemp("digits")
    data = load_digits()
    for label in range(10):
        (root / str(label)).mkdir()
        for index, image in enumerate(data.images[data.target == label][:PER_CLASS]):
            Image.fromarray((image * 15.9).astype("uint8")).resize((16, 16)).save(root / str(label) / f"{index}.png")
    return root


def metrics(answer: Answer) -> dict[str, float]:
    (stage,) = answer.folder.glob("**/result.json")
    return {metric["name"]: metric["value"] for metric in json.loads(stage.read_text())["result"]["metrics"]}


@pytest.mark.slow
def test_accuracy_and_predictions_are_those_of_this_machine(
    zoo: Callable[..., Answer], trained: Path, digits: Path
) -> None:
    step = output_step(trained)
    rows: dict[str, list[dict[str, str]]] = {}
    top1 = {}
    for target in ("host", "emulator"):
        words = {"MODEL": trained, "DATA": digits, "TARGET": target}
        measured = zoo(USE, f"evaluate_{target}", MODE="evaluation", **words)
        assert measured.code == 0, measured.text
        top1[target] = metrics(measured)["top1"]
        predicted = zoo(USE, f"predict_{target}", MODE="prediction", **words)
        assert predicted.code == 0, predicted.text
        with (predicted.folder / "predictions.csv").open() as stream:
            rows[target] = list(csv.DictReader(stream))
    assert top1["host"] > 30  # better than guessing, so that there is something to lose
    # The integer graph may differ from the QDQ graph by a step, which can turn the answer for one image at most here.
    assert abs(top1["host"] - top1["emulator"]) <= 100 / (10 * PER_CLASS)
    assert len(rows["host"]) == len(rows["emulator"]) == PER_CLASS
    for here, there in zip(rows["host"], rows["emulator"], strict=True):
        assert here["image"] == there["image"]
        score = next(key for key in here if key in ("score", "confidence", "probability"))
        # One step of both logits changes a probability by at most a quarter of their difference.
        assert abs(float(here[score]) - float(there[score])) <= 0.5 * step + 1e-3


def output_step(path: Path) -> float:
    """Return the real size of one step of the output."""
    graph = onnx.load(str(path)).graph
    scales = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    last = next(node for node in graph.node if node.output[0] == graph.output[0].name)
    assert last.op_type == "DequantizeLinear"
    return float(scales[last.input[1]])


@pytest.mark.slow
def test_a_benchmark_reports_the_emulated_board(zoo: Callable[..., Answer], trained: Path) -> None:
    answer = zoo(BENCHMARK, MODEL=trained, BOARD="STM32H747I-DISCO")
    assert answer.code == 0, answer.text
    for words in ("STM32H747I-DISCO, emulated", "instructions", "bit_exact", "yes"):
        assert words in answer.text
    assert metrics(answer)["macs"] > 0
    assert (answer.folder / "run.json").is_file()


def floating(folder: Path) -> Path:
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, (1, 3, 8, 8))
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, (1, 2))
    weights = numpy_helper.from_array(np.ones((192, 2), np.float32), "weights")
    nodes = [
        helper.make_node("Flatten", ["input"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["output"]),
    ]
    graph = helper.make_graph(nodes, "float", [image], [output], [weights])
    path = folder / "float.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))
    return path


def refused(answer: Answer, code: int, *said: str) -> None:
    assert answer.code == code, answer.text
    flat = " ".join(answer.text.split())
    for words in said:
        assert words in flat
    assert "Traceback" not in answer.text
    assert not list(answer.folder.glob("**/firmware.elf"))


def test_a_float_model_is_refused_with_the_cure(zoo: Callable[..., Answer], tmp_path: Path) -> None:
    answer = zoo(BENCHMARK, MODEL=floating(tmp_path), BOARD="STM32H747I-DISCO")
    refused(
        answer, 2, "takes a quantized ONNX model, not a float ONNX model", "Quantize before (a q in operation_mode)"
    )


def test_a_float_model_is_refused_for_evaluation_on_the_emulator(
    zoo: Callable[..., Answer], tmp_path: Path, digits: Path
) -> None:
    text = USE.replace("operation_mode: MODE", "operation_mode: evaluation\nuse_case: classification")
    answer = zoo(text, MODEL=floating(tmp_path), DATA=digits, TARGET="emulator")
    refused(answer, 2, '"emulator" takes', "quantized")
    assert not answer.folder.exists()


def test_a_board_without_a_microcontroller_is_refused_before_the_run(
    zoo: Callable[..., Answer], tmp_path: Path
) -> None:
    answer = zoo(BENCHMARK, MODEL=floating(tmp_path), BOARD="STM32MP257F-EV1")
    refused(answer, 3, "application processor (cortex-a35), which is not emulated; choose a board with a")
    assert not answer.folder.exists()


def test_an_absent_compiler_is_named_with_its_option_before_the_run(
    zoo: Callable[..., Answer], tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    text = f"{BENCHMARK}tools: {{firmware: {{compiler: gcc, emulator: qemu}}}}\n"
    answer = zoo(text, MODEL=floating(tmp_path), BOARD="STM32H747I-DISCO")
    refused(
        answer,
        3,
        "tools.firmware.compiler: arm-none-eabi-gcc is not on the PATH.",
        "tools.firmware.emulator: qemu-system-arm is not on the PATH.",
    )
    assert not answer.folder.exists()


@pytest.mark.slow
def test_a_model_that_is_too_large_is_refused_with_what_the_board_has(
    zoo: Callable[..., Answer], trained: Path, monkeypatch: Any
) -> None:
    text = f"{BENCHMARK}tools: {{firmware: {{stack_kib: 96}}}}\n"
    answer = zoo(text, MODEL=trained, BOARD="NUCLEO-F401RE")
    refused(answer, 2, "of activation memory", "NUCLEO-F401RE has 96 KiB internal", "the peak is tensor")
