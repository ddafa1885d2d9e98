"""Pose estimators on boards: headers that ST's applications decode with, boards that cannot, the emulator."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from zoo_stm32.deployment import DeployJob, Limits
from zoo_stm32.stedgeai import find_stedgeai
from zoo_stm32.testing.cubeide import install_cubeide, make_project
from zoo_stm32.testing.programmer import install_programmer
from zoo_stm32.testing.stedgeai import install_stedgeai

STEM = "st_movenet_lightning_heatmaps"
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
QUANTIZATION = "quantization: {quantizer: onnx_quantizer}\n"


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


def quantized(finished):
    return next(finished.folder.rglob("*_quant_qdq_pc.onnx"))


def test_heat_maps_are_deployed(finished, texts, zoo, bench):
    path = quantized(finished)
    before = path.read_bytes()
    more = f"postprocessing: {{kpts_conf_thresh: 0.35}}\n{bench('STM32N6570-DK')}"
    answer = zoo(texts.use("deployment", path, more))
    assert answer.code == 0, answer.text
    text = header(answer)
    assert define(text, "POSTPROCESS_TYPE") == "POSTPROCESS_SPE_MOVENET_UI"
    assert int(define(text, re.search(r"AI_\w*HEATMAP_WIDTH\b|AI_\w*HEATMAP_W\w*", text).group())) == 16
    assert int(define(text, re.search(r"AI_\w*HEATMAP_HEIGHT\b|AI_\w*HEATMAP_H\w*", text).group())) == 16
    assert re.search(r"(KEYPOINTS|POSE_PP_NB\w*|NB_KEYPOINTS)\w*\s+\(?17\)?", text), text
    assert re.search(r"CONF_THRESHOLD\w*\s+\(?0\.35", text), text
    assert path.read_bytes() == before  # the user's own file stays as it is


def test_boards_that_do_not_decode_heat_maps_name_those_that_do(finished, texts, zoo, bench):
    answer = zoo(texts.use("deployment", quantized(finished), bench("STM32H747I-DISCO")))
    assert answer.code == 2, answer.text
    assert "Traceback" not in answer.text
    assert "do not decode outputs of the family heatmaps_spe" in answer.flat
    assert "STM32N6" in answer.flat


@pytest.mark.slow
def test_a_float_model_is_quantized_and_deployed(finished, texts, zoo, bench):
    path = next(path for path in finished.folder.rglob(f"{STEM}.onnx") if "quantized" not in str(path))
    answer = zoo(texts.use("chain_qd", path, f"{QUANTIZATION}{bench('STM32N6570-DK')}"))
    assert answer.code == 0, answer.text
    assert define(header(answer), "POSTPROCESS_TYPE") == "POSTPROCESS_SPE_MOVENET_UI"


@pytest.mark.slow
def test_the_emulator_agrees_with_this_machine(finished, texts, zoo):
    values = {}
    for target in ("host", "emulator"):
        answer = zoo(texts.use("evaluation", quantized(finished), f"evaluation: {{target: {target}}}\n"), name=target)
        assert answer.code == 0, answer.text
        stages = json.loads((answer.folder / "metrics.json").read_text())["stages"].values()
        (values[target],) = (row["value"] for rows in stages for row in rows if row["name"] == "oks")
    assert values["host"] > 0
    assert values["emulator"] == pytest.approx(values["host"], abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("board", ["STM32N6570-DK", "STM32H747I-DISCO"])
def test_a_quantized_pose_estimator_is_benchmarked_on_the_emulator(finished, texts, zoo, board):
    path = next(path for path in finished.folder.rglob(f"{STEM}.onnx") if "quantized" not in str(path))
    benchmark = f"benchmarking: {{board: {board}, engine: emulator}}\n"
    answer = zoo(texts.use("chain_qb", path, f"{QUANTIZATION}{benchmark}"))
    assert answer.code == 0, answer.text
    assert "bit_exact" in answer.text
    assert "emulated" in answer.text
