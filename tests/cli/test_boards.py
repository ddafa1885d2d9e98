"""`zoo boards` lists the targets that are boards with their facts, in units people read and in bytes for programs."""

import json

import pytest

from zoo_core.lazy import LazyRef
from zoo_core.plugins.catalog import Catalog
from zoo_core.plugins.manager import HEAVY_MODULES
from zoo_core.specs import TargetSpec
from zoo_core.testing.isolation import run_isolated

CALL = "import sys; from zoo_core.cli.main import run_cli; sys.exit(run_cli(sys.argv[1:]))"
KIB = 1024
MIB = 1024 * KIB


def board(name: str, *aliases: str, **properties: str | int) -> TargetSpec:
    return TargetSpec(
        name=name,
        aliases=aliases,
        summary="A place to run.",
        build=LazyRef("zoo_absent.target:build"),
        abilities=frozenset({"benchmark"}),
        properties=properties,
    )


@pytest.fixture
def boards(use_catalog) -> None:
    use_catalog(
        Catalog.of(
            board("small_board", "ACME-S1", core="A0", clock_hz=48_500_000, ram_bytes=96 * KIB, flash_bytes=512 * KIB),
            board(
                "big_board", "ACME-B1", core="A9", clock_hz=800_000_000, ram_bytes=3840 * KIB, flash_bytes=0, npu="N"
            ),
            board("nameless", core="A1", channels=3),
            board("cloud"),
            distribution="zoo-acme",
        )
    )


def rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in text.splitlines()]


def test_table_shows_the_names_on_the_boxes_and_readable_units(cli, boards) -> None:
    answer = cli("boards")
    assert answer.code == 0
    head, *found = rows(answer.out)
    assert head == ["NAME", "CORE", "CLOCK", "RAM", "FLASH", "NPU", "CHANNELS", "PLUGIN"]
    assert found == [
        ["ACME-B1", "A9", "800 MHz", "3.8 MiB", "-", "N", "-", "zoo-acme"],
        ["ACME-S1", "A0", "48.5 MHz", "96.0 KiB", "512.0 KiB", "-", "-", "zoo-acme"],
        ["nameless", "A1", "-", "-", "-", "-", "3", "zoo-acme"],
    ]


def test_json_keeps_bytes_and_leaves_out_what_is_no_board(cli, boards) -> None:
    document = cli("boards", "--json").document
    assert set(document) == {"schema_version", "boards"}
    found = {entry["name"]: entry for entry in document["boards"]}
    assert set(found) == {"small_board", "big_board", "nameless"}
    assert found["big_board"]["properties"] == {
        "core": "A9", "clock_hz": 800_000_000, "ram_bytes": 3_932_160, "flash_bytes": 0, "npu": "N",
    }  # fmt: skip
    assert found["big_board"]["aliases"] == ["ACME-B1"]
    assert found["big_board"]["distribution"] == "zoo-acme"


@pytest.mark.parametrize("pattern", ["acme-s", "SMALL", "*s1", "small*"])
def test_pattern_is_part_of_a_name_or_of_the_name_on_the_box(cli, boards, pattern: str) -> None:
    assert [entry["name"] for entry in cli("boards", pattern, "--json").document["boards"]] == ["small_board"]


def test_no_match_is_said_and_is_no_failure(cli, boards) -> None:
    answer = cli("boards", "h7")
    assert (answer.code, answer.out) == (0, "")
    assert 'No board matches "h7".' in answer.err
    assert cli("boards", "h7", "--json").document["boards"] == []


def test_no_board_at_all_is_said(cli) -> None:
    answer = cli("boards", "--no-plugins")
    assert (answer.code, answer.out) == (0, "")
    assert "No installed plugin brings boards." in answer.err


def test_boards_of_zoo_stm32_are_listed_without_loading_anything_heavy() -> None:
    run = run_isolated(CALL, arguments=["boards", "--json"])
    assert run.returncode == 0, run.stderr
    found = {entry["aliases"][0]: entry["properties"] for entry in json.loads(run.stdout)["boards"]}
    # printed in the board's documentation: 2 MiB flash, 1 Gbit of Quad-SPI flash, 256 Mbit of SDRAM
    assert found["STM32H747I-DISCO"] == {
        "series": "STM32H7",
        "core": "Cortex-M7",
        "clock_hz": 480_000_000,
        "ram_bytes": (512 + 288 + 128 + 64) * KIB,
        "external_ram_bytes": 256 * MIB // 8,
        "flash_bytes": 2 * MIB,
        "external_flash_bytes": 1024 * MIB // 8,
    }
    assert found["STM32N6570-DK"]["npu"] == "Neural-ART"
    assert len(found) == 16
    assert not run.modules & HEAVY_MODULES
    assert not run.modules & {"zoo_stm32.examination", "zoo_stm32.targets"}
