"""Own the types of the files that services hand to each other, and what each file says of itself."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

CHUNK_BYTES = 1 << 20
METADATA_KEY = "zoo"
"""Key of an ONNX file's metadata, and of a checkpoint's dictionary, under which ours stands as JSON."""


@dataclass(frozen=True, slots=True)
class InputSpec:
    """State the size of a model's input image: channels, height and width in pixels."""

    channels: int
    height: int
    width: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return (channels, height, width)."""
        return self.channels, self.height, self.width

    def __str__(self) -> str:
        """Return `3x224x224`."""
        return "x".join(str(size) for size in self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """Describe a file that a stage made or that the user gave, with the hash of its content."""

    kind: ClassVar[str] = "artifact"

    path: Path
    sha256: str
    made_by: str
    """Stage identifier such as `1_training`, or `user` for a given `model_path`."""

    def to_dict(self, base: Path) -> dict[str, Any]:
        """Return the JSON form, with the path relative to `base` where it lies below it."""
        inside = self.path.is_relative_to(base)
        path = self.path.relative_to(base).as_posix() if inside else str(self.path)
        return {"kind": self.kind, "path": path, "sha256": self.sha256, "made_by": self.made_by}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint(Artifact):
    """Hold the weights of a torch model (`.pt`, `.pth`, `.pth.tar`)."""

    kind: ClassVar[str] = "checkpoint"


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxModel(Artifact):
    """Hold an ONNX graph of either precision."""

    kind: ClassVar[str] = "onnx"


@dataclass(frozen=True, slots=True, kw_only=True)
class FloatOnnx(OnnxModel):
    """Hold an ONNX graph with floating-point weights."""

    kind: ClassVar[str] = "float_onnx"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizedOnnx(OnnxModel):
    """Hold an ONNX graph with quantize and dequantize nodes."""

    kind: ClassVar[str] = "quantized_onnx"


@dataclass(frozen=True, slots=True, kw_only=True)
class Firmware(Artifact):
    """Hold what a deployment made for a board."""

    kind: ClassVar[str] = "firmware"


ARTIFACT_TYPES: dict[str, type[Artifact]] = {cls.kind: cls for cls in (Checkpoint, FloatOnnx, QuantizedOnnx, Firmware)}


def artifact_from_dict(data: dict[str, Any], base: Path) -> Artifact:
    """Rebuild an artifact from its JSON form; relative paths are below `base`."""
    return ARTIFACT_TYPES[data["kind"]](path=base / data["path"], sha256=data["sha256"], made_by=data["made_by"])


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's content as hexadecimal text, reading it in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
