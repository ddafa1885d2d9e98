"""Own ONNX models of a few hundred weights, and seeded images to calibrate and run them with; torch is not needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo_core.results import SkippedFile

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import onnx

SHAPE = (3, 16, 16)
"""Channels, height and width of the input."""
CLASSES = ("circle", "square", "triangle", "star")
WIDTH = 8
OPSET = 17
SEED = 3
METADATA = {
    "schema_version": 1,
    "use_case": "classification",
    "model_name": "tiny",
    "input": list(SHAPE),
    "class_names": list(CLASSES),
}


class RandomImages:
    """Stream seeded images of shape (1, C, H, W) with values from -1 to 1, each of another colour."""

    source = "random"
    names: Sequence[str] = ()
    skipped: tuple[SkippedFile, ...] = ()

    def __init__(self, shape: tuple[int, int, int] = SHAPE, count: int = 8) -> None:
        self._shape = shape
        self._count = count

    def __len__(self) -> int:
        """Return the number of images."""
        return self._count

    def __iter__(self) -> Iterator[npt.NDArray[np.float32]]:
        """Yield the same images each time."""
        import numpy as np

        draw = np.random.default_rng(SEED)
        for _ in range(self._count):
            colour = draw.uniform(-1, 1, (1, self._shape[0], 1, 1))
            yield (0.75 * colour + 0.25 * draw.uniform(-1, 1, (1, *self._shape))).astype(np.float32)


def write_float_onnx(path: Path, *, second_input: bool = False) -> Path:
    """Write two convolutions, a mean and a matrix as a float model that takes batches of any size.

    Args:
        path: File to write.
        second_input: Let the model take another image that is added to the first, which zoo does not support.
    """
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    draw = np.random.default_rng(SEED)
    shapes = {
        "w1": (WIDTH, SHAPE[0], 3, 3), "b1": (WIDTH,), "w2": (2 * WIDTH, WIDTH, 3, 3), "b2": (2 * WIDTH,),
        "w3": (2 * WIDTH, len(CLASSES)), "b3": (len(CLASSES),),
    }  # fmt: skip
    tensors = [
        numpy_helper.from_array((draw.standard_normal(shape) / np.sqrt(np.prod(shape[1:]) or 1)).astype("f4"), name)
        for name, shape in shapes.items()
    ]
    shape, names = ["batch", *SHAPE], ["input", "other"][: 1 + second_input]
    nodes = [
        *([helper.make_node("Add", names, ["sum"])] if second_input else []),
        helper.make_node("Conv", ["sum" if second_input else "input", "w1", "b1"], ["c1"], pads=[1] * 4, name="conv1"),
        helper.make_node("Relu", ["c1"], ["r1"], name="relu1"),
        helper.make_node("Conv", ["r1", "w2", "b2"], ["c2"], pads=[1] * 4, strides=[2, 2], name="conv2"),
        helper.make_node("Relu", ["c2"], ["r2"], name="relu2"),
        helper.make_node("GlobalAveragePool", ["r2"], ["mean"], name="pool"),
        helper.make_node("Flatten", ["mean"], ["flat"], name="flatten"),
        helper.make_node("Gemm", ["flat", "w3", "b3"], ["output"], name="gemm"),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in names],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", len(CLASSES)])],
        tensors,
    )
    return _save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8), path)


def write_int8_onnx(path: Path) -> Path:
    """Write the model of `write_float_onnx`, quantized to int8 by the built-in quantizer."""
    from zoo_core.quantization.config import OnnxQuantizerSection
    from zoo_core.quantization.onnx_quantizer import build

    folder = path.parent
    folder.mkdir(parents=True, exist_ok=True)
    outcome = build(OnnxQuantizerSection()).quantize(quantization_job(write_float_onnx(path), folder))
    return outcome.path.replace(path)


def quantization_job(model: Path, folder: Path, *, images: RandomImages | None = None) -> Any:
    """Return the job of quantizing a model into a folder, calibrated with seeded images."""
    from zoo_core.protocols import QuantizationJob
    from zoo_core.testing.tiny_run import Unseen

    work = folder / "work"
    work.mkdir(parents=True, exist_ok=True)
    return QuantizationJob(
        model=model,
        calibration=RandomImages() if images is None else images,
        calibration_hash="0" * 64,
        directory=folder,
        work_dir=work,
        progress=Unseen(),
    )


def run_onnx(path: Path, images: npt.NDArray[np.float32]) -> list[npt.NDArray[Any]]:
    """Return all outputs of a model for images of shape (N, C, H, W), computed by onnxruntime."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    found: list[npt.NDArray[Any]] = session.run(None, {session.get_inputs()[0].name: images})
    return found


def likeness(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> float:
    """Return the correlation of two outputs of shape (N, C), each without its mean over the images."""
    import numpy as np

    first, second = ((outputs - outputs.mean(0)).ravel().astype(np.float64) for outputs in (one, other))
    return float(np.corrcoef(first, second)[0, 1])


def integer_weights(model: onnx.ModelProto) -> tuple[int, int]:
    """Return how many numbers of a model's weights are integers of at most 16 bits, and how many are not.

    Weights are what convolutions and matrix products multiply with: tensors of at least two dimensions.
    """
    import numpy as np
    from onnx import TensorProto

    small = {
        getattr(TensorProto, name) for name in ("INT4", "UINT4", "INT8", "UINT8", "INT16", "UINT16")
    }  # fmt: skip
    counts = {True: 0, False: 0}
    for tensor in model.graph.initializer:
        if len(tensor.dims) > 1:
            counts[tensor.data_type in small] += int(np.prod(tensor.dims))
    return counts[True], counts[False]


def _save(model: onnx.ModelProto, path: Path) -> Path:
    from zoo_core.export.onnx_file import save_onnx, set_metadata

    path.parent.mkdir(parents=True, exist_ok=True)
    set_metadata(model, METADATA)
    save_onnx(model, path)
    return path
