"""Own how texts become Markdown: characters that mean something escaped, rows of cells as tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

SPECIAL = re.compile(r"([\\`*\[\]|~#$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def escape(text: object) -> str:
    """Return a text in one line that Markdown shows as it is."""
    line = " ".join(str(text).split())
    for letter, entity in ENTITIES.items():
        line = line.replace(letter, entity)
    return SPECIAL.sub(r"\\\1", line)


def code(text: object) -> str:
    """Return a text as code, which a table may hold too."""
    line = " ".join(str(text).split())
    if not line:
        return ""
    longest = max((len(ticks) for ticks in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}".replace("|", "\\|")


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()) -> str:
    """Return a table of cells that are Markdown already; columns of numbers are set to the right."""
    rules = ["---:" if column in right else "---" for column in columns]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [columns, rules, *rows])


def pairs(rows: Iterable[tuple[str, str]]) -> str:
    """Return names and values, which are Markdown already, as a table; what is empty is left out."""
    filled = [(name, value) for name, value in rows if value]
    return table(("", ""), filled) if filled else ""


def bullets(lines: Iterable[str]) -> str:
    """Return a list of lines that are Markdown already."""
    return "\n".join(f"- {line}" for line in lines)


def section(title: str, *parts: str) -> str:
    """Return a heading with what stands below it; nothing when nothing does."""
    filled = [part for part in parts if part]
    return "\n\n".join([f"## {title}", *filled]) if filled else ""
