"""Change float graphs, without changing what they compute, so that few bits cost them less."""

from zoo_core.quantization.equalization.report import EqualizationReport
from zoo_core.quantization.equalization.sequence import equalize

__all__ = ["EqualizationReport", "equalize"]
