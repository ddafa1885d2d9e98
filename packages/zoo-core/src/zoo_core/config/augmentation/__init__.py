"""Own the parameters of ST's augmentation functions, which act in the order of the file; shared by all use cases."""

from zoo_core.config.augmentation.ordered import FUNCTION_NAMES, OrderedFunctionsSection
from zoo_core.config.augmentation.resizing import RandomPeriodicResizing
from zoo_core.config.augmentation.spans import RandomFunction

__all__ = ["FUNCTION_NAMES", "OrderedFunctionsSection", "RandomFunction", "RandomPeriodicResizing"]
