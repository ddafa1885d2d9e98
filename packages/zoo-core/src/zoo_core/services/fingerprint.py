"""Own the question whether a finished stage still holds: same model, same configuration, same data."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo_core.artifacts import Artifact
from zoo_core.protocols import SplitDatasets
from zoo_core.services.base import Service
from zoo_core.services.metadata import hash_data

if TYPE_CHECKING:
    from zoo_core.config.sections import RunConfig

NEUTRAL_KEYS = {
    "dataset": ("workers", "pin_mem", "no_prefetcher", "use_multi_epochs_loader"),
    "general": ("project_name", "output", "logs_dir", "report", "display_figures", "gpu_memory_limit", "num_threads"),
}
"""Options that change how fast something is computed or where it is filed, not what comes out."""


def section_data(config: RunConfig, sections: Sequence[str]) -> dict[str, Any]:
    """Return the JSON-able content of some sections, without options that do not change results."""
    canonical = config.canonical()
    data: dict[str, Any] = {"use_case": config.use_case}
    for name in sections:
        section = canonical.get(name)
        if isinstance(section, dict):
            data[name] = {key: value for key, value in section.items() if key not in NEUTRAL_KEYS.get(name, ())}
    return data


def fingerprint_stage(
    service: Service, config: RunConfig, model: Artifact | None, datasets: SplitDatasets | None, seed: int
) -> str:
    """Return a hash of everything that the result of a stage depends on."""
    data = {
        "service": service.name,
        "sections": section_data(config, service.sections),
        "model": None if model is None else model.sha256,
        "data": None if datasets is None else fingerprint_data(datasets, service.reads(config)),
        "seed": seed,
    }
    return hash_data(data)


def fingerprint_data(datasets: SplitDatasets, splits: frozenset[str]) -> str:
    """Return a hash of the names, labels and file sizes of some splits."""
    digest = hashlib.sha256(repr(datasets.class_names).encode())
    for split in sorted(splits):
        dataset = datasets.get(split)
        if dataset is None:
            continue
        for index in range(len(dataset)):
            name = dataset.name(index)
            path = Path(name)
            size = path.stat().st_size if path.is_file() else -1
            digest.update(f"{split}\0{name}\0{size}\0{dataset.targets[index]}\n".encode())
    return digest.hexdigest()
