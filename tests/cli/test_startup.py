"""`zoo --help` is quick because it loads nothing that it does not show."""

import runpy
from pathlib import Path

import pytest

from zoo_core.plugins.manager import HEAVY_MODULES
from zoo_core.testing.isolation import run_isolated

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "cli_startup.py"
CALL = "import sys; from zoo_core.cli.main import run_cli; sys.exit(run_cli(sys.argv[1:]))"


def loaded_by(*arguments: str) -> frozenset[str]:
    run = run_isolated(CALL, arguments=arguments)
    assert run.returncode == 0, run.stderr
    return run.modules


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], []])
def test_root_loads_no_command_no_plugin_and_nothing_heavy(arguments: list[str]) -> None:
    modules = loaded_by(*arguments)
    commands = {name for name in modules if name.startswith("zoo_core.cli.") and not name.startswith("zoo_core.cli._")}
    assert commands == {"zoo_core.cli.main"}
    assert not {name for name in modules if name.startswith("zoo_core.plugins")}
    assert not modules & (HEAVY_MODULES | {"pydantic", "yaml"})


def test_help_of_a_command_loads_no_plugin_and_nothing_heavy() -> None:
    modules = loaded_by("run", "--help")
    assert not modules & HEAVY_MODULES
    assert not {name for name in modules if name.startswith(("zoo_core.plugins", "zoo_core.services"))}


@pytest.mark.parametrize("arguments", [["list", "models"], ["plugins", "--json"], ["doctor", "--json"]])
def test_listing_loads_neither_torch_nor_hydra(arguments: list[str]) -> None:
    assert not loaded_by(*arguments) & (HEAVY_MODULES - {"rich"})


def test_help_takes_at_most_four_times_the_import_of_typer() -> None:
    benchmark = runpy.run_path(str(BENCHMARK))
    # The median of a few runs may be disturbed by a busy machine; the best of three such medians rarely is.
    ratios = []
    for _ in range(3):
        ratios.append(benchmark["ratio"](benchmark["measure"](3)))
        if ratios[-1] <= benchmark["LIMIT"]:
            return
    pytest.fail(f"zoo --help takes {min(ratios):.1f} times as long as the import of typer")
