"""Own who measures and deploys: ST's Developer Cloud, ST Edge AI Core on this computer, or the emulator."""

from __future__ import annotations

from zoo_stm32.engines.choice import Choice, choose
from zoo_stm32.engines.on_board import OnBoardTarget
from zoo_stm32.engines.target import Stm32Target

__all__ = ["Choice", "OnBoardTarget", "Stm32Target", "choose"]
