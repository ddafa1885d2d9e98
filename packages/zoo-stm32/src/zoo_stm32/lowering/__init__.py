"""Own the lowering of QDQ graphs to graphs of integer operators."""

from __future__ import annotations

from zoo_stm32.lowering.checks import refuse_unsuitable
from zoo_stm32.lowering.lowered import lower
from zoo_stm32.lowering.runnable import as_runnable

__all__ = ["as_runnable", "lower", "refuse_unsuitable"]
