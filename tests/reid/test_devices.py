"""Embedders on boards: the header of ST's application, files that name nobody of the training, the emulator."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import onnx
import pytest

from zoo_stm32.deployment import DeployJob, Limits
from zoo_stm32.stedgeai import find_stedgeai
from zoo_stm32.testing.cubeide import install_cubeide, make_project
from zoo_stm32.testing.programmer import install_programmer
from zoo_stm32.testing.stedgeai import install_stedgeai

STEM = "mobilenetv1_a025"
FLOAT = f"saved_models/{STEM}/{STEM}.onnx"
QUANTIZED = f"quantized_models/{STEM}_quant_qdq_pc.onnx"
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
APP = """\
app:
  max_object_detect: 15
  max_object_tracking: 5
  score_threshold: 0.6
  lost_time_in_ms: 3000
  start_tracking_conf_threshold: 0.8
"""
QUANTIZE = "quantization: {quantizer: onnx_quantizer}\n"
DEFAULTS = (20, 10, 0.5, 60000, 0.9)
KEYS = (
    "APP_MAX_OBJECT_DETECT",
    "APP_MAX_OBJECT_TRACKING",
    "APP_SCORE_THRESHOLD",
    "APP_LOST_TIME_IN_MS",
    "APP_START_TRACKING_CONF_THRESHOLD",
)


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
    return (answer.folder / "C_header/app_config.h").read_text()


def define(text, name):
    found = re.search(rf"#define\s+{name}\s+\(?([^()\n]*?)\)?\s*$", text, re.MULTILINE)
    assert found, f"{name} is not in\n{text}"
    return float(found.group(1).strip().rstrip("f"))


def check(text, features, values):
    assert (define(text, "NN_REID_WIDTH"), define(text, "NN_REID_HEIGHT")) == (16, 32)
    assert define(text, "NN_REID_NB_FEATURES") == features
    assert tuple(define(text, key) for key in KEYS) == values


@pytest.mark.parametrize("given", [("", DEFAULTS), (APP, (15, 5, 0.6, 3000, 0.8))], ids=["defaults", "given"])
def test_an_embedder_is_quantized_and_deployed(finished, texts, zoo, bench, given):
    app, values = given
    answer = zoo(texts.use("chain_qd", finished.folder / FLOAT, f"{QUANTIZE}{app}{bench('STM32N6570-DK')}"))
    assert answer.code == 0, answer.text
    check(header(answer), 256, values)
    for number in range(8):
        assert f"{number:04d}" not in "".join(re.findall(r'"[^"]*"', header(answer)))  # persons of the training
    for path in answer.folder.rglob("*.onnx"):
        entries = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
        assert not json.loads(entries["zoo"]).get("class_names"), path


def test_the_values_of_a_deployment_are_those_of_its_file(finished, texts, zoo, bench):
    path = finished.folder / QUANTIZED
    before = path.read_bytes()
    data = "dataset:\n"  # as the page has it: the word and nothing below
    answer = zoo(texts.use("deployment", path, f"{APP}{bench('STM32N6570-DK')}", data=data))
    assert answer.code == 0, answer.text
    check(header(answer), 256, (15, 5, 0.6, 3000, 0.8))
    assert path.read_bytes() == before  # the user's own file stays as it is


def test_boards_whose_application_does_not_recognise_persons_are_told(finished, texts, zoo, bench):
    answer = zoo(texts.use("deployment", finished.folder / QUANTIZED, bench("STM32H747I-DISCO")))
    assert answer.code == 2, answer.text
    assert "Traceback" not in answer.text
    assert "applications for STM32H7 do not decode outputs of the family embedding" in answer.flat
    assert "Boards of STM32N6 decode embedding" in answer.flat


@pytest.mark.slow
def test_the_emulator_agrees_with_this_machine(finished, texts, zoo):
    found = {}
    for target in ("host", "emulator"):
        text = texts.use("evaluation", finished.folder / QUANTIZED).replace(
            "bootstrap: 20", f"bootstrap: 0, target: {target}"
        )
        answer = zoo(text, name=target)
        assert answer.code == 0, answer.text
        stages = json.loads((answer.folder / "metrics.json").read_text())["stages"].values()
        found[target] = {row["name"]: row["value"] for rows in stages for row in rows if row["split"] == "test"}
    assert found["host"]["map"] > 0
    # A step of the output may differ, which can turn the order of two pictures.
    assert found["emulator"] == pytest.approx(found["host"], abs=12.5)


@pytest.mark.slow
@pytest.mark.parametrize("board", ["STM32N6570-DK", "STM32H747I-DISCO"])
def test_a_quantized_embedder_is_bit_exact_on_the_emulator(finished, texts, zoo, board):
    more = f"{QUANTIZE}benchmarking: {{board: {board}, engine: emulator}}\n"
    answer = zoo(texts.use("chain_qb", finished.folder / FLOAT, more))
    assert answer.code == 0, answer.text
    assert re.search(r"bit_exact\s+yes", answer.flat), answer.text
    assert "emulated" in answer.text


@pytest.mark.slow
def test_a_small_osnet_is_bit_exact_on_the_emulator(texts, zoo):
    text = f"operation_mode: chain_tqeb\n{texts.data}{texts.trained}".replace(STEM, "osnet_a025")
    answer = zoo(
        f"{text}benchmarking: {{board: STM32H747I-DISCO, engine: emulator}}\n".replace("epochs: 2", "epochs: 1")
    )
    assert answer.code == 0, answer.text
    assert re.search(r"bit_exact\s+yes", answer.flat), answer.text
