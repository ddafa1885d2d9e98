"""Own the making of an issue: a whole sentence with the place that the user wrote."""

from __future__ import annotations

from zoo_core.config.origins import Place
from zoo_core.errors import ConfigIssue

SENTENCE_ENDS = (".", "!", "?", ":")


def make_issue(key: str, message: str, place: Place | None = None, *, hint: str | None = None) -> ConfigIssue:
    """Return an issue; its message and hint end as sentences do."""
    return ConfigIssue(
        key=key,
        message=_sentence(message),
        hint=_sentence(hint) if hint else None,
        file=place.file if place else None,
        line=place.line if place else None,
    )


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith(SENTENCE_ENDS) else f"{text}."
