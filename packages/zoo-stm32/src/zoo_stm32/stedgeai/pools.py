"""Own how the memory pools of a report become bytes inside and outside of the chip."""

from __future__ import annotations

from dataclasses import dataclass

from zoo_stm32.stedgeai.document import Node

EXTERNAL_FROM = 0x6000_0000
"""Lowest address of memory outside of the chip on STM32, as ST's Developer Cloud client divides them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolUse:
    """Describe what a network takes of one memory pool."""

    name: str
    address: int | None
    """Where it starts; `None` where the linker decides."""
    writable: bool
    used_bytes: int

    @property
    def external(self) -> bool:
        """Tell whether the pool lies outside of the chip: by its name, or by its address."""
        return "EXTERNAL" in self.name.upper() or (self.address is not None and self.address >= EXTERNAL_FROM)


def read_pools(pools: Node) -> tuple[PoolUse, ...]:
    """Return the pools of a `memory_pools` list that hold bytes themselves: those without pools inside them."""
    return tuple(_read_pool(pool) for pool in pools.items() if "subpools" not in pool or not pool["subpools"].items())


def bytes_in(pools: tuple[PoolUse, ...], *, writable: bool, external: bool) -> int:
    """Return the bytes used in RAM (writable) or flash (not writable), inside or outside of the chip."""
    return sum(pool.used_bytes for pool in pools if pool.writable is writable and pool.external is external)


def _read_pool(pool: Node) -> PoolUse:
    return PoolUse(
        name=pool["name"].text(),
        address=_address(pool.get("address")),
        writable="WRITE" in pool["rights"].text().upper(),
        used_bytes=pool["used_size_bytes"].integer(),
    )


def _address(node: Node | None) -> int | None:
    """Read an address: a number, a number as text in base 10 or 16, or a C symbol or `NULL` for an unknown one."""
    if node is None:
        return None
    if not isinstance(node.value, str):
        return node.integer()
    try:
        return int(node.value, 0)
    except ValueError:
        return None
