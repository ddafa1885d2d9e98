"""Detectors on boards: headers that ST's applications decode with, messages for boards that cannot, the emulator."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_stm32.deployment import DeployJob, Limits
from zoo_stm32.stedgeai import find_stedgeai
from zoo_stm32.testing.cubeide import install_cubeide, make_project
from zoo_stm32.testing.programmer import install_programmer
from zoo_stm32.testing.stedgeai import install_stedgeai

STEM = "st_yolodv2pico_actrelu_pt"
LIMITS = Limits(build_s=20, flash_s=20, sign_s=20, probe_s=20, connect_s=10, copy_s=20, launch_grace_s=0.1, poll_s=0.02)
DEPLOYMENT = """\
deployment:
  c_project_path: PROJECT
  IDE: GCC
  verbosity: 1
  hardware_setup: {serie: SERIE, board: BOARD}
tools:
  stedgeai: {optimization: balanced, on_cloud: False, path_to_stedgeai: TOOL}
  path_to_cubeIDE: CUBEIDE
"""
NAMES = ("aeroplane", "bicycle")


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """Return a function that installs stand-ins of every tool for a board, and the sections that name them."""
    for name in ("STM32_AI_EXE", "STM32_CUBE_IDE_EXE", "STM32_CUBE_PROG_EXE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("zoo_stm32.engines.deploying.DeployJob", lambda **given: DeployJob(**given, limits=LIMITS))
    monkeypatch.setattr(
        "zoo_stm32.engines.vendor.find_stedgeai",
        lambda path, *, expected_version="": replace(
            find_stedgeai(path, expected_version=expected_version), limit_s=60.0, poll_s=0.05
        ),
    )

    def install(board):
        programmer = install_programmer(tmp_path / "programmer", [("0001", board)])
        monkeypatch.setenv("STM32_CUBE_PROG_EXE", str(programmer.programmer))
        core = tmp_path / "STEdgeAI"
        for name in ("Inc/ai_platform.h", "Lib/GCC/ARMCortexM7/NetworkRuntime_CM7.a"):
            path = core / "Middlewares/ST/AI" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        address = 0x34000400 if "N6" in board else 0x08000000
        values = {
            "PROJECT": make_project(tmp_path / "project", board),
            "SERIE": "STM32N6" if "N6" in board else "STM32H7",
            "BOARD": board,
            "TOOL": install_stedgeai(core / "Utilities/linux"),
            "CUBEIDE": install_cubeide(tmp_path / "cubeide", flash_address=address),
        }
        text = DEPLOYMENT
        for word, value in values.items():
            text = text.replace(word, str(value))
        return text

    return install


def header(answer):
    return next((answer.folder / "C_header").glob("a*_config.h")).read_text()


def define(text, name):
    found = re.search(rf"#define\s+{name}\s+\(?([^()\n]*?)\)?\s*$", text, re.MULTILINE)
    assert found, f"{name} is not in\n{text}"
    return found.group(1).strip()


def test_st_yolod_is_deployed(finished, texts, zoo, bench):
    path = next(path for path in finished.folder.rglob(f"{STEM}.onnx") if "quantized" not in str(path))
    processing = "postprocessing: {confidence_thresh: 0.4, NMS_thresh: 0.6}\n"  # not what the chain was run with
    text = f"operation_mode: chain_qd\n{texts.data}{processing}model: {{model_path: {path}}}\n"
    answer = zoo(f"{text}quantization: {{quantizer: onnx_quantizer}}\n{bench('STM32N6570-DK')}")
    assert answer.code == 0, answer.text
    text = header(answer)
    assert define(text, "POSTPROCESS_TYPE") == "POSTPROCESS_OD_ST_YOLOD_UI"
    for name, value in (("CONF_THRESHOLD", 0.4), ("IOU_THRESHOLD", 0.6)):
        key = re.search(rf"\w*{name}\b", text).group()
        assert float(define(text, key).rstrip("f")) == value
    for number, stride in enumerate((8, 16, 32)):
        assert define(text, f"AI_OD_YOLO_D_PP_STRIDE_{number}") == str(stride)
    for name in texts.classes:
        assert f'"{name}"' in text


def test_the_thresholds_of_a_deployment_are_those_of_its_file(finished, texts, zoo, bench):
    path = next(path for path in finished.folder.rglob("*_quant_qdq_pc.onnx"))
    before = path.read_bytes()
    processing = "postprocessing: {confidence_thresh: 0.35, max_detection_boxes: 7}\n"
    text = f"operation_mode: deployment\n{texts.data}{processing}model: {{model_path: {path}}}\n"
    answer = zoo(f"{text}{bench('STM32N6570-DK')}")
    assert answer.code == 0, answer.text
    text = header(answer)
    assert float(define(text, re.search(r"\w*CONF_THRESHOLD\b", text).group()).rstrip("f")) == 0.35
    assert re.search(r"MAX_BOXES\w*\s+\(?7\b", text)
    assert path.read_bytes() == before  # the user's own file stays as it is


def ssd_model(path, priors):
    """Write an SSD in two outputs: encoded boxes (1, A, 4) and logits (1, A, 3) of a background and two classes."""
    rng = np.random.default_rng(0)
    nodes, constants, outputs = [helper.make_node("GlobalAveragePool", ["images"], ["mean"])], [], []
    for name, columns in (("boxes", 4), ("scores", 3)):
        size = priors * columns
        constants += [
            numpy_helper.from_array(rng.normal(0, 1, (size, 3, 1, 1)).astype(np.float32), f"{name}_w"),
            numpy_helper.from_array(rng.normal(0, 1, size).astype(np.float32), f"{name}_b"),
            numpy_helper.from_array(np.array([-1, priors, columns], np.int64), f"{name}_s"),
        ]
        nodes += [
            helper.make_node("Conv", ["mean", f"{name}_w", f"{name}_b"], [f"{name}_flat"]),
            helper.make_node("Reshape", [f"{name}_flat", f"{name}_s"], [name]),
        ]
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", priors, columns]))
    image = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, 64, 64])
    graph = helper.make_graph(nodes, "ssd", [image], outputs, constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


PRIORS = 6 * (4 * 4 + 2 * 2 + 1 + 1 + 1 + 1)
PAGE = """\
operation_mode: chain_qd
model: {model_path: MODEL, model_type: ssd}
dataset: {format: coco, class_names: [aeroplane, bicycle], quantization_path: IMAGES, workers: 0}
quantization: {quantizer: onnx_quantizer}
"""


@pytest.fixture
def page(tmp_path, shapes):
    """The deployment of ST's page: an SSD by its type and names of its classes."""
    ssd_model(tmp_path / "ssd.onnx", PRIORS)
    return PAGE.replace("MODEL", str(tmp_path / "ssd.onnx")).replace("IMAGES", str(shapes / "images/train"))


def test_ssd_is_deployed_with_its_anchors(page, zoo, bench):
    answer = zoo(f"{page}{bench('STM32N6570-DK')}")
    assert answer.code == 0, answer.text
    text = header(answer)
    assert define(text, "POSTPROCESS_TYPE") == "POSTPROCESS_OD_SSD_UI"
    assert [float(value) for value in re.findall(r"_VARIANCE\s+\(?([\d.]+)f?", text)] == pytest.approx([0.1, 0.2])
    assert re.search(rf"TOTAL_DETECTIONS\s+\(?{PRIORS}\)?", text), text
    assert all(f'"{name}"' in text for name in NAMES)
    anchors = next(answer.folder.rglob("ssd_anchors.h")).read_text()
    numbers = [float(value) for value in re.findall(r"-?\d+\.\d*(?:e-?\d+)?(?=f?)", anchors.partition("{")[2])]
    assert len(numbers) == 4 * PRIORS
    assert numbers[:2] == pytest.approx([8 / 64, 8 / 64])  # the middle of the first cell of 16 pixels
    assert numbers[2] == pytest.approx(numbers[3]) == pytest.approx(0.2)


def test_the_page_names_the_boards_that_decode_the_family(page, zoo, bench):
    answer = zoo(f"{page}{bench('STM32H747I-DISCO')}")
    assert answer.code == 2, answer.text
    assert "Traceback" not in answer.text
    flat = " ".join(answer.text.split())
    assert "applications for STM32H7 do not decode outputs of the family ssd" in flat
    assert "Boards of STM32N6 decode ssd" in flat


BENCHMARK = "benchmarking: {board: BOARD, engine: emulator}\nquantization: {quantizer: onnx_quantizer}\n"


@pytest.mark.slow
def test_the_emulator_agrees_with_this_machine(finished, texts, zoo):
    path = finished.folder / f"quantized_models/{STEM}_quant_qdq_pc.onnx"
    values = {}
    for target in ("host", "emulator"):
        text = f"operation_mode: evaluation\n{texts.data}{texts.used}model: {{model_path: {path}}}\n"
        answer = zoo(f"{text}evaluation: {{target: {target}}}\n", name=target)
        assert answer.code == 0, answer.text
        values[target] = json.loads((answer.folder / "metrics.json").read_text())
    one, other = (
        {row["name"]: row["value"] for rows in found["stages"].values() for row in rows if row["split"] == "test"}
        for found in (values["host"], values["emulator"])
    )
    assert one["ar_100"] > 0
    assert other == pytest.approx(one, abs=5)


@pytest.mark.slow
@pytest.mark.parametrize("board", ["STM32N6570-DK", "STM32H747I-DISCO"])
def test_a_quantized_detector_is_benchmarked_on_the_emulator(finished, texts, zoo, board):
    path = next(path for path in finished.folder.rglob(f"{STEM}.onnx") if "quantized" not in str(path))
    text = f"operation_mode: chain_qb\n{texts.data}model: {{model_path: {path}}}\n{BENCHMARK.replace('BOARD', board)}"
    answer = zoo(text)
    assert answer.code == 0, answer.text
    assert "bit_exact" in answer.text
    assert "emulated" in answer.text


@pytest.mark.slow
def test_a_board_that_is_too_small_is_one_message(finished, zoo):
    path = finished.folder / f"quantized_models/{STEM}_quant_qdq_pc.onnx"
    answer = zoo(
        f"operation_mode: benchmarking\nuse_case: detection\nmodel: {{model_path: {path}}}\n"
        f"benchmarking: {{board: NUCLEO-F401RE, engine: emulator}}\ntools: {{firmware: {{stack_kib: 64}}}}\n"
    )
    assert answer.code == 2, answer.text
    assert "NUCLEO-F401RE has" in answer.text
    assert "Traceback" not in answer.text
