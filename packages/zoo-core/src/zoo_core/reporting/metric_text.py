"""Own how measured numbers are written for people: digits that matter, units, signs of differences."""

from __future__ import annotations

KIB = 1024
LARGE = {1e9: "G", 1e6: "M"}
"""Factors from which on a count is shortened."""
BYTE_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def metric_text(value: float | None, unit: str, *, signed: bool = False) -> str:
    """Return a number with its unit: `98.33 %`, `78.2 KiB`, `0.412 ms`; nothing is `-`.

    Args:
        value: The number in its unit.
        unit: Such as `%`, `ms` or `bytes`.
        signed: Whether a plus sign stands before positive numbers, as in a difference.
    """
    if value is None:
        return "-"
    sign = "+" if signed else ""
    if unit == "bytes":
        return _bytes_text(value, sign)
    if unit == "%":
        return f"{value:{sign}.2f} %"
    return f"{_number_text(float(value), sign)} {unit}".rstrip()


def _number_text(value: float, sign: str) -> str:
    for factor, letter in LARGE.items():
        if abs(value) >= factor:
            return f"{value / factor:{sign}.3g} {letter}"
    return f"{value:{sign}.0f}" if value.is_integer() else f"{value:{sign}.4g}"


def _bytes_text(value: float, sign: str) -> str:
    scaled, unit = float(value), BYTE_UNITS[0]
    for unit in BYTE_UNITS:  # noqa: B007 - the unit that the loop ends with is used
        if abs(scaled) < KIB:
            break
        scaled /= KIB
    return f"{scaled:{sign}.0f} {unit}" if unit == BYTE_UNITS[0] else f"{scaled:{sign}.1f} {unit}"
