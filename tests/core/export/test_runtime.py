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
