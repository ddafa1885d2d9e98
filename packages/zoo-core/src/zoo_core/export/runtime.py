"""Own how onnxruntime sessions are opened: quiet, on as many threads as were asked for, with clear errors."""

from __future__ import annotations

import os
from pathlib import Path

import onnxruntime

from zoo_core.errors import UserError

ERRORS_ONLY = 3


def available_cores() -> int:
    """Return the number of CPU cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def open_runtime(
    model: Path | bytes, *, threads: int | None = None, optimised: bool = True, measuring: bool = False
) -> onnxruntime.InferenceSession:
    """Open a model on the CPU, given as a file or as its content.

    Unless speed is being measured, threads that wait for work sleep instead of taking the cores from image loaders,
    and 8-bit products are summed up exactly also on processors whose fast instruction saturates.

    Raises:
        UserError: When onnxruntime cannot read or run the model.
    """
    onnxruntime.set_default_logger_severity(ERRORS_ONLY)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    options.intra_op_num_threads = threads or available_cores()
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if measuring else "0")
    options.add_session_config_entry("session.x64quantprecision", "0" if measuring else "1")
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    source = model if isinstance(model, bytes) else str(model)
    try:
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common class but this one
        name = "The model" if isinstance(model, bytes) else str(model)
        raise UserError(
            f"{name} cannot be opened by onnxruntime: {error}",
            hint="The file is damaged, or it uses operators this version of onnxruntime does not know.",
        ) from error
