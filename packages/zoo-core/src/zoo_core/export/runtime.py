"""Own how onnxruntime sessions are opened: quiet, on as many threads as were asked for, with clear errors."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from zoo_core.errors import UserError

ERRORS_ONLY = 3
CHANNELS = 64
INT8_MAX = 127
EXPECTED = 100


def available_cores() -> int:
    """Return the number of CPU cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def open_runtime(
    model: Path | bytes, *, threads: int | None = None, optimised: bool = True, measuring: bool = False
) -> onnxruntime.InferenceSession:
    """Open a model on the CPU, given as a file or as its content.

    Quantized models are computed in integers, as a microcontroller does, where the processor sums 8-bit products
    exactly; elsewhere their integers are simulated in floating point, which may round single values differently.
    Unless speed is being measured, threads that wait for work sleep instead of taking the cores from image loaders.

    Raises:
        UserError: When onnxruntime cannot read or run the model.
    """
    onnxruntime.set_default_logger_severity(ERRORS_ONLY)
    source = model if isinstance(model, bytes) else str(model)
    for integers in (True, False) if optimised and sums_exactly() else (False,):
        options = _options(threads or available_cores(), integers=integers, optimised=optimised, measuring=measuring)
        try:
            return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors have no common class but this one
            if integers:
                continue  # an operator of the model has no integer kernel
            name = "The model" if isinstance(model, bytes) else str(model)
            raise UserError(
                f"{name} cannot be opened by onnxruntime: {error}",
                hint="The file is damaged, or it uses operators this version of onnxruntime does not know.",
            ) from error
    msg = "a session is opened or an error is raised"
    raise RuntimeError(msg)


@cache
def sums_exactly() -> bool:
    """Tell whether this processor's integer kernels sum products of 8 bits exactly.

    Those of x86 processors without VNNI saturate pairs of products at 16 bits; a convolution with the largest values
    shows it.
    """
    session = onnxruntime.InferenceSession(
        _largest_products(), _options(1, integers=True, optimised=True, measuring=False)
    )
    (found,) = session.run(None, {"x": np.full((1, CHANNELS, 1, 1), INT8_MAX, np.int8)})
    return int(found.flat[0]) == EXPECTED


def _largest_products() -> bytes:
    """Return a convolution whose result is `EXPECTED` when all of its products, each 255 x 127, are summed exactly."""
    constants = {
        "one": np.float32(1.0),
        "low": np.int8(-128),
        "zero": np.int8(0),
        "w": np.full((1, CHANNELS, 1, 1), INT8_MAX, np.int8),
        "scale": np.float32(CHANNELS * 255 * INT8_MAX / EXPECTED),
    }
    node = onnx.helper.make_node("QLinearConv", ["x", "one", "low", "w", "one", "zero", "scale", "zero"], ["y"])
    graph = onnx.helper.make_graph(
        [node],
        "largest_products",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.INT8, [1, CHANNELS, 1, 1])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.INT8, [1, 1, 1, 1])],
        [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())


def _options(threads: int, *, integers: bool, optimised: bool, measuring: bool) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if measuring else "0")
    options.add_session_config_entry("session.qdqisint8allowed", "1" if integers else "0")
    options.add_session_config_entry("session.x64quantprecision", "0" if integers or measuring else "1")
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return options
