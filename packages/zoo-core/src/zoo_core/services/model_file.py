"""Own the reading of the user's `model_path`: what the file is and what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo_core.artifacts import Artifact, Checkpoint, FloatOnnx, InputSpec, QuantizedOnnx, hash_file
from zoo_core.errors import UserError

if TYPE_CHECKING:
    from zoo_core.config.sections import RunConfig
    from zoo_core.protocols import Progress

CHECKPOINT_SUFFIXES = (".pt", ".pth", ".tar", ".ckpt", ".safetensors")
ONNX_SUFFIX = ".onnx"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """Hold a model file as an artifact, with its input, output shapes and metadata where it states them."""

    artifact: Artifact
    input: InputSpec | None = None
    output_shapes: tuple[tuple[int | None, ...], ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Return the classes that the metadata states, or none."""
        return tuple(self.metadata.get("class_names", ()))


def given_path(config: RunConfig, progress: Progress) -> Path | None:
    """Return the local path of the model the user gives by path or by URL, or nothing.

    Raises:
        MissingError: When the file of a URL cannot be fetched.
    """
    if config.model.model_url is not None:
        from zoo_core.data.download import download

        return download(config.model.model_url, progress=progress)
    return config.model.model_path


def read_model_file(path: Path) -> ModelFile:
    """Look into a model file without building the model.

    Raises:
        UserError: When the file is no model of a known kind, saying what was found.
    """
    if path.suffix == ONNX_SUFFIX:
        return _read_onnx(path)
    if path.suffix in CHECKPOINT_SUFFIXES:
        return _read_checkpoint(path)
    raise UserError(
        f"model.model_path: {path} ends in {path.suffix or 'nothing'}; expected one of "
        f"{', '.join((*CHECKPOINT_SUFFIXES, ONNX_SUFFIX))}.",
        hint="Keras and TFLite files are not read; export the model to ONNX first.",
    )


def _read_onnx(path: Path) -> ModelFile:
    from zoo_core.export.onnx_file import inspect_onnx

    info = inspect_onnx(path)
    kind = QuantizedOnnx if info.quantized else FloatOnnx
    return ModelFile(
        artifact=kind(path=path, sha256=hash_file(path), made_by="user"),
        input=info.input,
        output_shapes=info.output_shapes,
        metadata=info.metadata or {},
    )


def _read_checkpoint(path: Path) -> ModelFile:
    from zoo_core.training.checkpoint import read_weights

    metadata = read_weights(path).metadata or {}
    size = metadata.get("input")
    return ModelFile(
        artifact=Checkpoint(path=path, sha256=hash_file(path), made_by="user"),
        input=InputSpec(*size) if size else None,
        metadata=metadata,
    )
