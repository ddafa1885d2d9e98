"""Own the keys that the `benchmarking` section takes for EXAMPLE-BOARD."""

from zoo_core.config.limits import NonNegativeInt
from zoo_stm32.config import Stm32BenchmarkingSection


class ReservingSection(Stm32BenchmarkingSection):
    """Say who measures, and what the rest of the application needs."""

    reserved_kib: NonNegativeInt = 0
    """RAM that the rest of the application needs, in KiB; the model does not get it."""
