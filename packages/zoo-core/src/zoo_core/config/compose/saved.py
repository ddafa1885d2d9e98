"""Own the composition of a saved configuration with new overrides, for resuming a run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo_core.config.compose.composition import Composed
from zoo_core.config.compose.interpolation import Resolver, use_environment
from zoo_core.config.compose.overrides import Override, read_overrides
from zoo_core.config.issues import make_issue
from zoo_core.config.origins import COMMAND_LINE, Origins, Place

SAVED = "saved configuration"
REFERENCE_START = re.compile(r"(\\*)\$\{")


def compose_saved(canonical: Mapping[str, Any], base_dir: Path, overrides: Sequence[str] = ()) -> Composed:
    """Apply overrides to a configuration that was resolved before; its texts are taken as they stand."""
    from hydra.core.utils import setup_globals
    from omegaconf import OmegaConf

    setup_globals()
    config = OmegaConf.create(_literal(dict(canonical)))
    origins = Origins()
    origins.add_source(_dotted(canonical), SAVED, base_dir)
    arguments, issues = read_overrides(overrides, base_dir)
    for override in arguments:
        if complaint := _apply(config, override):
            issues.append(make_issue(override.key, complaint, Place(COMMAND_LINE)))
        elif not override.deletes:
            origins.add_override(override.key, Path.cwd())
    raw: Any = OmegaConf.to_container(config, resolve=False)
    tree = OmegaConf.create(use_environment(raw, frozenset(str(key) for key in raw)))
    resolver = Resolver(origins, raw)
    data = {str(key): resolver.item(tree, key) for key in raw}
    return Composed(
        data=data,
        hydra=data.get("hydra") or {},
        overrides=tuple(overrides),
        base_dir=base_dir,
        origins=origins,
        issues=tuple(issues + resolver.issues),
    )


def _apply(config: Any, override: Override) -> str | None:
    """Apply one override and return what is wrong with it."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    if override.group:
        return "a group cannot be chosen anew for a saved configuration"
    parsed = OverridesParser.create().parse_override(override.hydra)
    try:
        parent, _, name = override.key.rpartition(".")
        holder = OmegaConf.select(config, parent) if parent else config
        present = OmegaConf.is_dict(holder) and name in holder
        if parsed.is_add() and present and not isinstance(parsed.value(), dict | list):
            return f"there is a value already; to change it write {override.text.lstrip('+')}"
        if not override.deletes:
            OmegaConf.update(config, override.key, parsed.value(), merge=True, force_add=True)
        elif present:
            del holder[name]
        else:
            return "there is no such key to delete"
    except (OmegaConfBaseException, TypeError, ValueError) as error:
        return " ".join(str(error).partition("full_key:")[0].split())
    return None


def _literal(value: Any) -> Any:
    """Return values whose texts OmegaConf reads as they stand, `${` included."""
    if isinstance(value, str):
        return REFERENCE_START.sub(lambda match: match[1] * 2 + r"\${", value)
    if isinstance(value, Mapping):
        return {key: _literal(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_literal(item) for item in value]
    return value


def _dotted(data: Mapping[str, Any], prefix: str = "") -> Iterable[str]:
    for name, value in data.items():
        yield f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{prefix}{name}.")
