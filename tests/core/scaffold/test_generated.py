"""Generated plugins are found, sound, tested and run as they are, in interpreters that see them installed."""

import json
import os
import shlex
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from zoo_core.scaffold.kinds import KINDS, VARIANTS
from zoo_core.testing.isolation import run_isolated

FIXTURES = "zoo_core.testing.pytest_plugin"
COMMANDS = """
import contextlib, io, json, sys
from zoo_core.cli.main import run_cli
answers = []
for command in json.loads(sys.argv[1]):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = run_cli(command)
    answers.append([code, out.getvalue()])
print(json.dumps(answers))
"""
LIMIT_SECONDS = 550.0
NEED_NO_TORCH = {"quantizer", "target", "tracker"}
each_variant = pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.templates)


def answers(site: Path, *commands: list[str]) -> list[tuple[int, dict]]:
    """Run command lines with `--json` in one fresh interpreter."""
    asked = [[*command, "--json", "--strict-plugins"] for command in commands]
    done = run_isolated(COMMANDS, arguments=[json.dumps(asked)], paths=[site], timeout=LIMIT_SECONDS)
    assert done.returncode == 0, done.stderr
    return [(code, json.loads(text)) for code, text in json.loads(done.stdout)]


def test_generated_plugins_are_listed_without_problems(installed) -> None:
    found = answers(installed.site, *(["list", f"{kind}s"] for kind in KINDS), ["plugins"])
    listed = {
        (kind, component["name"], component["distribution"])
        for kind, (code, document) in zip(KINDS, found, strict=False)
        for component in document[f"{kind}s"]
        if code == 0
    }
    for plugin in installed.plugins:
        assert (plugin.variant.kind, plugin.name.component, plugin.name.distribution) in listed
    assert found[-1][1]["problems"] == []


def test_doctor_finds_nothing_wrong_with_what_needs_no_torch(installed) -> None:
    examine(installed, [plugin for plugin in installed.plugins if plugin.variant.kind in NEED_NO_TORCH])


@pytest.mark.slow
def test_doctor_finds_nothing_wrong_with_the_others(installed) -> None:
    examine(installed, [plugin for plugin in installed.plugins if plugin.variant.kind not in NEED_NO_TORCH])


def examine(installed, plugins: list) -> None:
    assert plugins
    found = answers(installed.site, *(["doctor", plugin.name.plain] for plugin in plugins))
    for plugin, (code, document) in zip(plugins, found, strict=True):
        assert code == 0, document
        checks = {check["name"]: check["status"] for check in document["checks"] if check["required"]}
        assert checks[f"plugin {plugin.name.plain}"] == "ok"
        assert checks[f"{plugin.variant.kind} {plugin.name.component}"] == "ok"


@pytest.mark.slow
@each_variant
def test_generated_tests_pass(variant, installed) -> None:
    plugin = installed.of(variant)
    registered = [entry.name for entry in entry_points(group="pytest11") if entry.value == FIXTURES]
    loaded = [] if registered else ["-p", FIXTURES]
    done = execute(installed, [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *loaded], plugin.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert "failed" not in done.stdout


@pytest.mark.slow
@each_variant
def test_commands_of_the_readme_run(variant, installed, tmp_path: Path) -> None:
    """Whatever the README says under `Run`, in a copy of the plugin's folder."""
    plugin = installed.of(variant)
    for path in plugin.folder.glob("*.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    section = (tmp_path / "README.md").read_text(encoding="utf-8").partition("\n## Run\n")[2].partition("\n## ")[0]
    commands = [shlex.split(line.removeprefix("$ ")) for line in section.splitlines() if line.startswith("$ ")]
    assert commands
    for program, *arguments in commands:
        start = [sys.executable, "-m", "zoo_core"] if program == "zoo" else [sys.executable]
        done = execute(installed, [*start, *arguments], tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    (run,) = (tmp_path / "experiments_outputs").iterdir()
    assert json.loads((run / "run.json").read_text(encoding="utf-8"))["status"] == "done"
    used = (run / ".hydra" / "config.yaml").read_text(encoding="utf-8")
    if plugin.variant.kind == "tracker":
        lines = (run / f"{plugin.name.component}.jsonl").read_text(encoding="utf-8").splitlines()
        assert {json.loads(line)["event"] for line in lines} >= {"parameters", "metrics"}
    else:
        assert plugin.name.component in used.lower().replace("-", "_")


def execute(installed, command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed.site)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
