"""Own learning-rate schedules written as `lambda epoch, lr: ...`, computed by the interpreter of expressions."""

from __future__ import annotations

import re
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from zoo_core.config.expressions import Expression

LAMBDA = re.compile(r"lambda\s+([A-Za-z_]\w*)\s*(?:,\s*([A-Za-z_]\w*)\s*)?,?\s*:(.*)", re.DOTALL)
TRIAL_EPOCH = 0
TRIAL_LR = 0.01

FORM = "lambda epoch, lr: ... with numbers, arithmetic, comparisons and conditions"


class Schedule:
    """Compute the learning rate of an epoch from its number, counted from 0, and the rate before it."""

    __slots__ = ("_body", "_epoch", "_lr", "text")

    def __init__(self, text: str) -> None:
        """Read the text and try it on the first epoch.

        Raises:
            ValueError: When the text is no lambda of one or two arguments, its body is not an expression
                of numbers, or it gives no number for epoch 0.
        """
        self.text = " ".join(" ".join(line.partition("#")[0] for line in text.splitlines()).split())
        match = LAMBDA.fullmatch(self.text)
        if match is None or match[1] == match[2]:
            msg = f"expected {FORM}"
            raise ValueError(msg)
        self._epoch, self._lr = match[1], match[2]
        try:
            self._body = Expression(match[3], tuple(name for name in (self._epoch, self._lr) if name))
            self(TRIAL_EPOCH, TRIAL_LR)
        except ValueError as error:
            msg = f"the schedule cannot be used: {error}"
            raise ValueError(msg) from error

    def __call__(self, epoch: int, lr: float) -> float:
        """Return the learning rate.

        Raises:
            ValueError: When the expression gives no number for this epoch.
        """
        names: dict[str, float] = {self._epoch: epoch}
        if self._lr:
            names[self._lr] = lr
        value = self._body.value(names)
        if isinstance(value, bool) or not isinstance(value, int | float):
            msg = f"epoch {epoch} gives {value!r}, which is not a number"
            raise ValueError(msg)  # noqa: TRY004 - every refusal of a text is a ValueError
        return float(value)

    def __eq__(self, other: object) -> bool:
        """Compare the texts."""
        return isinstance(other, Schedule) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Schedule({self.text!r})"

    def __str__(self) -> str:
        return self.text

    @classmethod
    def read(cls, value: Any) -> Schedule:
        """Take a text or a schedule.

        Raises:
            ValueError: When the value is neither, or the text cannot be used.
        """
        if isinstance(value, Schedule):
            return value
        if isinstance(value, str):
            return cls(value)
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
