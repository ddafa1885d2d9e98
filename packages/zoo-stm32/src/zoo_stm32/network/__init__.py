"""Own the turning of a lowered graph into C sources whose activations live in one planned arena."""

from zoo_stm32.network.arena import Buffer, plan_arena
from zoo_stm32.network.assembly import generate

__all__ = ["Buffer", "generate", "plan_arena"]
