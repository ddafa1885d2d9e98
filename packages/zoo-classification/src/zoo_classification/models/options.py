"""Own the options of `data_augmentation` that shape a network: given to those that have them, else refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from zoo_core.errors import UserError

OPTIONS = {"drop": "drop_rate", "drop_path": "drop_path_rate", "drop_block": "drop_block_rate"}
"""Keys of `data_augmentation` -> arguments of timm."""


def refuse_options(options: Mapping[str, Any], network: str, *, known: Iterable[str] = ()) -> None:
    """Refuse every option that is set, is not zero, and is not among those the network has.

    Raises:
        UserError: Naming the keys of `data_augmentation`.
    """
    unknown = sorted(name for name, value in options.items() if value and name not in set(known))
    if unknown:
        keys = ", ".join(f"data_augmentation.{name}" for name in unknown)
        raise UserError(f"{keys}: {network} has no such option.", hint="Remove the key.")


def dropout_rate(options: Mapping[str, Any], network: str, default: float = 0.0) -> float:
    """Return the rate of the dropout before the classifier, for a network that has this option alone.

    Raises:
        UserError: When another option is set.
    """
    refuse_options(options, network, known={"drop"})
    rate = options.get("drop")
    return default if rate is None else float(rate)


def timm_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are set as arguments of `timm.create_model`."""
    return {OPTIONS[key]: value for key, value in options.items() if key in OPTIONS and value is not None}
