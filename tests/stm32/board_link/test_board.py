"""Sessions on a stand-in of a board behind a pseudo-terminal, against onnxruntime and by hand."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_core.artifacts import InputSpec
from zoo_core.errors import MissingError, UserError, ZooError
from zoo_stm32.board_link import BoardLink, BoardSession, Expected, open_port
from zoo_stm32.board_link.port import parse_descriptor
from zoo_stm32.board_link.session import arrange, quantize
from zoo_stm32.testing.board import BoardStandIn, StandInTensor

SPEC = InputSpec(3, 4, 5)
EXPECTED = Expected(input=SPEC, output_shapes=((2, 4, 5), (6,)))
IN_SCALE, IN_ZERO, MAP_SCALE, MAP_ZERO, VECTOR_SCALE, VECTOR_ZERO = 0.02, 7, 0.05, -3, 0.5, 10


def model() -> onnx.ModelProto:
    """Return a network of a map (2, 4, 5) and a vector (6,), both quantized."""
    rng = np.random.default_rng(1)
    weights = {
        "w": rng.normal(size=(2, 3, 1, 1)).astype(np.float32),
        "v": rng.normal(size=(60, 6)).astype(np.float32),
        "xs": np.float32(IN_SCALE),
        "xz": np.uint8(IN_ZERO),
        "ms": np.float32(MAP_SCALE),
        "mz": np.int8(MAP_ZERO),
        "vs": np.float32(VECTOR_SCALE),
        "vz": np.uint8(VECTOR_ZERO),
    }
    node = helper.make_node
    nodes = [
        node("QuantizeLinear", ["x", "xs", "xz"], ["xq"]),
        node("DequantizeLinear", ["xq", "xs", "xz"], ["xd"]),
        node("Conv", ["xd", "w"], ["m"]),
        node("QuantizeLinear", ["m", "ms", "mz"], ["map_q"]),
        node("DequantizeLinear", ["map_q", "ms", "mz"], ["map"]),
        node("Flatten", ["xd"], ["flat"]),
        node("MatMul", ["flat", "v"], ["p"]),
        node("QuantizeLinear", ["p", "vs", "vz"], ["vector_q"]),
        node("DequantizeLinear", ["vector_q", "vs", "vz"], ["vector"]),
    ]
    value = helper.make_tensor_value_info
    outputs = [
        value("map", TensorProto.FLOAT, [1, 2, 4, 5]),
        value("vector", TensorProto.FLOAT, [1, 6]),
        value("map_q", TensorProto.INT8, [1, 2, 4, 5]),
        value("vector_q", TensorProto.UINT8, [1, 6]),
    ]
    inits = [numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "g", [value("x", TensorProto.FLOAT, [1, 3, 4, 5])], outputs, inits)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


SESSION = ort.InferenceSession(model().SerializeToString(), providers=["CPUExecutionProvider"])


def compute(inputs) -> list[bytes]:
    """Compute as the board does: integers in, integers out, channels last."""
    stored = np.frombuffer(inputs[0], np.uint8).reshape(4, 5, 3)
    real = (stored.astype(np.float32) - IN_ZERO) * np.float32(IN_SCALE)
    found = SESSION.run(["map_q", "vector_q"], {"x": real.transpose(2, 0, 1)[None]})
    return [found[0][0].transpose(1, 2, 0).tobytes(), found[1].tobytes()]


INPUTS = [StandInTensor(type="uint8", shape=(1, 4, 5, 3), scale=IN_SCALE, zero_point=IN_ZERO)]
OUTPUTS = [
    StandInTensor(type="int8", shape=(1, 4, 5, 2), scale=MAP_SCALE, zero_point=MAP_ZERO),
    StandInTensor(type="uint8", shape=(1, 6), scale=VECTOR_SCALE, zero_point=VECTOR_ZERO),
]


@contextmanager
def session(failure: str = "none", expected: Expected = EXPECTED, outputs=OUTPUTS, inputs=INPUTS) -> Iterator:
    stand_in = BoardStandIn(inputs=inputs, outputs=outputs, compute=compute, failure=failure)
    with stand_in as port:
        link = BoardLink(port, timeout_s=0.4, run_timeout_s=0.6)
        try:
            yield BoardSession(link, expected)
        finally:
            link.close()


def test_the_board_gives_what_onnxruntime_gives() -> None:
    images = np.random.default_rng(2).uniform(-1, 4, (3, 3, 4, 5)).astype(np.float32)
    with session() as board:
        found = board.run(images)
    assert [out.shape for out in found] == [(3, 2, 4, 5), (3, 6)]
    for index, image in enumerate(images):
        wanted = SESSION.run(["map", "vector"], {"x": image[None]})
        np.testing.assert_array_equal(found[0][index], wanted[0][0])
        np.testing.assert_array_equal(found[1][index], wanted[1][0])
    assert board.durations_ms == [1.5] * 3


def test_log_lines_of_the_firmware_do_not_disturb() -> None:
    with session("logs") as board:
        assert board.run(np.zeros((1, 3, 4, 5), np.float32))[1].shape == (1, 6)


FAILURES = [
    ("silent", "does not answer"),
    ("garbage", "is no packet of the validation firmware"),
    ("garbled_message", "is no message of the validation firmware"),
    ("old_protocol", "message format 2.1"),
    ("no_network", "holds no network"),
    ("wrong_request", "instead of 1"),
    ("refuses", "its memory overflowed"),
    ("disconnect", "connection to the board .* broke"),
    ("wrong_size", r"Output 0 .*: 39 bytes"),
    ("wrong_count", "announced 2 outputs"),
    ("stops_reading", "does not a"),
]


@pytest.mark.parametrize(("failure", "words"), FAILURES)
def test_each_failure_is_one_message_in_time(failure: str, words: str) -> None:
    started = time.monotonic()
    with pytest.raises(ZooError, match=words) as caught, session(failure) as board:
        board.run(np.zeros((1, 3, 4, 5), np.float32))
    assert time.monotonic() - started < 5
    assert caught.value.__class__ in (ZooError, UserError)


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        (Expected(input=InputSpec(3, 8, 8), output_shapes=EXPECTED.output_shapes), "input 0: 60 values"),
        (Expected(input=SPEC, output_shapes=((2, 4, 5),)), "2 outputs, the model has 1"),
        (Expected(input=SPEC, output_shapes=((2, 4, 5), (1000,))), "output 1: 6 values, the model has 1,000"),
    ],
)
def test_a_board_with_another_network_is_refused(expected: Expected, words: str) -> None:
    with pytest.raises(UserError, match=words), session(expected=expected):
        pass


def test_integers_without_a_scale_are_refused() -> None:
    bare = [StandInTensor(type="uint8", shape=(1, 4, 5, 3))]
    with pytest.raises(UserError, match="uint8 without a scale"), session(inputs=bare):
        pass


def test_images_of_another_size_are_refused() -> None:
    with session() as board, pytest.raises(UserError, match="takes 3x4x5"):
        board.run(np.zeros((1, 3, 5, 5), np.float32))


def test_values_are_rounded_and_saturated() -> None:
    tensor = BoardTensor("int8", 0.5, 1)
    values = np.array([-1000, -0.25, 0.25, 0.75, 1000], np.float32)
    assert quantize(values, tensor).tolist() == [-128, 1, 1, 3, 127]  # ties to even, by hand


def BoardTensor(kind: str, scale: float, zero: int):
    from zoo_stm32.board_link.messages import Tensor

    return Tensor(name="t", type=kind, shape=(5,), scale=scale, zero_point=zero)


@pytest.mark.parametrize(
    ("stored", "moved"),
    [((1, 4, 5, 2), True), ((1, 2, 4, 5), False), ((4, 5, 2), True), ((40,), False)],
)
def test_channels_come_back_to_the_front(stored, moved: bool) -> None:
    truth = np.arange(40, dtype=np.float32).reshape(2, 4, 5)
    memory = truth.transpose(1, 2, 0) if moved else truth
    np.testing.assert_array_equal(arrange(np.ascontiguousarray(memory).ravel(), stored, (2, 4, 5)), truth)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("serial", (None, 921600)),
        ("serial:115200", (None, 115200)),
        ("serial:/dev/ttyACM0", ("/dev/ttyACM0", 921600)),
        ("serial:COM3:460800", ("COM3", 460800)),
    ],
)
def test_descriptors(text: str, found) -> None:
    assert parse_descriptor(text) == found


def test_a_descriptor_of_nothing_is_refused() -> None:
    with pytest.raises(UserError, match="names no serial port"):
        parse_descriptor("tcp:1")


def test_pyserial_is_asked_for_by_name(monkeypatch) -> None:
    import importlib

    real = importlib.import_module

    def absent(name: str, *args):
        if name.startswith("serial"):
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(MissingError, match=r'pip install "zoo-stm32\[board\]"'):
        open_port("serial")
