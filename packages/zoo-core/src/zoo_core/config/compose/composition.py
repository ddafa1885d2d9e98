"""Own the composition itself: one file, overrides and references become plain values, every fault at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo_core.config.compose.interpolation import Resolver, malformed_references, use_environment
from zoo_core.config.compose.overrides import read_overrides
from zoo_core.config.compose.session import open_session
from zoo_core.config.origins import Origins
from zoo_core.config.sections import HydraRunSection
from zoo_core.config.yaml_file import read_yaml
from zoo_core.errors import ConfigError, ConfigIssue

RUN_DIR = "hydra.run.dir"
USED_OF_HYDRA = ("hydra", "hydra.run", RUN_DIR, "hydra.searchpath")


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """Hold plain, resolved values with their origins; nothing of it has been checked."""

    data: dict[str, Any]
    hydra: dict[str, Any]
    """The part of Hydra's own settings that a run uses: `{"run": {"dir": ...}}`."""
    overrides: tuple[str, ...]
    base_dir: Path
    """Directory of the main file."""
    origins: Origins
    file: Path | None = None
    issues: tuple[ConfigIssue, ...] = ()
    notes: tuple[str, ...] = ()


def compose(path: Path, overrides: Sequence[str] = ()) -> Composed:
    """Compose a file with overrides in Hydra's grammar.

    What does not keep the rest from being checked is noted among the issues of the result.

    Raises:
        ConfigError: When the file cannot be read or its defaults list cannot be followed.
    """
    from omegaconf import OmegaConf, open_dict

    main = read_yaml(path.expanduser())
    if malformed := malformed_references(main):
        raise ConfigError(malformed)
    directory = main.path.absolute().parent
    arguments, issues = read_overrides(overrides, directory)
    with open_session(main) as session:
        config, working = session.compose(arguments)
        origins = session.origins(working)
        issues.extend(session.issues)
        if origins.exact(RUN_DIR) is None:
            with open_dict(config):
                config.hydra.run.dir = HydraRunSection().dir
        raw: Any = OmegaConf.to_container(config, resolve=False)
        resolver = Resolver(origins, {key: value for key, value in raw.items() if key != "hydra"})
        with _hydra_values(config):
            tree = OmegaConf.create(use_environment(raw, frozenset(str(key) for key in raw)))
            hydra = {"run": {"dir": resolver.item(tree.hydra.run, "dir", "hydra.run")}}
            data = {str(key): resolver.item(tree, key) for key in raw if key != "hydra"}
    return Composed(
        data={**data, "hydra": hydra},
        hydra=hydra,
        overrides=tuple(overrides),
        base_dir=directory,
        origins=origins,
        file=main.path,
        issues=tuple(issues + resolver.issues),
        notes=_notes(origins),
    )


@contextmanager
def _hydra_values(config: Any) -> Iterator[None]:
    """Let `${hydra:...}` resolve for a while."""
    from hydra.core.hydra_config import HydraConfig

    holder = HydraConfig.instance()
    before = holder.cfg
    holder.set_config(config)
    try:
        yield
    finally:
        holder.cfg = before


def _notes(origins: Origins) -> tuple[str, ...]:
    unused = sorted(
        key
        for key in origins.places
        if key.startswith("hydra.") and key not in USED_OF_HYDRA and not key.startswith("hydra.searchpath.")
    )
    leaves = [key for key in unused if not any(other.startswith(f"{key}.") for other in unused)]
    return tuple(f"{key} has no effect; of the hydra section only run.dir and searchpath count" for key in leaves)
