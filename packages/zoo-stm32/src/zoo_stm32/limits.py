"""Own what boards, the emulator and ST's runtimes take of a quantized model, with the source of each statement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoo_core.specs import QuantizationLimits

if TYPE_CHECKING:
    from zoo_stm32.boards import Board

NEURAL_ART = "Neural-ART"
PER_TENSOR_FIRST = ("per_tensor", "per_channel")

EMULATED = QuantizationLimits(
    weight_types=frozenset({"Int4", "UInt4", "Int8", "UInt8"}), activation_types=frozenset({"Int8", "UInt8"})
)
"""Firmware of this package: `lowering.checks` refuses 16-bit activations, and `lowering.weights` leaves layers with
16-bit weights in float; weights of 4 bits are stored as 8."""
CORTEX_M = QuantizationLimits(
    weight_types=frozenset({"Int4", "Int8", "UInt8"}), activation_types=frozenset({"Int8", "UInt8"})
)
"""ST Edge AI Core, "Quantized model support": 8-bit integers; release note of 3.0.0: weights of 4 bits are stored as 8
where there is no Neural-ART."""
CORTEX_M_NPU = QuantizationLimits(weight_types=frozenset({"Int4", "Int8"}), activation_types=frozenset({"Int8"}))
"""ST Edge AI Core, "ST Neural-ART NPU - Supported operators and limitations": signed symmetric weights and signed
asymmetric activations of 8 bits, float layers on the processor; release note of 3.0.0: weights of 4 bits in
convolutions and dense layers."""
CORTEX_A = QuantizationLimits(
    weight_types=frozenset({"Int8", "UInt8"}),
    activation_types=frozenset({"Int8", "UInt8"}),
    granularities=PER_TENSOR_FIRST,
)
"""ST wiki, "STM32MP2 NPU description": the NPU computes 8 bits with one scale per tensor; what has one per channel runs
on the slower GPU. STM32MP1 has no NPU and takes both."""


def limits_of(board: Board) -> QuantizationLimits:
    """Return what the tools of a board take."""
    if not board.core.startswith("cortex-m"):
        return CORTEX_A
    return CORTEX_M_NPU if board.npu == NEURAL_ART else CORTEX_M
