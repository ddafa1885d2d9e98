"""Own the reading of `key=value` arguments: Hydra's grammar, and the values that it has no spelling for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo_core.config.issues import make_issue
from zoo_core.config.origins import COMMAND_LINE, Place
from zoo_core.errors import ConfigIssue

ASSIGNMENT = re.compile(r"(?P<prefix>\+\+|\+)?(?P<key>[\w.\-/]+)=(?P<value>.*)", re.DOTALL)
TEXT_STARTS = ("lambda ", "(")
"""Values that Hydra's grammar would read as something else than the text that they are."""


@dataclass(frozen=True, slots=True)
class Override:
    """Hold one argument as it was typed and as Hydra takes it."""

    text: str
    hydra: str
    key: str
    deletes: bool = False
    group: bool = False
    """Whether it chooses a file of a group instead of setting a value."""


def read_overrides(texts: Sequence[str], directory: Path) -> tuple[list[Override], list[ConfigIssue]]:
    """Read arguments; a plain `a.b=value` works whether or not the file has the key.

    Args:
        texts: The arguments as the shell hands them over.
        directory: The folder of the main file, whose sub-folders are groups.
    """
    overrides: list[Override] = []
    issues: list[ConfigIssue] = []
    for text in texts:
        try:
            overrides.append(_read(text, directory))
        except ValueError as error:
            key = text.lstrip("+~").partition("=")[0].strip() or text
            issues.append(make_issue(key, str(error), Place(COMMAND_LINE)))
    return overrides, issues


def _read(text: str, directory: Path) -> Override:
    match = ASSIGNMENT.fullmatch(text)
    if match is not None and match["value"].startswith(TEXT_STARTS):
        text_for_hydra = _quote(match)
        parsed = _parse(text_for_hydra)
    else:
        text_for_hydra, parsed = _parse_or_quote(text, match)
    if parsed.is_sweep_override():
        msg = (
            f'"{text}" asks for a sweep over several values, which is not supported; '
            "for a list write key=[a,b], for a text with commas key=\"'a,b'\""
        )
        raise ValueError(msg)
    key, group = parsed.key_or_group, parsed.package is not None or _is_group(parsed.key_or_group, directory)
    if not key:
        msg = f'"{text}" names no key; expected key=value'
        raise ValueError(msg)
    plain = not (group or parsed.is_delete() or parsed.is_add() or parsed.is_force_add())
    hydra = f"++{text_for_hydra}" if plain else text_for_hydra
    return Override(text=text, hydra=hydra, key=key, deletes=parsed.is_delete(), group=group)


def _parse_or_quote(text: str, match: re.Match[str] | None) -> tuple[str, Any]:
    try:
        return text, _parse(text)
    except ValueError:
        if match is None:
            raise
    quoted = _quote(match)
    return quoted, _parse(quoted)


def _parse(text: str) -> Any:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        return OverridesParser.create().parse_override(text)
    except (HydraException, ValueError) as error:
        msg = f'"{text}" is not of the form key=value, +key=value or ~key'
        raise ValueError(msg) from error


def _quote(match: re.Match[str]) -> str:
    value = match["value"]
    escaped = re.sub(r"(\\*)'", lambda found: found[1] * 2 + r"\'", value)
    trailing = len(escaped) - len(escaped.rstrip("\\"))
    return f"{match['prefix'] or ''}{match['key']}='{escaped}{chr(92) * trailing}'"


def _is_group(key: str, directory: Path) -> bool:
    return "/" in key or ("." not in key and (directory / key).is_dir())
