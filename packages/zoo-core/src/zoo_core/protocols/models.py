"""Own what the builder of a model is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo_core.artifacts import InputSpec
from zoo_core.protocols.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelContext:
    """Tell the builder of a model what the run knows: classes and input size."""

    num_classes: int
    input: InputSpec
    cache_dir: Path | None = None
    """Folder for weights that are fetched; the library's own default when absent."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What other sections say about the network itself, such as `drop_path`; from `Task.model_options`."""
    progress: Progress | None = None
    """Where a download of weights is shown; nowhere when absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """State what a run knows of its model before any code of it is loaded."""

    name: str
    input: InputSpec
    class_names: tuple[str, ...]
    class_ids: tuple[int, ...] = ()
    """Number of every class in the data set's own files; empty where these have none."""
    tags: frozenset[str] = frozenset()
    """Tags of the model's spec; empty for a model that is known by its file alone."""
    origin: Mapping[str, Any] = field(default_factory=dict)
    """What the model file says of itself; empty when there is none, or it says nothing."""
    output_shapes: tuple[tuple[int | None, ...], ...] = ()
    """Shapes of the outputs of an ONNX file, each (N, ...); empty for weights."""
