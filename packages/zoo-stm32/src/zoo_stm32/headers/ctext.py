"""Own the spelling of Python values in C: strings, numbers, tables."""

from __future__ import annotations

import re
from collections.abc import Sequence

ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
PRINTABLE_FIRST, PRINTABLE_LAST = 0x20, 0x7E
VALUES_PER_LINE = 6


def c_string(text: str) -> str:
    """Return a string literal whose bytes are the text in UTF-8, safe from trigraphs."""
    return f'"{_escaped(text)}"'


def c_comment(text: str) -> str:
    """Return text that cannot end a comment or break its line."""
    printable = "".join(char if char.isprintable() else " " for char in text)
    return printable.replace("*/", "* /").replace("??", "? ?").replace("\\", "/")


def c_float(value: float) -> str:
    """Return a float literal that reads back as the same single-precision number."""
    text = f"{float(value):.9g}"
    return f"{text}f" if re.search(r"[.e]", text) else f"{text}.0f"


def c_floats(values: Sequence[float], *, indent: str = "    ") -> str:
    """Return the values as lines of an initialiser."""
    rows = [values[start : start + VALUES_PER_LINE] for start in range(0, len(values), VALUES_PER_LINE)]
    return ",\n".join(indent + ", ".join(c_float(value) for value in row) for row in rows)


def c_string_table(names: Sequence[str]) -> str:
    """Return the names as lines inside a macro; each but the last is continued."""
    return ", \\\n".join(f"    {c_string(name)}" for name in names)


def _escaped(text: str) -> str:
    """Escape bytes as three octal digits, which unlike hexadecimal ones cannot swallow what follows."""
    parts: list[str] = []
    for char in text:
        if char == "?" and parts and parts[-1] == "?":
            parts.append("\\?")
        elif char in ESCAPES:
            parts.append(ESCAPES[char])
        elif PRINTABLE_FIRST <= ord(char) <= PRINTABLE_LAST:
            parts.append(char)
        else:
            parts += [f"\\{byte:03o}" for byte in char.encode("utf-8", "surrogatepass")]
    return "".join(parts)
