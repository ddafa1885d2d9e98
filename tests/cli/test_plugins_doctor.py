"""`zoo plugins` and `zoo doctor` tell of a broken plugin what is wrong with it; the others work on."""

import json
from pathlib import Path

import pytest

from zoo_core.testing.isolation import IsolatedRun, run_isolated, write_plugin

CALL = "import sys; from zoo_core.cli.main import run_cli; sys.exit(run_cli(sys.argv[1:]))"
GOOD = """
    from zoo_core import LazyRef, TargetSpec, hookimpl

    zoo_api = 1

    @hookimpl
    def zoo_targets():
        yield TargetSpec(
            name="good_board", summary="Good.", build=LazyRef("zoo_good.target:build"), abilities=frozenset({"infer"})
        )
"""
LACKING = """
    from zoo_core import LazyRef, TargetSpec, hookimpl

    zoo_api = 1

    @hookimpl
    def zoo_targets():
        yield TargetSpec(
            name="lacking_board",
            summary="Needs a library.",
            build=LazyRef("zoo_lacking.target:build", extra="zoo-lacking[serial]"),
            abilities=frozenset({"infer"}),
        )
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    write_plugin(folder, "zoo-good", "1.0", "good", GOOD, files={"target.py": "def build(config): ..."})
    write_plugin(folder, "zoo-broken", "0.3", "broken", "import acme_ops")
    write_plugin(folder, "zoo-lacking", "2.1", "lacking", LACKING, files={"target.py": "import acme_serial"})
    return folder


def zoo(site: Path, *arguments: str) -> IsolatedRun:
    return run_isolated(CALL, paths=[site], arguments=arguments)


def test_plugins_lists_working_and_broken_ones(site: Path) -> None:
    run = zoo(site, "plugins")
    assert run.returncode == 0
    table = {line.split()[0]: line.split()[3] for line in run.stdout.splitlines()}
    assert table["zoo-good"] == "ok"
    assert table["zoo-broken"] == "broken"
    assert "No module named 'acme_ops'" in run.stderr


def test_plugins_json_holds_status_cause_and_problems(site: Path) -> None:
    document = json.loads(zoo(site, "plugins", "--json").stdout)
    assert set(document) == {"schema_version", "plugins", "problems"}
    broken = next(plugin for plugin in document["plugins"] if plugin["distribution"] == "zoo-broken")
    assert broken["status"] == "broken"
    assert "acme_ops" in broken["cause"]
    assert any("zoo-broken" in problem for problem in document["problems"])


def test_other_commands_work_beside_a_broken_plugin_and_mention_it(site: Path) -> None:
    run = zoo(site, "list", "targets", "good")
    assert run.returncode == 0
    assert "good_board" in run.stdout
    assert "warning:" in run.stderr
    assert "zoo plugins" in run.stderr


def test_strict_plugins_stops_every_command(site: Path) -> None:
    run = zoo(site, "list", "targets", "--strict-plugins")
    assert run.returncode == 1
    assert run.stdout == ""
    assert "zoo-broken" in run.stderr


def test_only_chosen_plugins_are_loaded(site: Path) -> None:
    chosen = json.loads(zoo(site, "--plugins", "good", "list", "targets", "--json").stdout)
    assert {target["name"] for target in chosen["targets"]} == {"good_board", "host"}
    none = json.loads(zoo(site, "list", "targets", "--no-plugins", "--json").stdout)
    assert {target["name"] for target in none["targets"]} == {"host"}


def test_doctor_finds_the_broken_plugin(site: Path) -> None:
    run = zoo(site, "doctor")
    assert run.returncode == 1
    assert "zoo doctor broken" in run.stdout


def test_doctor_of_a_broken_plugin_shows_the_traceback(site: Path) -> None:
    run = zoo(site, "doctor", "zoo-broken")
    assert run.returncode == 1
    assert "Traceback (most recent call last)" in run.stdout
    assert "import acme_ops" in run.stdout


def test_doctor_of_a_good_plugin_imports_what_it_names(site: Path) -> None:
    run = zoo(site, "doctor", "good", "--json")
    assert run.returncode == 0
    document = json.loads(run.stdout)
    assert document["healthy"] is True
    assert [check["name"] for check in document["checks"]] == ["plugin good", "target good_board"]
    assert "zoo_good.target" in run.modules


def test_doctor_tells_a_missing_library_from_a_broken_plugin(site: Path) -> None:
    run = zoo(site, "doctor", "lacking", "--json")
    assert run.returncode == 3
    check = json.loads(run.stdout)["checks"][1]
    assert check["status"] == "missing"
    assert check["hint"] == 'Install: pip install "zoo-lacking[serial]"'


def test_doctor_of_an_unknown_plugin_is_the_users_mistake(site: Path) -> None:
    run = zoo(site, "doctor", "goood")
    assert run.returncode == 2
    assert "Did you mean" in run.stderr


def test_doctor_of_this_installation_is_content(cli) -> None:
    answer = cli("doctor", "--no-plugins", "--json")
    names = {check["name"]: check["status"] for check in answer.document["checks"]}
    assert names["zoo-core"] == names["python"] == names["plugin core"] == "ok"
