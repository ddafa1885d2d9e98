"""The targets that zoo-stm32 declares: every board by the name on its box, and the emulator."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from zoo_core.config.sections import BenchmarkingSection
from zoo_core.plugins import get_catalog
from zoo_stm32.boards import load_boards


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """What targets read of a configuration, on a computer without a login to ST's cloud."""
    for name in ("ZOO_CLOUD_TOKEN", "stmai_username", "stmai_password"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("VERSIONS_URL", "http://127.0.0.1:9/versions")
    return SimpleNamespace(tools=None, benchmarking=None, deployment=None, operation_mode="chain_eb")


def test_every_board_is_a_target_by_its_name_whatever_the_case() -> None:
    targets = get_catalog().targets
    for board in load_boards():
        for name in (board.name, board.name.lower(), board.slug):
            assert targets.resolve(name).spec.name == board.slug


@pytest.mark.parametrize("name", [board.name for board in load_boards()])
def test_every_board_can_be_built_and_is_ready_where_it_is_emulated(name: str, config: Any) -> None:
    entry = get_catalog().targets.resolve(name)
    problems = entry.spec.build.load()(config).check("benchmark")
    assert bool(problems) == ("through ST's cloud" in entry.spec.summary)
    if problems:
        assert "application processor" in " ".join(problems)


def test_the_emulator_stands_for_the_board_that_is_named(config: Any) -> None:
    build = get_catalog().targets.resolve("emulator").spec.build.load()
    assert build(config).board.name == "STM32H747I-DISCO"
    config.benchmarking = BenchmarkingSection(board="nucleo-f401re")
    assert build(config).board.name == "NUCLEO-F401RE"
    config.benchmarking = BenchmarkingSection(board="STM32MP157F-DK2")
    assert build(config).board.name == "STM32H747I-DISCO"


def test_summaries_fit_a_line() -> None:
    summaries = [entry.spec.summary for entry in get_catalog().targets.entries()]
    assert max(map(len, summaries)) <= 120
    assert any("Cortex-M55 at 800 MHz and Neural-ART" in text for text in summaries)
