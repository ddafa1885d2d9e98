"""Own the way from a few sections to what the stages of a run share, without starting a run."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo_core.config.sections import RunConfig
    from zoo_core.plugins.catalog import Catalog
    from zoo_core.protocols import ProgressTask
    from zoo_core.services.context import RunContext

SEED = 7
FILE = "user_config.yaml"
STARTING: MappingProxyType[str, Mapping[str, Any]] = MappingProxyType(
    {"general": {"seed": SEED, "num_threads": 1}, "model": {}, "dataset": {}, "preprocessing": {}}
)
"""Sections that every configuration has."""
TRAINING = MappingProxyType({"epochs": 2, "batch_size": 4})


class _UnseenTask:
    def advance(self, steps: int = 1, **values: float) -> None:
        """Show nothing."""


class Unseen:
    """Show no progress."""

    def track(self, description: str, total: int | None) -> AbstractContextManager[ProgressTask]:
        """Open a bar that shows nothing."""
        return nullcontext(_UnseenTask())


def open_tiny_run(
    folder: Path, document: Mapping[str, Any], *, splits: frozenset[str] = frozenset(), catalog: Catalog | None = None
) -> RunContext:
    """Write a configuration, read it as `zoo run` does, and return what the stages of the run would share.

    Args:
        folder: Takes the file and the folder `run`.
        document: Sections of the configuration; paths are absolute or relative to the folder.
        splits: Splits of the data set that may be asked for.
        catalog: Components that the file may name; the installed ones when absent.

    Raises:
        ConfigError: With every problem of the configuration.
    """
    import yaml

    from zoo_core.config.load import load_config
    from zoo_core.plugins import get_catalog
    from zoo_core.runs.layout import RunLayout
    from zoo_core.services.context import RunContext

    folder.mkdir(parents=True, exist_ok=True)
    file = folder / FILE
    general = {"seed": SEED, "num_threads": 1, **document.get("general", {})}
    file.write_text(yaml.safe_dump({**document, "general": general}), encoding="utf-8")
    loaded = load_config(file, catalog=get_catalog() if catalog is None else catalog)
    run = folder / "run"
    run.mkdir(exist_ok=True)
    return RunContext(loaded, RunLayout(run), Unseen(), splits=splits, seed=SEED)


def tiny_config(
    mode: str, sections: Mapping[str, Mapping[str, Any]], classes: Mapping[str, Any] | None = None
) -> RunConfig:
    """Return a configuration made of some sections, for components that are built without a use case.

    Args:
        mode: Operation mode.
        sections: Section -> its keys.
        classes: Section -> class that a component brings for it; core's own for the others.

    Raises:
        pydantic.ValidationError: When a key is unknown or has a wrong value.
    """
    from zoo_core.config.sections import SECTION_TYPES, RunConfig

    types = {**SECTION_TYPES, **(classes or {})}
    given: dict[str, Mapping[str, Any]] = {**STARTING, **sections}
    if mode == "training":
        given["training"] = {**TRAINING, **sections.get("training", {})}
    read = {name: types[name].model_validate(keys) for name, keys in given.items()}
    return RunConfig.model_validate({"operation_mode": mode, "use_case": "classification", **read})
