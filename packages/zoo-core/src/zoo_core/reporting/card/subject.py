"""Own what the model of a run is, as its files say and, where they say nothing, its configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zoo_core.artifacts import Checkpoint
from zoo_core.config.model_metadata import read_metadata
from zoo_core.errors import UserError
from zoo_core.reporting.card.paths import data_name
from zoo_core.reporting.card.verification import VerifiedFile
from zoo_core.results import INT8, ExportResult
from zoo_core.runs.store import RunRecord

UNNAMED = "<unnamed>"
FORMS_OF_DATA = frozenset({
    "custom", "custom_dataset", "coco", "voc", "pascal_voc", "yolo", "darknet_yolo", "csv", "flat", "folders",
})  # fmt: skip
"""Values of `dataset.dataset_name` that say how images and labels lie, not which ones they are."""
DATA_PATHS = tuple(
    f"{split}{what}_path"
    for what in ("", "_images", "_annotations")
    for split in ("test", "validation", "val", "training", "train")
)
OTHER_PATHS = ("data_dir", "data_path", "data_root")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Hold what a card says of its model before any number."""

    name: str
    project: str
    use_case: str
    architecture: str
    """Name of the network; empty when nothing names it."""
    files: tuple[VerifiedFile, ...]
    main: VerifiedFile
    """File that the card offers: the last quantized model, else the last ONNX model, else the weights."""
    metadata: Mapping[str, Any]
    """What the main file says of itself; empty for models from elsewhere."""
    input: str
    """Such as `3x224x224`, channels first."""
    tensors: tuple[tuple[str, str], ...]
    """`input` or `output`, and name, type and shape of each tensor of an ONNX file."""
    class_names: tuple[str, ...]
    parameters: int | None
    dataset: str
    """Name of the data set, else of the folder or file that holds it; empty when nothing names it."""
    dataset_named: bool
    """Whether the configuration names the data set."""

    @property
    def quantized(self) -> bool:
        """Tell whether the card offers a quantized model."""
        return self.main.model == INT8 or self.main.kind == "quantized_onnx"


def find_subject(record: RunRecord, files: Sequence[VerifiedFile]) -> Subject:
    """Return what the model of a run is."""
    config = record.manifest.config
    main = _main(files)
    metadata = read_metadata(main.path)
    section = _mapping(config.get("model"))
    architecture = str(metadata.get("model_name") or record.manifest.model_name or "")
    sizes = _items(metadata.get("input")) or _items(section.get("input_shape"))
    shape, tensors = _tensors(main)
    dataset, named = _dataset(_mapping(config.get("dataset")))
    classes = _items(metadata.get("class_names")) or _items(_mapping(config.get("dataset")).get("class_names"))
    project = record.manifest.project_name
    return Subject(
        name=architecture or main.path.stem,
        project="" if project == UNNAMED else project,
        use_case=record.manifest.use_case,
        architecture=architecture,
        files=tuple(files),
        main=main,
        metadata=metadata,
        input=shape or "x".join(str(size) for size in sizes),
        tensors=tensors,
        class_names=tuple(str(name) for name in classes),
        parameters=next(
            (stage.result.parameters for stage in record.results if isinstance(stage.result, ExportResult)), None
        ),
        dataset=dataset,
        dataset_named=named,
    )


def _main(files: Sequence[VerifiedFile]) -> VerifiedFile:
    def rank(file: VerifiedFile) -> int:
        if file.model == INT8 or file.kind == "quantized_onnx":
            return 3
        if file.kind == "float_onnx" or file.path.suffix == ".onnx":
            return 2
        return int(file.kind == Checkpoint.kind)

    return max(reversed(files), key=rank)


def _tensors(file: VerifiedFile) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return the size of the image that an ONNX file takes, and its inputs and outputs."""
    if file.path.suffix != ".onnx":
        return "", ()
    from zoo_core.export.onnx_file import inspect_onnx

    try:
        info = inspect_onnx(file.path)
    except UserError:
        return "", ()
    tensors = [
        *(("input", str(tensor)) for tensor in info.inputs),
        *(("output", str(tensor)) for tensor in info.outputs),
    ]
    return str(info.input), tuple(tensors)


def _dataset(section: Mapping[str, Any]) -> tuple[str, bool]:
    name = section.get("dataset_name")
    if isinstance(name, str) and name and name not in FORMS_OF_DATA:
        return name, True
    paths = (section.get(key) for key in (*DATA_PATHS, *OTHER_PATHS))
    found = next((path for path in paths if isinstance(path, str) and path), "")
    return (data_name(found) if found else ""), False


def _items(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
