"""`evaluation.target` and `prediction.target` of ST's zoo through `zoo run`, with stand-ins of runtime and boards."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from zoo_core.errors import EXIT_OK, MissingError
from zoo_stm32.testing.ai_runner import StandInNetwork, install_scripts
from zoo_stm32.testing.board import BoardStandIn, StandInTensor

EVALUATION = """\
operation_mode: evaluation
tools: {stedgeai: {path_to_stedgeai: TOOL}}
dataset: {dataset_name: custom, test_path: PICTURES, workers: 0}
evaluation: {target: TARGET}
"""
PREDICTION = """\
operation_mode: prediction
tools: {stedgeai: {path_to_stedgeai: TOOL}}
dataset: {dataset_name: custom, prediction_path: PICTURES/roses, workers: 0}
prediction: {target: TARGET}
"""
ON_BOARDS = [("stedgeai_n6", "uint8", "int8"), ("stedgeai_h7p", "int8", "float32")]


@dataclass
class Connected:
    """A board behind a serial port, and what happened at it."""

    stand_in: BoardStandIn | None = None
    opened: int = 0


@pytest.fixture
def connect(world, monkeypatch) -> Iterator[Callable[..., Connected]]:
    """Return a function that connects a board which computes the shared model."""
    boards: list[BoardStandIn] = []

    def make(*, failure: str = "none", input_type: str = "uint8", output_type: str = "int8") -> Connected:
        network = StandInNetwork(world.shared / "tiny.onnx", input_type, output_type)
        tensors = [
            StandInTensor(type=info.type, shape=info.shape, scale=info.scale, zero_point=info.zero_point)
            for info in (network.input, network.output)
        ]
        connected = Connected(BoardStandIn(tensors[:1], tensors[1:], network.compute, failure=failure))

        def open_port() -> object:
            connected.opened += 1
            boards.append(connected.stand_in)
            return connected.stand_in.__enter__()

        monkeypatch.setattr("zoo_stm32.engines.on_board.open_port", open_port)
        monkeypatch.setattr("zoo_stm32.engines.on_board.list_ports", lambda: (("/dev/ttyACM0", "ST-LINK"),))
        return connected

    yield make
    for board in boards:
        board.__exit__(None, None, None)


@pytest.fixture
def installation(world):
    """Install the tool with its scripts."""
    tool = world.tool()
    install_scripts(world.root / "STEdgeAI")
    return tool


def text_of(world, template: str, target: str, tool: object) -> str:
    values = {"TARGET": target, "TOOL": str(tool), "PICTURES": str(world.shared / "pictures")}
    for key, value in values.items():
        template = template.replace(key, value)
    return template


def records(answer) -> dict[str, tuple[str, float]]:
    data = json.loads((answer.run_dir / "predictions.json").read_text())
    return {entry["image"]: (entry["label"], entry["score"]) for entry in data["predictions"]}


def test_the_runtime_on_this_computer_gives_the_metric_of_the_host(world, installation) -> None:
    here = world.run(text_of(world, EVALUATION, "host", installation), run_dir="here")
    there = world.run(text_of(world, EVALUATION, "stedgeai_host", installation), run_dir="there")
    assert here.code == there.code == EXIT_OK, there.text
    assert there.metrics == here.metrics


def test_the_runtime_on_this_computer_predicts_what_the_host_predicts(world, installation) -> None:
    here = world.run(text_of(world, PREDICTION, "host", installation), run_dir="here")
    there = world.run(text_of(world, PREDICTION, "stedgeai_host", installation), run_dir="there")
    assert here.code == there.code == EXIT_OK, there.text
    assert records(there).keys() == records(here).keys()
    for image, (label, confidence) in records(here).items():
        assert records(there)[image][0] == label
        assert records(there)[image][1] == pytest.approx(confidence, abs=1e-5)


@pytest.mark.parametrize(("target", "input_type", "output_type"), ON_BOARDS)
def test_a_board_gives_the_metric_of_the_host(world, installation, connect, *, target, input_type, output_type) -> None:
    board = connect(input_type=input_type, output_type=output_type)
    types = (f"evaluation.input_type={input_type}", f"evaluation.output_type={output_type}")
    here = world.run(text_of(world, EVALUATION, "host", installation), run_dir="here")
    there = world.run(text_of(world, EVALUATION, target, installation), *types, run_dir="there")
    assert there.code == EXIT_OK, there.text
    assert there.metrics == here.metrics
    assert board.opened == 1
    images = len(list((world.shared / "pictures").rglob("*.png")))
    assert board.stand_in.packets > 6 * images  # 192 bytes of each image, 32 to a packet


@pytest.mark.parametrize(("profile", "code"), [("profile_O3", EXIT_OK), ("profile_O9", 2)])
def test_profiles_of_the_installation_are_known(world, installation, connect, profile, code) -> None:
    connect()
    profiles = {"Profiles": {"profile_O3": {"memory_pool": "", "options": "-O3"}}}
    (world.root / "STEdgeAI/scripts/N6_scripts/user_neuralart.json").write_text(json.dumps(profiles))
    text = text_of(world, PREDICTION, "stedgeai_n6", installation)
    answer = world.run(text, f"prediction.profile={profile}")
    assert answer.code == code, answer.text
    assert code == EXIT_OK or "has no profile 'profile_O9'" in answer.err


def test_a_board_predicts_what_the_host_predicts(world, installation, connect) -> None:
    connect()
    here = world.run(text_of(world, PREDICTION, "host", installation), run_dir="here")
    there = world.run(text_of(world, PREDICTION, "stedgeai_n6", installation), run_dir="there")
    assert there.code == EXIT_OK, there.text
    assert {image: label for image, (label, _) in records(there).items()} == {
        image: label for image, (label, _) in records(here).items()
    }


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        ("silent", "does not answer"),
        ("garbage", "validation firmware"),
        ("no_network", "holds no network"),
        ("old_protocol", "message format"),
        ("refuses", "refuses"),
        ("wrong_size", "bytes"),
        ("disconnect", ""),
    ],
)
def test_a_failing_board_is_one_message_and_no_result(
    world, installation, connect, *, monkeypatch, failure, words
) -> None:
    from functools import partial

    from zoo_stm32.board_link import BoardLink

    monkeypatch.setattr("zoo_stm32.engines.on_board.BoardLink", partial(BoardLink, timeout_s=0.5, run_timeout_s=0.5))
    connect(failure=failure)
    answer = world.run(text_of(world, PREDICTION, "stedgeai_n6", installation))
    assert answer.code != EXIT_OK
    assert words in answer.err
    assert "Traceback" not in answer.text
    assert answer.results() == []
    assert not (answer.run_dir / "predictions.json").exists()


def test_a_failing_loader_is_one_message(world, connect) -> None:
    tool = world.tool()
    install_scripts(world.root / "STEdgeAI", loader="no debugger")
    board = connect()
    answer = world.run(text_of(world, EVALUATION, "stedgeai_n6", tool))
    assert "Loading the validation firmware onto STM32N6570-DK failed: exit status 3" in answer.err
    assert board.opened == 0
    assert answer.results() == []


@pytest.mark.parametrize(
    ("target", "words"),
    [("stedgeai_host", "scripts/ai_runner is not in the installation"), ("stedgeai_n6", "scripts is not in the inst")],
)
def test_an_installation_without_scripts_is_refused_before_anything_is_created(world, connect, target, words) -> None:
    connect()
    answer = world.run(text_of(world, EVALUATION, target, world.tool()))
    assert answer.code != EXIT_OK
    assert words in answer.err
    assert not answer.run_dir.exists()


def test_a_board_needs_pyserial_before_anything_is_created(world, installation, monkeypatch) -> None:
    def absent() -> None:
        msg = "Boards are reached through pyserial, which is not installed."
        raise MissingError(msg, hint='pip install "zoo-stm32[board]"')

    monkeypatch.setattr("zoo_stm32.engines.on_board.list_ports", absent)
    answer = world.run(text_of(world, EVALUATION, "stedgeai_n6", installation))
    assert "pyserial" in answer.err
    assert not answer.run_dir.exists()


def test_a_float_model_alone_is_refused_for_a_board(world, installation, connect) -> None:
    board = connect()
    answer = world.run(text_of(world, EVALUATION, "stedgeai_n6", installation), model="tiny_float.onnx")
    assert answer.code != EXIT_OK
    assert '"stedgeai_n6" takes' in answer.err
    assert board.opened == 0


@pytest.mark.parametrize("target", ["stedgeai_host", pytest.param("STM32H747I-DISCO", marks=pytest.mark.slow)])
def test_the_float_model_beside_a_quantized_one_stays_on_the_host(world, installation, target) -> None:
    text = text_of(world, EVALUATION, target, installation).replace("evaluation\n", "chain_qe\n", 1)
    text = text.replace("test_path", f"quantization_path: {world.shared / 'pictures'}, test_path")
    answer = world.run(text, "quantization.quantizer=onnx_quantizer", model="tiny_float.onnx")
    assert answer.code == EXIT_OK, answer.text
    assert {metric["model"] for metric in answer.result["metrics"]} == {"int8", "float"}
