"""Own the text forms of a configuration: resolved, annotated with origins, and as Hydra files them with a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import yaml

from zoo_core.config.compose import Composed
from zoo_core.config.places import Places
from zoo_core.config.sections import RunConfig

if TYPE_CHECKING:
    from zoo_core.config.load import LoadedConfig

INDENT = "  "
WIDEST_COLUMN = 60
"""Comments start behind the longest line up to this width."""
UNLIMITED = 1_000_000
DEFAULT, INFERRED = "default", "inferred"
INFERRED_KEYS = ("use_case", "model.model_name")


def resolved_yaml(config: RunConfig) -> str:
    """Return the whole configuration with every default, as YAML that loads to the same configuration."""
    return _dump(config.canonical())


def composed_files(composed: Composed) -> dict[str, str]:
    """Return what Hydra keeps with a run, by file name: the composed values, its own settings, the overrides."""
    values = {key: value for key, value in composed.data.items() if key != "hydra"}
    return {
        "config.yaml": _dump(values),
        "hydra.yaml": _dump({"hydra": composed.hydra}),
        "overrides.yaml": _dump(list(composed.overrides)),
    }


def annotated_yaml(loaded: LoadedConfig) -> str:
    """Return the whole configuration as YAML; a comment behind each value says where it came from."""
    lines = list(_lines(loaded.config.canonical(), "", 0, loaded.places))
    column = min(max(len(text) for text, _ in lines), WIDEST_COLUMN)
    return "".join(f"{text:<{column}}  # {origin}\n" if origin else f"{text}\n" for text, origin in lines)


def _lines(data: Mapping[str, Any], prefix: str, depth: int, places: Places) -> Iterator[tuple[str, str]]:
    for name, value in data.items():
        key = f"{prefix}{name}"
        head = f"{INDENT * depth}{_inline(name)}:"
        if isinstance(value, Mapping) and value:
            yield head, ""
            yield from _lines(value, f"{key}.", depth + 1, places)
        else:
            yield f"{head} {_inline(value)}", _origin(key, places)


def _origin(key: str, places: Places) -> str:
    written = places.moves.written(_spelled(key, places))
    place = places.source(_spelled(key, places))
    if place is None:
        return INFERRED if key in INFERRED_KEYS else DEFAULT
    return str(place) if written in (key, _spelled(key, places)) else f"{place} as {written}"


def _spelled(key: str, places: Places) -> str:
    """Return a key as the file spells it, where a field has an alias with hyphens."""
    dashed = f"{key.rpartition('.')[0]}.{key.rpartition('.')[2].replace('_', '-')}"
    return dashed if places.origins.exact(dashed) else key


def _inline(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=UNLIMITED, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")


def _dump(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, width=UNLIMITED, allow_unicode=True)
