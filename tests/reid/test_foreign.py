"""Embedders that others exported: outputs of shape (N, D, 1, 1), no metadata, and files that hold no embedder."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

NUMBERS = ("map", "minp", "rank1", "rank5", "rank10")
INTERVALS = ("map_low", "map_high", "rank1_low", "rank1_high")


@pytest.fixture
def foreign(tmp_path):
    """A model of others: embeddings of shape (N, 12, 1, 1), no metadata."""
    rng = np.random.default_rng(0)
    constants = [
        numpy_helper.from_array(rng.normal(0, 0.01, (12, 3, 3, 3)).astype(np.float32), "w"),
        numpy_helper.from_array(rng.normal(0, 0.1, 12).astype(np.float32), "b"),
    ]
    nodes = [
        helper.make_node("Conv", ["data", "w", "b"], ["maps"], strides=[2, 2]),
        helper.make_node("Relu", ["maps"], ["positive"]),
        helper.make_node("GlobalAveragePool", ["positive"], ["feature"]),
    ]
    image = helper.make_tensor_value_info("data", TensorProto.FLOAT, ["n", 3, 32, 16])
    output = helper.make_tensor_value_info("feature", TensorProto.FLOAT, ["n", 12, 1, 1])
    graph = helper.make_graph(nodes, "foreign", [image], [output], constants)
    path = tmp_path / "foreign.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def test_a_model_of_others_is_evaluated_quantized_and_measured(foreign, texts, zoo):
    more = "quantization: {quantizer: onnx_quantizer}\nbenchmarking: {board: host}\n"
    answer = zoo(texts.use("chain_eqeb", foreign, more))
    assert answer.code == 0, answer.text
    assert set(answer.metrics()) == set(answer.metrics(model="int8")) == {*NUMBERS, *INTERVALS}
    assert answer.metrics()["rank1"] > 0
    assert (answer.folder / "quantized_models/foreign_quant_qdq_pc.onnx").is_file()


def test_a_model_of_others_searches(foreign, persons, texts, zoo):
    data = (
        f"dataset: {{dataset_name: flat, prediction_query_path: {persons / 'query'}, "
        f"prediction_gallery_path: {persons / 'gallery'}, workers: 0}}\n"
    )
    answer = zoo(texts.use("prediction", foreign, data=data))
    assert answer.code == 0, answer.text
    assert len(json.loads((answer.folder / "predictions.json").read_text())["predictions"]) == 8


def test_a_detector_is_no_embedder(foreign, texts, zoo):
    model = onnx.load(foreign)
    shapes = (("feature", [1, 12, 1, 1]), ("positive", [1, 12, 15, 7]))
    del model.graph.output[:]
    model.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes)
    onnx.save(model, foreign)
    answer = zoo(texts.use("evaluation", foreign))
    assert answer.code == 2, answer.text
    assert "has 2 outputs; a model for re-identification has one" in answer.flat
    assert "Traceback" not in answer.text
