"""ONNX files are described as they are, refused when they are something else, and written whole or not at all."""

import errno
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_core import InputSpec, RunStoreError, UserError
from zoo_core.export.onnx_file import inspect_onnx, load_onnx, remove_notes, save_onnx, write_metadata


def save(
    path: Path,
    shape: Any = ("batch", 3, 8, 10),
    *,
    kind: int = TensorProto.FLOAT,
    inputs: int = 1,
    operator: str = "Relu",
) -> Path:
    """Write a model of one operator with inputs `x0`, `x1`, ... of one shape."""
    values = [helper.make_tensor_value_info(f"x{index}", kind, shape) for index in range(inputs)]
    output = helper.make_tensor_value_info("y", kind, shape)
    graph = helper.make_graph([helper.make_node(operator, ["x0"], ["y"])], "test", values, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))
    return path


@pytest.mark.parametrize(
    ("shape", "layout", "size", "batch"),
    [
        (("batch", 3, 8, 10), "NCHW", (3, 8, 10), None),
        ((1, 3, 8, 10), "NCHW", (3, 8, 10), 1),
        ((4, 8, 10, 3), "NHWC", (3, 8, 10), 4),
        ((None, 8, 10, 1), "NHWC", (1, 8, 10), None),
        ((-1, 3, 8, 10), "NCHW", (3, 8, 10), None),
        ((1, 12, 8, 8), "NCHW", (12, 8, 8), 1),
        ((1, 8, 8, 12), "NHWC", (12, 8, 8), 1),
        ((1, 3, 224, 3), "NCHW", (3, 224, 3), 1),
    ],
)
def test_inspect_finds_layout_size_and_batch(
    tmp_path: Path, shape: Any, layout: str, size: tuple[int, int, int], batch: int | None
) -> None:
    info = inspect_onnx(save(tmp_path / "a.onnx", shape))
    assert (info.layout, info.input, info.batch) == (layout, InputSpec(*size), batch)
    assert info.opset == 17
    assert not info.quantized
    assert info.metadata == {}


def test_inspect_free_sizes_of_outputs_are_nothing(tmp_path: Path) -> None:
    assert inspect_onnx(save(tmp_path / "a.onnx", ("n", 1, 4, 5))).output_shapes == ((None, 1, 4, 5),)


def test_inspect_does_not_take_weights_for_inputs(tmp_path: Path) -> None:
    path = save(tmp_path / "a.onnx", inputs=2)
    model = onnx.load(str(path))
    model.graph.initializer.append(numpy_helper.from_array(np.zeros((1, 3, 8, 10), np.float32), "x1"))
    onnx.save(model, str(path))
    assert [value.name for value in inspect_onnx(path).inputs] == ["x0"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inputs": 2}, r"does not take one image: found x0 float32 \(batch, 3, 8, 10\), x1 float32"),
        ({"shape": (1, 10)}, r"does not take one image: found x0 float32 \(1, 10\)"),
        ({"shape": (1, 3, "h", "w")}, r"images of any size: found x0 float32 \(1, 3, h, w\)"),
    ],
)
def test_inspect_other_inputs_says_what_was_found(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        inspect_onnx(save(tmp_path / "a.onnx", **options))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 this is a zip file", b"\x00" * 64])
def test_load_other_files_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.onnx is no ONNX model"):
        load_onnx(path)


def test_load_absent_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone\.onnx is no ONNX model that can be read"):
        load_onnx(tmp_path / "gone.onnx")


@pytest.mark.parametrize("operator", ["DequantizeLinear", "QLinearConv", "ConvInteger"])
def test_inspect_recognises_quantized_operators(tmp_path: Path, operator: str) -> None:
    assert inspect_onnx(save(tmp_path / "a.onnx", operator=operator)).quantized


def test_metadata_survives_and_keeps_what_others_wrote(tmp_path: Path) -> None:
    path = save(tmp_path / "a.onnx")
    model = onnx.load(str(path))
    helper.set_model_props(model, {"author": "somebody", "zoo": "no JSON"})
    onnx.save(model, str(path))
    assert inspect_onnx(path).metadata == {}
    written = {"class_names": ["Läufer", "b"], "preprocessing": {"scale": 1 / 255}, "nested": [1, None, True]}
    write_metadata(path, {"old": 1})
    write_metadata(path, written)
    assert inspect_onnx(path).metadata == written
    properties = {entry.key: entry.value for entry in onnx.load(str(path)).metadata_props}
    assert properties["author"] == "somebody"
    assert [found.name for found in tmp_path.iterdir()] == ["a.onnx"]


def test_save_same_model_gives_same_bytes(tmp_path: Path) -> None:
    model = onnx.load(str(save(tmp_path / "a.onnx")))
    save_onnx(model, tmp_path / "new" / "b.onnx")
    save_onnx(model, tmp_path / "c.onnx")
    assert (tmp_path / "new" / "b.onnx").read_bytes() == (tmp_path / "c.onnx").read_bytes()


def test_save_failing_disk_keeps_the_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "a.onnx")
    before = path.read_bytes()

    def refuse(*_: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(RunStoreError, match="read-only"):
        write_metadata(path, {"a": 1})
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["a.onnx"]


def test_remove_notes_reaches_subgraphs() -> None:
    inner = helper.make_graph([helper.make_node("Relu", ["x"], ["z"])], "inner", [], [])
    inner.node[0].metadata_props.add(key="trace", value="secret")
    branch = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1], doc_string="secret")
    model = helper.make_model(helper.make_graph([branch], "outer", [value], [], doc_string="secret"))
    remove_notes(model)
    assert b"secret" not in model.SerializeToString()
    assert [attribute.g.node[0].op_type for attribute in model.graph.node[0].attribute] == ["Relu", "Relu"]
