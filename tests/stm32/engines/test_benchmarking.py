"""`benchmarking` through `zoo run`: cloud, local and emulator, and how one of them is chosen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from zoo_core.errors import EXIT_OK
from zoo_stm32.cloud.secret import Secret
from zoo_stm32.stedgeai.options import target_of
from zoo_stm32.targets import load_boards
from zoo_stm32.testing.cloud import CloudFailure
from zoo_stm32.testing.stedgeai_figures import load_toy_model

TWELVE = (
    "STM32N6570-DK", "STM32H747I-DISCO", "STM32H7B3I-DK", "STM32F469I-DISCO", "B-U585I-IOT02A", "STM32L4R9I-DISCO",
    "NUCLEO-H743ZI2", "STM32H735G-DK", "STM32F769I-DISCO", "NUCLEO-G474RE", "NUCLEO-F401RE", "STM32F746G-DISCO",
)  # fmt: skip
PROCESSORS = ("STM32MP257F-EV1", "STM32MP157F-DK2", "STM32MP135F-DK")
SEED = """\
operation_mode: benchmarking
tools:
  stedgeai:
    optimization: balanced
    on_cloud: True
    path_to_stedgeai: C:/ST/STEdgeAI/<x.y>/Utilities/windows/stedgeai.exe
  path_to_cubeIDE: C:/ST/STM32CubeIDE_<*.*.*>/STM32CubeIDE/stm32cubeide.exe

benchmarking:
   board: BOARD     # Name of the STM32 board to benchmark the model on
"""


@pytest.mark.parametrize("board", [*TWELVE, "NUCLEO-N657X0-Q", *PROCESSORS])
def test_the_block_of_the_seeds_measures_on_every_board_of_the_cloud(world, cloud, board) -> None:
    answer = world.run(SEED.replace("BOARD", board))
    assert answer.code == EXIT_OK, answer.text
    facts = answer.result["facts"]
    assert facts["board"] == board
    assert facts["chosen"] == "tools.stedgeai.on_cloud is True"
    (job,) = [job for job in cloud.jobs.values() if job.kind != "conversion"]
    assert job.board == board
    size = (world.shared / "tiny.onnx").stat().st_size
    if board in PROCESSORS:
        assert answer.metrics["inference_time"] == 12.5
        assert answer.metrics["npu_usage"] == 80
        extra = len(b"NBG") if "MP2" in board else 0
        assert answer.metrics["model_size"] == size + extra
    else:
        assert answer.metrics["inference_time"] == 30
        assert answer.metrics["flash_weights"] == size
        assert (answer.metrics["internal_flash"], answer.metrics["external_flash"]) == (700, 300)
        assert "inference_time" in answer.text.replace(" ", "_").lower()


LOCAL = """\
operation_mode: benchmarking
tools: {stedgeai: {path_to_stedgeai: TOOL, optimization: ram}}
benchmarking: {board: BOARD}
"""


@pytest.mark.parametrize("board", ["STM32H747I-DISCO", "STM32N6570-DK"])
def test_the_tool_on_this_computer_measures_with_the_target_of_the_board(world, board) -> None:
    tool = world.tool()
    answer = world.run(LOCAL.replace("TOOL", str(tool)).replace("BOARD", board))
    assert answer.code == EXIT_OK, answer.text
    assert answer.result["facts"]["chosen"] == "tools.stedgeai.path_to_stedgeai names the tool"
    assert answer.result["facts"]["engine"].startswith("ST Edge AI Core 4.0.0")
    model = load_toy_model(world.shared / "tiny.onnx")
    assert answer.metrics["flash_weights"] == model.weights
    assert answer.metrics["ram_activations"] == model.activations
    assert "inference_time" not in answer.metrics
    (log,) = answer.run_dir.rglob("stedgeai_analyze.log")
    command = log.read_text().splitlines()[0]
    known = {entry.name: entry for entry in load_boards()}
    assert f"--target {target_of(known[board])} " in command
    assert "--optimization ram" in command
    assert ("--st-neural-art" in command) == ("N6" in board)


@pytest.mark.parametrize(
    ("settings", "engine", "reason"),
    [
        ("benchmarking: {board: STM32H747I-DISCO, engine: cloud}", "Developer Cloud", "benchmarking.engine is cloud"),
        ("benchmarking: {board: STM32H747I-DISCO, engine: local}", "Core", "benchmarking.engine is local"),
        pytest.param(
            "benchmarking: {board: STM32H747I-DISCO, engine: emulator}",
            "emulator",
            "benchmarking.engine is emulator",
            marks=pytest.mark.slow,
        ),
        ("benchmarking: {board: STM32H747I-DISCO}", "emulator", "tools.stedgeai names no tool of ST"),
        (
            "benchmarking: {board: STM32MP157F-DK2}",
            "Developer Cloud",
            "STM32MP157F-DK2 has an application processor, which only ST's cloud can measure",
        ),
    ],
)
def test_the_result_says_which_engine_was_taken_and_why(world, cloud, settings, engine, reason) -> None:
    world.monkeypatch.setenv("STM32_AI_EXE", str(world.tool()))
    answer = world.run(f"operation_mode: benchmarking\n{settings}\n")
    assert answer.code == EXIT_OK, answer.text
    assert engine in answer.result["facts"]["engine"]
    assert answer.result["facts"]["chosen"] == reason
    assert reason in " ".join(answer.text.split())
    assert bool(cloud.jobs) == (engine == "Developer Cloud")


def test_a_failing_engine_is_an_error_and_no_other_takes_its_place(world) -> None:
    world.tool()
    tool = world.tool(failure="out_of_memory")
    answer = world.run(LOCAL.replace("TOOL", str(tool)).replace("BOARD", "STM32H747I-DISCO"))
    assert answer.code != EXIT_OK
    assert "does not fit the memory it was given" in answer.err
    assert answer.results() == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("benchmarking: {board: STM32MP157F-DK2, engine: local}", "no target for STM32MP157F-DK2"),
        ("benchmarking: {board: STM32MP157F-DK2, engine: emulator}", "application processor (cortex-a7)"),
        ("benchmarking: {board: STM32H747I-DISCO, engine: cloud}", "There is no login"),
        ("benchmarking: {board: STM32H747I-DISCO, engine: local}", "ST Edge AI Core was not found"),
        ("benchmarking: {board: STM32H747I-DISCO, engine: fpga}", "engine"),
    ],
)
def test_an_engine_that_cannot_serve_is_refused_before_anything_is_created(world, settings, words) -> None:
    world.monkeypatch.setenv("BASE_URL_DEVCLOUD", "http://127.0.0.1:9")
    answer = world.run(f"operation_mode: benchmarking\n{settings}\n")
    assert answer.code != EXIT_OK
    assert words in answer.err
    assert "Traceback" not in answer.err
    assert not answer.run_dir.exists()


@pytest.mark.parametrize(
    ("board", "meant"),
    [("STM32H747-DISCO", "STM32H747I-DISCO"), ("NUCLEO-N657X0", "NUCLEO-N657X0-Q"), ("stm32n6570-dkk", "6570-DK")],
)
def test_an_unknown_board_is_refused_with_suggestions(world, cloud, board, meant) -> None:
    answer = world.run(SEED.replace("BOARD", board))
    assert answer.code != EXIT_OK
    assert board in answer.err
    assert meant.lower().replace("_", "-") in answer.err.lower().replace("_", "-")
    assert not answer.run_dir.exists()
    assert cloud.jobs == {}


def test_an_interrupted_run_goes_on_with_the_same_job(world, failing_cloud) -> None:
    server = failing_cloud(failure=CloudFailure.SERVER_ERROR, at="/api/benchmark/benchmark/benchmark-")
    first = world.run(SEED.replace("BOARD", "STM32H747I-DISCO"))
    assert first.code != EXIT_OK
    assert "answered 500" in first.err
    assert first.results() == []
    (state,) = first.run_dir.rglob("cloud_job.json")
    assert json.loads(state.read_text())["jobs"][0]["identifier"] == "benchmark-1"
    server.failure = None
    again = world.resume()
    assert again.code == EXIT_OK, again.text
    assert list(server.jobs) == ["benchmark-1"]
    assert again.metrics["inference_time"] == 30


def test_a_chain_never_asks_for_a_login(world, failing_cloud, monkeypatch) -> None:
    failing_cloud(login="none")
    asked: list[str] = []
    monkeypatch.setattr("zoo_stm32.cloud.client._can_ask", lambda interactive: interactive)
    answers = ("somebody@example.com", Secret("wrong"))
    monkeypatch.setattr("zoo_stm32.cloud.client._asked", lambda ask: asked.append("asked") or answers)
    text = SEED.replace("BOARD", "STM32H747I-DISCO")
    pictures = world.shared / "pictures"
    more = f"dataset: {{dataset_name: custom, training_path: {pictures}, quantization_path: {pictures}}}\n"
    chain = text.replace("operation_mode: benchmarking", "operation_mode: chain_qb") + more
    answer = world.run(chain, "quantization.quantizer=onnx_quantizer", model="tiny_float.onnx")
    assert "There is no login" in answer.err
    assert asked == []
    alone = world.run(text)
    assert asked == ["asked"]
    assert "refuses the password" in alone.err
    assert not alone.run_dir.exists()


def test_both_precisions_are_measured_on_request(world, cloud) -> None:
    pictures = world.shared / "pictures"
    text = SEED.replace("BOARD", "STM32H747I-DISCO").replace("operation_mode: benchmarking", "operation_mode: chain_qb")
    text += f"dataset: {{dataset_name: custom, training_path: {pictures}, quantization_path: {pictures}, workers: 0}}\n"
    text += "quantization: {quantizer: onnx_quantizer}\n"
    answer = world.run(text, "benchmarking.compare_float=true", model="tiny_float.onnx")
    assert answer.code == EXIT_OK, answer.text
    sizes = {
        metric["model"]: metric["value"] for metric in answer.result["metrics"] if metric["name"] == "flash_weights"
    }
    assert sizes["float"] == (world.shared / "tiny_float.onnx").stat().st_size
    (quantized,) = Path(answer.run_dir).rglob("*quant*.onnx")
    assert sizes["int8"] == quantized.stat().st_size
    assert len(cloud.jobs) == 2
