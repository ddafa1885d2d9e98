"""STM32 targets for zoo; needs no torch."""

__version__ = "0.1.0"
