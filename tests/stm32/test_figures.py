"""The figures of a firmware: how they add up, and what is said about where it lies."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from zoo_stm32.artifacts import (
    ArenaPlan,
    CNetwork,
    Execution,
    FirmwareImage,
    IoTensor,
    Island,
    Layer,
    LoweredModel,
    Placement,
    Sizes,
)
from zoo_stm32.boards import Board, Memory
from zoo_stm32.figures import LAYER_COLUMNS, Footprint, exactness, island_note
from zoo_stm32.firmware import Golden
from zoo_stm32.verification import Comparison, Gap

FLASH = Memory(name="flash", kind="flash", origin=0x0800_0000, size=1 << 20)
SRAM = Memory(name="SRAM", kind="ram", origin=0x2000_0000, size=1 << 17)
SDRAM = Memory(name="SDRAM", kind="ram", origin=0xC000_0000, size=1 << 23, external=True)
BOARD = Board(name="A board", series="STM32", core="cortex-m7", clock_hz=1, fpu="single", memories=(FLASH, SRAM, SDRAM))
SCORES = IoTensor(name="scores", type="int8", shape=(1, 5))
RUN = Execution(outputs=(), instructions=1000, layer_instructions={"f0": 700, "f1": 290}, stack_bytes=96, seconds=0.1)


def graph() -> onnx.ModelProto:
    kept = helper.make_tensor_value_info("map", TensorProto.INT32, (1, 2, 3))
    output = helper.make_tensor_value_info("scores", TensorProto.INT8, (1, 5))
    return helper.make_model(helper.make_graph([], "graph", [], [output], value_info=[kept]))


def layer(index: int, output: str, macs: int) -> Layer:
    return Layer(
        index=index,
        name=f"layer, {index}",
        op_type="QLinearConv",
        function=f"f{index}",
        inputs=("a", "b"),
        outputs=(output,),
        macs=macs,
        weight_bytes=10,
    )


def footprint(**changes: Any) -> Footprint:
    image = FirmwareImage(
        elf=Path("firmware.elf"),
        map=Path("firmware.map"),
        board=BOARD,
        placement=Placement(code=FLASH, weights=FLASH, data=SRAM, arena=changes.pop("arena", SRAM)),
        sizes=Sizes(code=2000, weights=500, data=32, arena=4096, io=128, stack=8192),
        inputs=(),
        outputs=(SCORES,),
        functions=("f0", "f1"),
        compiler="cc 1.0",
    )
    network = CNetwork(
        header="",
        source="",
        data_source="",
        inputs=(),
        outputs=(SCORES,),
        layers=(layer(0, "map", 60), layer(1, "scores", 30)),
        plan=ArenaPlan(
            offsets={"map": 0},
            sizes={"map": 24},
            size=4096,
            lower_bound=4000,
            peak_layer="x",
            peak_tensors=("map",),
            live=(24, 8),
        ),
        weight_bytes=500,
        generator="generator 1",
    )
    lowered = LoweredModel(model=graph(), inputs=(), outputs=(SCORES,), islands=(), origins={})
    parts = {"lowered": lowered, "network": network, "image": image, "execution": RUN}
    return Footprint(**(parts | changes))


def test_totals_are_sums_of_their_parts() -> None:
    found = {metric.name: (metric.value, metric.unit) for metric in footprint().metrics()}
    assert found == {
        "total_ram": (4096 + 128 + 32 + 96, "bytes"),
        "ram_activations": (4096, "bytes"),
        "ram_activations_bound": (4000, "bytes"),
        "ram_io": (128, "bytes"),
        "ram_runtime": (32 + 96, "bytes"),
        "total_flash": (2500, "bytes"),
        "flash_weights": (500, "bytes"),
        "flash_code": (2000, "bytes"),
        "macs": (90, ""),
        "instructions": (1000, ""),
    }
    assert not any(metric.higher_is_better for metric in footprint().metrics())


def test_what_was_not_counted_is_left_out_instead_of_zero() -> None:
    uncounted = footprint(execution=replace(RUN, instructions=None, layer_instructions={}))
    assert "instructions" not in {metric.name for metric in uncounted.metrics()}
    rows = list(csv.DictReader(io.StringIO(uncounted.layers_csv())))
    assert [row["instructions"] for row in rows] == ["", ""]


def test_layers_csv_has_a_row_for_each_layer_with_names_as_they_are() -> None:
    reader = csv.DictReader(io.StringIO(footprint().layers_csv()))
    rows = list(reader)
    assert tuple(reader.fieldnames or ()) == LAYER_COLUMNS
    assert [(row["name"], row["instructions"]) for row in rows] == [("layer, 0", "700"), ("layer, 1", "290")]
    assert [int(row["output_bytes"]) for row in rows] == [2 * 3 * 4, 5]  # an int32 tensor, then the int8 output


@pytest.mark.parametrize(
    ("arena", "said"),
    [(SRAM, "yes, in internal memory"), (SDRAM, "with external memory: activations in SDRAM")],
)
def test_memory_outside_of_the_chip_is_named(arena: Memory, said: str) -> None:
    comparison = Comparison(
        golden=Golden(inputs=(), outputs=()),
        first=RUN,
        inputs=1,
        gaps=(Gap(tensor=SCORES, values=5, different=0, largest=0.0),),
    )
    facts = footprint(arena=arena).facts(comparison, "a machine")
    assert facts == {"board": "A board, emulated (a machine)", "bit_exact": "yes", "fits": said}
    assert exactness(comparison) == "yes"


def test_details_say_what_peaks_and_what_made_it() -> None:
    details = footprint().details()
    assert details["peak_tensors"] == {"map": 24}
    assert (details["stack_reserved"], details["stack_used"]) == (8192, 96)
    assert (details["compiler"], details["code_generator"]) == ("cc 1.0", "generator 1")
    assert details["placement"]["activations"] == "SRAM"
    assert [layer["live_bytes"] for layer in details["layers"]] == [24, 8]


def test_memories_hold_what_lies_in_them() -> None:
    found = {memory["name"]: memory for memory in footprint().details()["memories"]}
    assert {name: memory["used"] for name, memory in found.items() if memory["used"]} == {
        FLASH.name: 2000 + 500,
        SRAM.name: 32 + 128 + 8192 + 4096,
    }
    assert (found[SRAM.name]["size"], found[SRAM.name]["external"]) == (SRAM.size, False)


def test_floating_point_is_named_with_its_reason() -> None:
    lowered = footprint().lowered
    assert island_note(lowered) == ()
    (note,) = island_note(replace(lowered, islands=(Island("norm", "Erf", "no integer form"),)))
    assert "norm (Erf: no integer form)" in note
