"""Own which processor model of unicorn runs the code of which core, and where one stands in for another."""

from __future__ import annotations

from dataclasses import dataclass

from unicorn import arm_const

from zoo_core.errors import UserError


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreModel:
    """Name the model of unicorn that runs the code of a core."""

    core: str
    model: int
    name: str
    limit: str = ""
    """What the model cannot do that the core can; empty where the model is the core itself."""
    fpu: str = ""
    """Floating-point unit that the core must have for this entry; empty for any."""

    @property
    def note(self) -> str:
        """Say which model stands in for the core; empty where none has to."""
        if not self.limit:
            return ""
        return f"unicorn has no model of this {self.core}; its {self.name} stands in: {self.limit}."


SAME_SET = "it executes the same instructions"
NO_HELIUM = "vector instructions of Helium (MVE) are undefined on it"
NO_ARMV8 = "instructions that came with Armv8-M are undefined on it, but it has a double-precision FPU"
NO_BOTH = f"Helium (MVE) and {NO_ARMV8}"
CORES = (
    CoreModel(core="cortex-m0", model=arm_const.UC_CPU_ARM_CORTEX_M0, name="Cortex-M0"),
    CoreModel(core="cortex-m0plus", model=arm_const.UC_CPU_ARM_CORTEX_M0, name="Cortex-M0", limit=SAME_SET),
    CoreModel(core="cortex-m0+", model=arm_const.UC_CPU_ARM_CORTEX_M0, name="Cortex-M0", limit=SAME_SET),
    CoreModel(core="cortex-m3", model=arm_const.UC_CPU_ARM_CORTEX_M3, name="Cortex-M3"),
    CoreModel(core="cortex-m4", model=arm_const.UC_CPU_ARM_CORTEX_M4, name="Cortex-M4"),
    CoreModel(core="cortex-m7", model=arm_const.UC_CPU_ARM_CORTEX_M7, name="Cortex-M7"),
    CoreModel(core="cortex-m33", model=arm_const.UC_CPU_ARM_CORTEX_M7, name="Cortex-M7", limit=NO_ARMV8, fpu="double"),
    CoreModel(core="cortex-m33", model=arm_const.UC_CPU_ARM_CORTEX_M33, name="Cortex-M33"),
    CoreModel(
        core="cortex-m55",
        model=arm_const.UC_CPU_ARM_CORTEX_M7,
        name="Cortex-M7",
        limit=NO_BOTH,
        fpu="double",
    ),
    CoreModel(core="cortex-m55", model=arm_const.UC_CPU_ARM_CORTEX_M33, name="Cortex-M33", limit=NO_HELIUM),
)
"""Models by core, the first that fits counts: unicorn's Cortex-M33 has no double-precision instructions."""


def find_core(core: str, fpu: str) -> CoreModel:
    """Return the model that runs the code of a core such as `cortex-m7` with a floating-point unit such as `double`.

    Raises:
        UserError: When there is none.
    """
    found = next((entry for entry in CORES if entry.core == core and entry.fpu in ("", fpu)), None)
    if found is None:
        known = ", ".join(dict.fromkeys(entry.core for entry in CORES))
        raise UserError(f'The emulator has no model that runs code for "{core}".', hint=f"Expected one of {known}.")
    return found
