"""Own the limits that values of a configuration keep: positive numbers, shares, paths that must exist."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from zoo_core.runs.secrets import has_password

Fraction = Annotated[float, Field(gt=0.0, lt=1.0)]
Share = Annotated[float, Field(gt=0.0, le=1.0)]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
PositiveInt = Annotated[int, Field(gt=0)]
NonNegativeInt = Annotated[int, Field(ge=0)]
PositiveFloat = Annotated[float, Field(gt=0.0)]
NonNegativeFloat = Annotated[float, Field(ge=0.0)]
ExistingPath = Annotated[Path, "existing path"]
"""A path that must exist; the check reports the absolute path it tried."""
ExistingDir = Annotated[Path, "existing directory"]
ExistingFile = Annotated[Path, "existing file"]


def _without_login(address: str) -> str:
    if has_password(address):
        msg = "the address holds a login, and the configuration is saved with the run"
        raise ValueError(msg)
    return address


Address = Annotated[str, AfterValidator(_without_login)]
"""An address on a network, without user and password."""


def only(legal: Any, reason: str) -> AfterValidator:
    """Return a validator for an option that files of other programs hold and that has one legal value here."""

    def check(value: Any) -> Any:
        if value != legal:
            raise ValueError(reason)
        return value

    return AfterValidator(check)
