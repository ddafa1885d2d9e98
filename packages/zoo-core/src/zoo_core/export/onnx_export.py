"""Own the export of a torch model to one ONNX file whose numbers are checked against torch."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

import zoo_core
from zoo_core.artifacts import InputSpec
from zoo_core.errors import UserError, ZooError
from zoo_core.export.onnx_file import remove_notes, save_onnx, set_metadata
from zoo_core.export.opset import EXPORTER_OPSET, MAXIMUM_OPSET, MINIMUM_OPSET, change_opset
from zoo_core.export.outputs import NAMES, flatten_outputs, output_names
from zoo_core.export.quiet import quiet
from zoo_core.export.runtime import open_runtime

RELATIVE_TOLERANCE = 5e-4
"""Largest accepted difference as a share of the largest magnitude in an output; typical are 1e-6 to 1e-5."""
SMALLEST_SCALE = 1e-3
MAXIMUM_BYTES = 2**31 - 1
PARITY_SEED = 0
INPUT_NAME = "input"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOutcome:
    """Report an exported file and how close its outputs are to torch's."""

    path: Path
    opset: int
    batch: int | None
    """Fixed batch size, or nothing when it is free."""
    parity_max_abs: float
    """Largest absolute difference, in the output that came nearest to its tolerance."""
    parity_tolerance: float
    """Largest absolute difference that output may have."""
    parameters: int


@dataclass(frozen=True, slots=True)
class _Parity:
    max_abs: float
    tolerance: float
    output: str

    @property
    def share(self) -> float:
        return self.max_abs / self.tolerance


def export_onnx(
    model: torch.nn.Module,
    input: InputSpec,
    path: Path,
    *,
    metadata: Mapping[str, Any],
    opset: int = 17,
    batch: int | None = None,
    value_range: Sequence[tuple[float, float]] = ((-1.0, 1.0),),
) -> ExportOutcome:
    """Write a model as ONNX with input `input` of shape (N, C, H, W) and outputs `output`, `output_1`, ...

    A model with an attribute `output_names` names its outputs itself.
    N is free (`batch`) unless a batch size is given. The model is traced in evaluation mode and left as it was.
    Nothing is written unless onnxruntime and torch agree on random images in `value_range`, the (low, high) of every
    channel or of all, after preprocessing.

    Raises:
        UserError: When the model cannot be exported as asked.
        ZooError: When the exported model computes something else than torch.
        RunStoreError: When the disk is full, read-only or not ours.
    """
    if not MINIMUM_OPSET <= opset <= MAXIMUM_OPSET:
        raise UserError(f"Opset {opset} is not supported; expected {MINIMUM_OPSET} to {MAXIMUM_OPSET}.")
    parameters = sum(parameter.numel() for parameter in model.parameters())
    _refuse_giant(model)
    with _evaluating(model) as evaluated, torch.no_grad():
        images = _random_images(input, 2 if batch is None else batch, value_range)
        names = output_names(len(_run_torch(evaluated, images)), getattr(model, NAMES, ()))
        graph = change_opset(_trace(evaluated, images, names, opset=opset, free_batch=batch is None), opset)
        _describe(graph, metadata)
        counts = (1, 2) if batch is None else (batch,)
        parity = _compare(evaluated, graph, [images[:count] for count in counts], names)
    if not parity.share <= 1.0:
        raise ZooError(
            f"The exported model computes something else than torch: {parity.output} differs by {parity.max_abs:.3g}, "
            f"more than {parity.tolerance:.3g}. Nothing was written to {path}.",
            hint="Look for operations that depend on training mode, randomness or the values of tensors.",
        )
    save_onnx(graph, path)
    return ExportOutcome(
        path=path,
        opset=opset,
        batch=batch,
        parity_max_abs=parity.max_abs,
        parity_tolerance=parity.tolerance,
        parameters=parameters,
    )


def _refuse_giant(model: torch.nn.Module) -> None:
    size = sum(tensor.numel() * tensor.element_size() for tensor in (*model.parameters(), *model.buffers()))
    if size > MAXIMUM_BYTES:
        raise UserError(f"The model has {size / 2**30:.1f} GiB of weights; one ONNX file holds at most 2 GiB.")


@contextmanager
def _evaluating(model: torch.nn.Module) -> Iterator[torch.nn.Module]:
    """Lend the model on the CPU in evaluation mode; every module gets its own mode back."""
    modes = {module: module.training for module in model.modules()}
    try:
        model.eval()
        on_cpu = all(tensor.device.type == "cpu" for tensor in (*model.parameters(), *model.buffers()))
        yield model if on_cpu else copy.deepcopy(model).cpu()
    finally:
        for module, mode in modes.items():
            module.training = mode


def _random_images(input: InputSpec, count: int, value_range: Sequence[tuple[float, float]]) -> torch.Tensor:
    low, high = torch.tensor(value_range, dtype=torch.float32).T.reshape(2, 1, -1, 1, 1)
    generator = torch.Generator().manual_seed(PARITY_SEED)
    images: torch.Tensor = low + (high - low) * torch.rand((count, *input.shape), generator=generator)
    return images


def _run_torch(model: torch.nn.Module, images: torch.Tensor) -> list[torch.Tensor]:
    try:
        outputs = flatten_outputs(model(images))
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        shape = tuple(images.shape)
        raise UserError(
            f"The model fails on images of shape {shape}: {error}",
            hint="Check model.input_shape; the batch, the first number, must be free to differ.",
        ) from error
    if not all(bool(torch.isfinite(output).all()) for output in outputs):
        raise UserError(
            "The model's outputs are not finite, so the exported file could not be checked.",
            hint="The training has probably diverged; lower the learning rate.",
        )
    return outputs


def _trace(
    model: torch.nn.Module, images: torch.Tensor, names: list[str], *, opset: int, free_batch: bool
) -> onnx.ModelProto:
    with quiet():
        try:
            program = torch.onnx.export(
                model,
                (images,),
                dynamo=True,
                opset_version=max(EXPORTER_OPSET, opset),
                dynamic_shapes=({0: torch.export.Dim("batch")},) if free_batch else None,
                input_names=[INPUT_NAME],
                output_names=names,
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            cause = str(error.__cause__ or error).strip().splitlines()[0]
            cure = "model.export_batch: 1 fixes the batch size, which lets more models through. " if free_batch else ""
            raise UserError(
                f"The model cannot be exported to ONNX: {cause}",
                hint=f"{cure}Run with --debug to see the exporter's whole report.",
            ) from error
    if program is None:
        raise ZooError("The exporter returned no model.")
    graph: onnx.ModelProto = program.model_proto
    return graph


def _describe(model: onnx.ModelProto, metadata: Mapping[str, Any]) -> None:
    """Say what the model is, and forget the exporter's notes, which hold source lines and paths of this machine."""
    remove_notes(model)
    model.producer_name = "zoo"
    model.producer_version = zoo_core.__version__
    model.graph.name = str(metadata.get("model_name", "model"))
    model.graph.doc_string = model.doc_string = ""
    del model.metadata_props[:]
    set_metadata(model, metadata)
    onnx.checker.check_model(model, full_check=True)


def _compare(
    model: torch.nn.Module, graph: onnx.ModelProto, batches: Sequence[torch.Tensor], names: Sequence[str]
) -> _Parity:
    """Return the output that comes nearest to its tolerance over all batches."""
    session = open_runtime(graph.SerializeToString())
    worst = _Parity(0.0, RELATIVE_TOLERANCE, names[0])
    for images in batches:
        found = session.run(None, {INPUT_NAME: images.numpy()})
        for name, wanted, got in zip(names, _run_torch(model, images), found, strict=True):
            parity = _difference(name, wanted.numpy(), got)
            worst = parity if not parity.share <= worst.share else worst
    return worst


def _difference(name: str, wanted: np.ndarray[Any, Any], got: np.ndarray[Any, Any]) -> _Parity:
    if wanted.shape != got.shape:
        raise ZooError(f"The exported model gives {name} the shape {got.shape}; torch gives {wanted.shape}.")
    if not wanted.size:
        return _Parity(0.0, RELATIVE_TOLERANCE, name)
    exact = wanted.astype(np.float64)
    scale = max(float(np.abs(exact).max()), SMALLEST_SCALE)
    return _Parity(float(np.abs(exact - got).max()), RELATIVE_TOLERANCE * scale, name)
