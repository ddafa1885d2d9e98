"""Own lists of indices and slices such as `(8, 110:121, -1)`, read as Python's indexing reads them."""

from __future__ import annotations

import re
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

MAX_LENGTH = 2000
INDEX = re.compile(r"[+-]?\d{1,9}")
SLICE = re.compile(r"([+-]?\d{1,9})?\s*:\s*([+-]?\d{1,9})?(?:\s*:\s*([+-]?\d{1,9})?)?")

FORM = "indices and slices as in (0:-1), (150:) or (8, 110:121, -1)"


class IndexList:
    """Select positions of a sequence whose length is known later."""

    __slots__ = ("_pieces", "text")

    def __init__(self, text: str) -> None:
        """Read the text.

        Raises:
            ValueError: When a piece is neither an index nor a slice; the message names it.
        """
        self.text = text.strip()
        self._pieces = tuple(_read_piece(piece, self.text) for piece in _pieces(self.text))

    def resolve(self, count: int) -> tuple[int, ...]:
        """Return the selected positions among `count`, in the order given, each once.

        Raises:
            ValueError: When an index lies outside, as Python's indexing would say.
        """
        found: dict[int, None] = {}
        for piece in self._pieces:
            if isinstance(piece, slice):
                found.update(dict.fromkeys(range(count)[piece]))
            elif -count <= piece < count:
                found[piece % count] = None
            else:
                msg = f'index {piece} in "{self.text}" is outside of {count} positions'
                raise ValueError(msg)
        return tuple(found)

    def __eq__(self, other: object) -> bool:
        """Compare the selections, not their spelling."""
        return isinstance(other, IndexList) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"IndexList({self.text!r})"

    def __str__(self) -> str:
        return self.text

    def _key(self) -> tuple[object, ...]:
        return tuple(
            (piece.start, piece.stop, piece.step) if isinstance(piece, slice) else piece for piece in self._pieces
        )

    @classmethod
    def read(cls, value: Any) -> IndexList:
        """Take a text, one index, or a list of indices and slice texts.

        Raises:
            ValueError: When the value has another form.
        """
        if isinstance(value, IndexList):
            return value
        items = value if isinstance(value, list | tuple) else [value]
        if all(isinstance(item, str | int) and not isinstance(item, bool) for item in items):
            return cls(value if isinstance(value, str) else f"({', '.join(str(item) for item in items)})")
        msg = f"expected {FORM}"
        raise ValueError(msg)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read from text, and write to text in JSON."""
        return core_schema.no_info_plain_validator_function(
            cls.read,
            json_schema_input_schema=core_schema.str_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(
                str, return_schema=core_schema.str_schema(), when_used="json"
            ),
        )


def _pieces(text: str) -> list[str]:
    inner = text
    for opening, closing in ("()", "[]"):
        if text.startswith(opening) and text.endswith(closing):
            inner = text[1:-1]
            break
    pieces = [piece.strip() for piece in inner.split(",")]
    if len(pieces) > 1 and not pieces[-1]:
        pieces.pop()
    if len(text) > MAX_LENGTH or pieces == [""]:
        msg = f"expected {FORM}"
        raise ValueError(msg)
    return pieces


def _read_piece(piece: str, text: str) -> int | slice:
    if INDEX.fullmatch(piece):
        return int(piece)
    match = SLICE.fullmatch(piece)
    if match is None:
        msg = f'"{piece}" in "{text}" is neither an index nor a slice; expected {FORM}'
        raise ValueError(msg)
    start, stop, step = (None if part is None else int(part) for part in match.groups())
    if step == 0:
        msg = f'the step of "{piece}" in "{text}" is zero'
        raise ValueError(msg)
    return slice(start, stop, step)
