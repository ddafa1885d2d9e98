"""onnxruntime sessions are opened with the threads asked for, and refuse bad files in plain words."""

import os
from pathlib import Path

import pytest
from onnx import TensorProto, helper

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


def test_open_unknown_operator_names_file_and_cause(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "special.onnx"
    path.write_bytes(model_bytes("Teleport", "acme"))
    with pytest.raises(UserError, match=r"special\.onnx cannot be opened by onnxruntime.*Teleport"):
        open_runtime(path)
    assert capfd.readouterr() == ("", "")
