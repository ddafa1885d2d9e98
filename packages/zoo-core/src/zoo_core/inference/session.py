"""Own the running of models on batches: ONNX files through onnxruntime, torch models through torch.

torch is imported only where a torch model is run, because targets work without it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from zoo_core.artifacts import InputSpec
from zoo_core.errors import MissingError, UserError, ZooError
from zoo_core.export.onnx_file import IMAGE_RANK, NHWC, OnnxInfo, inspect_onnx
from zoo_core.export.runtime import open_runtime
from zoo_core.protocols import InferenceSession

if TYPE_CHECKING:
    import torch

Images = npt.NDArray[np.float32]
"""Float32 images of shape (N, C, H, W)."""
INPUT_TYPES = {"float32": np.float32, "float16": np.float16, "float64": np.float64}


def open_session(
    model: Path | torch.nn.Module,
    *,
    input: InputSpec | None = None,
    device: str | None = None,
    threads: int | None = None,
) -> InferenceSession:
    """Open an ONNX file, or a torch model with the size of its input.

    Raises:
        UserError: When the file cannot be used.
        MissingError: When the device is not there.
    """
    if isinstance(model, Path):
        return OnnxSession(model, threads=threads)
    if input is None:
        msg = "a torch model does not know the size of its input; pass input="
        raise ValueError(msg)
    return TorchSession(model, input, device=device)


def as_model_input(info: OnnxInfo, images: Images) -> npt.NDArray[Any]:
    """Return images of shape (N, C, H, W) in the layout and element type that a model takes."""
    arranged = images.transpose(0, 2, 3, 1) if info.layout == NHWC else images
    return np.ascontiguousarray(arranged, dtype=INPUT_TYPES[info.inputs[0].type])


def refuse_other_types(info: OnnxInfo, path: Path) -> None:
    """Refuse a model whose input is not a floating-point number.

    Raises:
        UserError: Naming the type that was found.
    """
    if info.inputs[0].type not in INPUT_TYPES:
        raise UserError(
            f"{path} takes {info.inputs[0].type} images: found {info.inputs[0]}.",
            hint="Expected a floating-point input; a model quantized as QDQ keeps one.",
        )


class OnnxSession:
    """Run an ONNX file on the CPU; a fixed batch size and either layout are handled here."""

    def __init__(self, path: Path, *, threads: int | None = None) -> None:
        self.path = path
        self.info = inspect_onnx(path)
        refuse_other_types(self.info, path)
        self.input = self.info.input
        self._session = open_runtime(path, threads=threads)
        self._input_name = self.info.inputs[0].name

    def run(self, images: Images) -> tuple[Images, ...]:
        """Return every output for images of shape (N, C, H, W), each with N rows.

        A model of fixed batch size is run in pieces, the last one filled up with copies of its last image.

        Raises:
            UserError: When the images have another size than the model takes.
            ZooError: When an output does not have one row per image.
        """
        _refuse_other_sizes(images, self.input, self.path)
        size = self.info.batch or len(images)
        pieces = [self._run_piece(images[start : start + size], size) for start in range(0, len(images), size)]
        return tuple(np.concatenate(parts) if len(parts) > 1 else parts[0] for parts in zip(*pieces, strict=True))

    def _run_piece(self, images: Images, size: int) -> list[Images]:
        count = len(images)
        if count < size:
            images = np.concatenate([images, np.repeat(images[-1:], size - count, axis=0)])
        outputs = self._session.run(None, {self._input_name: as_model_input(self.info, images)})
        return [self._rows(np.asarray(output), size)[:count] for output in outputs]

    def _rows(self, output: npt.NDArray[Any], size: int) -> Images:
        if size == 1 and output.shape[:1] != (1,):
            output = output[np.newaxis]  # some models of batch size 1 leave the batch axis out
        if output.shape[:1] != (size,):
            raise ZooError(
                f"{self.path} gives an output of shape {output.shape} for {size} images; expected one row per image."
            )
        return output.astype(np.float32, copy=False)


class TorchSession:
    """Run a torch model on a device."""

    def __init__(self, model: torch.nn.Module, input: InputSpec, device: str | None = None) -> None:
        self.input = input
        self._device = choose_device(device)
        self._model = model.to(self._device).eval()

    def run(self, images: Images) -> tuple[Images, ...]:
        """Return every output for images of shape (N, C, H, W), each with N rows.

        Raises:
            UserError: When the images have another size than the model takes.
        """
        _refuse_other_sizes(images, self.input, "The model")
        import torch

        from zoo_core.export.outputs import flatten_outputs

        with torch.inference_mode():
            batch = torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32)).to(self._device)
            return tuple(output.float().cpu().numpy() for output in flatten_outputs(self._model(batch)))


def choose_device(name: str | None) -> torch.device:
    """Return the device of that name; without one, or for `auto`, the fastest there is.

    Raises:
        UserError: When no device has that name.
        MissingError: When the device is not there.
    """
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name in (None, "", "auto"):
        return torch.device(next((kind for kind, usable in there.items() if usable), "cpu"))
    kind, _, number = str(name).partition(":")
    if kind not in ("cpu", *there) or (number and not number.isdecimal()):
        raise UserError(f'general.device: there is no device "{name}"; expected cpu, cuda, cuda:0, mps or auto.')
    if not there.get(kind, True):
        raise MissingError(f'general.device: "{name}" is not available here.', hint="Use general.device=cpu or auto.")
    return torch.device(str(name))


def _refuse_other_sizes(images: Images, input: InputSpec, owner: object) -> None:
    if images.ndim != IMAGE_RANK or not len(images) or images.shape[1:] != input.shape:
        raise UserError(
            f"{owner} takes images of shape (N, {', '.join(map(str, input.shape))}); found {images.shape}.",
            hint="Set model.input_shape to what the model was made for.",
        )
