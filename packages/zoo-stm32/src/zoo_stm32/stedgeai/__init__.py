"""Own the adapter of a locally installed ST Edge AI Core, written for versions 2.x, 3.x and 4.x as documented."""

from __future__ import annotations

from zoo_stm32.stedgeai.locate import find_stedgeai
from zoo_stm32.stedgeai.options import Options, neural_art_argument
from zoo_stm32.stedgeai.report import read_report
from zoo_stm32.stedgeai.tool import Generated, StEdgeAi, Validation
from zoo_stm32.stedgeai.validation import TensorComparison

__all__ = [
    "Generated",
    "Options",
    "StEdgeAi",
    "TensorComparison",
    "Validation",
    "find_stedgeai",
    "neural_art_argument",
    "read_report",
]
