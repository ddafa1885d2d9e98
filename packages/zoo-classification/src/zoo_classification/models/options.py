"""Own the refusal of construction options that a network does not have, so that none is ignored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from zoo_core.errors import UserError


def refuse_options(options: Mapping[str, Any], network: str, *, known: Iterable[str] = ()) -> None:
    """Refuse every option that is set, is not zero, and is not among those the network has.

    Raises:
        UserError: Naming the keys of `data_augmentation`.
    """
    unknown = sorted(name for name, value in options.items() if value and name not in set(known))
    if unknown:
        keys = ", ".join(f"data_augmentation.{name}" for name in unknown)
        raise UserError(f"{keys}: {network} has no such option.", hint="Remove the key.")
