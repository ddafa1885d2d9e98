"""Own the grammar of component names and the search for the name somebody meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

NAME_PATTERN = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
ALIAS_PATTERN = re.compile(r"[A-Za-z0-9]+([._-][A-Za-z0-9]+)*")


def is_name(text: str) -> bool:
    """Tell whether a text is a legal component name such as `mobilenetv2_a035_pt`."""
    return NAME_PATTERN.fullmatch(text) is not None


def is_alias(text: str) -> bool:
    """Tell whether a text is a legal alias such as `STM32H747I-DISCO`."""
    return ALIAS_PATTERN.fullmatch(text) is not None


def split_qualified(name: str) -> tuple[str | None, str]:
    """Split `distribution/name` into its parts; a plain name has no distribution."""
    distribution, slash, plain = name.rpartition("/")
    return (distribution, plain) if slash else (None, name)


def shorten(names: Iterable[object], shown: int = 5) -> str:
    """Return names separated by commas; of many the first few, and how many there are in all."""
    listed = [str(name) for name in names]
    more = f", ... ({len(listed)} in all)" if len(listed) > shown else ""
    return ", ".join(listed[:shown]) + more


def suggest(name: str, candidates: Iterable[str], limit: int = 3) -> tuple[str, ...]:
    """Return the legal names nearest to a misspelt one, best first, ignoring case."""
    by_folded = {candidate.casefold(): candidate for candidate in candidates}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=limit, cutoff=0.6)
    return tuple(by_folded[folded] for folded in close)


def did_you_mean(name: str, candidates: Iterable[str]) -> str | None:
    """Return `Did you mean x or y?`, or nothing when no candidate is near."""
    close = suggest(name, candidates)
    return f"Did you mean {' or '.join(close)}?" if close else None
