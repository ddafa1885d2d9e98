"""onnxruntime sessions are opened with the threads asked for, and refuse bad files in plain words."""

import os
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_core import UserError
from zoo_core.export.runtime import available_cores, open_runtime


def model_bytes(operator: str = "Relu", domain: str = "") -> bytes:
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"], domain=domain)], "test", value[:1], value[1:])
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("acme", 1)], ir_version=8
    ).SerializeToString()


def test_cores_are_those_this_process_may_use() -> None:
    assert 1 <= available_cores() <= (os.cpu_count() or 1)


@pytest.mark.parametrize(("threads", "wanted"), [(3, 3), (None, available_cores())])
def test_open_takes_threads(threads: int | None, wanted: int) -> None:
    session = open_runtime(model_bytes(), threads=threads)
    assert session.get_session_options().intra_op_num_threads == wanted
    assert session.run(None, {"x": [-1.0]})[0].tolist() == [0.0]


def test_products_of_8_bits_do_not_saturate() -> None:
    weight = np.full((1, 16, 3, 3), 127, np.int8)
    numbers = {"w": weight, "s": np.float32(1), "wz": np.int8(0), "z": np.uint8(0), "large": np.float32(20_000)}
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "s", "z"], ["xd"]),
        helper.make_node("DequantizeLinear", ["w", "s", "wz"], ["wd"]),
        helper.make_node("Conv", ["xd", "wd"], ["c"]),
        helper.make_node("QuantizeLinear", ["c", "large", "z"], ["cq"]),
        helper.make_node("DequantizeLinear", ["cq", "large", "z"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 16, 3, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 1, 1])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in numbers.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = open_runtime(model.SerializeToString(), threads=1)
    (found,) = session.run(None, {"x": np.full((1, 16, 3, 3), 255, np.float32)})
    assert found.item() == pytest.approx(255 * 127 * 16 * 9, abs=20_000)


def test_open_unknown_operator_names_file_and_cause(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "special.onnx"
    path.write_bytes(model_bytes("Teleport", "acme"))
    with pytest.raises(UserError, match=r"special\.onnx cannot be opened by onnxruntime.*Teleport"):
        open_runtime(path)
    assert capfd.readouterr() == ("", "")


def test_8_bit_products_are_summed_exactly_where_the_processor_is_said_to() -> None:
    """Products of 255 x 127 in pairs exceed 16 bits; the sum must be that of Python's integers."""
    rows, scale = 4, 64 * 255 * 127 / 100
    generator = np.random.default_rng(3)
    weights = generator.integers(100, 127, (rows, 64, 1, 1), endpoint=True).astype(np.int8)
    images = generator.integers(100, 127, (1, 64, 1, 1), endpoint=True).astype(np.int8)
    quantized = {
        "x": helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 64, 1, 1]),
        "y": helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, rows, 1, 1]),
    }
    constants = {"one": np.float32(1), "low": np.int8(-128), "zero": np.int8(0), "w": weights, "s": np.float32(scale)}
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "one", "low"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "one", "low"], ["xf"]),
        helper.make_node("DequantizeLinear", ["w", "one", "zero"], ["wf"]),
        helper.make_node("Conv", ["xf", "wf"], ["c"]),
        helper.make_node("QuantizeLinear", ["c", "s", "zero"], ["yq"]),
        helper.make_node("DequantizeLinear", ["yq", "s", "zero"], ["y"]),
    ]
    initializers = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "g", [quantized["x"]], [quantized["y"]], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    (found,) = open_runtime(model.SerializeToString(), threads=1).run(None, {"x": images.astype(np.float32) + 128})
    sums = [sum((int(a) + 128) * int(b) for a, b in zip(images.flat, row.flat, strict=True)) for row in weights]
    assert np.rint(found.ravel() / scale).tolist() == [round(total / scale) for total in sums]
