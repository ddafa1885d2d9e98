"""Own the tests of which memory holds what, and of what is said when nothing fits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from zoo_core.errors import UserError
from zoo_stm32.boards import KIB
from zoo_stm32.firmware import place

ALL = ("flash", "sram", "sram2", "sdram", "qspi")


@pytest.mark.parametrize(
    ("memories", "sizes", "expected"),
    [
        (ALL, (10, 10), ("flash", "flash", "SRAM1", "SRAM1")),
        (ALL, (118, 448), ("flash", "flash", "SRAM1", "SRAM1")),
        (ALL, (119, 449), ("flash", "Quad-SPI flash", "SRAM 2", "SRAM1")),
        (ALL, (128, 512), ("flash", "Quad-SPI flash", "SRAM 2", "SRAM1")),
        (ALL, (129, 10), ("flash", "flash", "SRAM1", "SDRAM")),
        (("sram2", "sram", "flash"), (60, 10), ("flash", "flash", "SRAM1", "SRAM1")),
        (("flash", "sdram"), (100, 10), ("flash", "flash", "SDRAM", "SDRAM")),
        (("qspi", "sram"), (100, 1000), ("Quad-SPI flash", "Quad-SPI flash", "SRAM1", "SRAM1")),
    ],
)
def test_internal_memory_is_preferred_and_blocks_stay_together(make_network, make_board, memories, sizes, expected):
    network = make_network(arena=sizes[0] * KIB, weight_bytes=sizes[1] * KIB)
    placement = place(network, make_board(*memories), stack_bytes=8 * KIB, code_bytes_estimate=64 * KIB)
    found = (placement.code.name, placement.weights.name, placement.data.name, placement.arena.name)
    assert found == expected


def test_code_goes_outside_when_the_internal_flash_cannot_even_hold_it(make_network, make_board):
    placement = place(make_network(), make_board(*ALL), code_bytes_estimate=600 * KIB)
    assert placement.code.name == "Quad-SPI flash"
    assert placement.weights.name == "flash"


def test_inputs_too_large_for_the_chip_take_the_variables_outside(make_network, make_board):
    placement = place(make_network(io=300 * KIB), make_board(*ALL))
    assert placement.data.name == "SDRAM"
    assert placement.arena.name == "SRAM1"


def test_too_little_ram_names_need_sizes_and_the_peak(make_network, make_board):
    with pytest.raises(UserError) as caught:
        place(make_network(arena=9000 * KIB), make_board(*ALL))
    message = caught.value.message
    assert message.startswith("The network needs 9000 KiB of activation memory")
    assert "TEST-BOARD has 192 KiB internal (128 + 64) and 8192 KiB external" in message
    assert message.endswith("the peak is tensor sums (9000 KiB) at layer dense.")
    assert "flash" not in message


def test_both_shortages_are_told_at_once(make_network, make_board):
    with pytest.raises(UserError) as caught:
        place(make_network(arena=129 * KIB, weight_bytes=500 * KIB), make_board("flash", "sram"))
    ram, flash = caught.value.message.splitlines()
    assert "129 KiB of activation memory" in ram
    assert "128 KiB internal and no external" in ram
    assert flash.startswith("The network needs 564 KiB of flash (500 KiB of weights, about 64 KiB of code)")
    assert flash.endswith(
        "TEST-BOARD has 512 KiB internal and no external: the layer with most weights is dense (500 KiB)."
    )
    assert "more memory" in caught.value.hint


def test_a_network_without_activations_names_its_largest_tensor(make_network, make_board):
    network = make_network(io=200 * KIB)
    network = replace(network, plan=replace(network.plan, sizes={}, peak_tensors=(), size=0))
    with pytest.raises(UserError, match=r"the largest tensor is image \(200 KiB\)"):
        place(network, make_board("flash", "sram"))


def test_a_board_with_an_application_processor_is_refused_with_what_to_do(make_network, make_board):
    with pytest.raises(UserError, match="cortex-a35") as caught:
        place(make_network(), make_board("sram", "flash", core="cortex-a35"))
    assert "onnxruntime" in caught.value.hint
