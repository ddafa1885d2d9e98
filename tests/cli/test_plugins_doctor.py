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


def zoo(site: Path, *arguments: str, **env: str) -> IsolatedRun:
    return run_isolated(CALL, paths=[site], arguments=arguments, env={"ZOO_CONFIG_DIR": str(site / "none"), **env})


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
    assert "warning: Plugin zoo-broken 0.3 could not be loaded" in run.stderr
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


def test_disabled_plugin_is_listed_with_the_reason_until_it_is_enabled(site: Path, tmp_path: Path) -> None:
    env = {"ZOO_CONFIG_DIR": str(tmp_path)}
    run = zoo(site, "plugins", "disable", "zoo-broken", **env)
    assert run.returncode == 0
    assert run.stdout == "Plugin broken is now disabled.\n"
    assert run.stderr == f"note: This is kept in {tmp_path / 'plugins.json'}\n"
    listed = zoo(site, "plugins", "--strict-plugins", **env)
    assert listed.returncode == 0, "what is not loaded is no problem"
    table = {line.split()[0]: line.split()[3] for line in listed.stdout.splitlines()}
    assert table["zoo-broken"] == "disabled"
    reason = f"disabled in {tmp_path / 'plugins.json'}; to load it again: zoo plugins enable broken"
    assert listed.stderr == f"note: Not loaded: broken ({reason}).\n"
    assert zoo(site, "plugins", "disable", "broken", **env).stdout == "Plugin broken is already disabled.\n"
    document = json.loads(zoo(site, "plugins", "enable", "broken", "--json", **env).stdout)
    assert document == {
        "schema_version": 1,
        "plugins": ["broken"],
        "state": "enabled",
        "changed": True,
        "disabled": [],
        "file": str(tmp_path / "plugins.json"),
    }
    assert zoo(site, "plugins", "--strict-plugins", **env).returncode == 1


def test_allow_list_outranks_the_disabled_plugins(site: Path, tmp_path: Path) -> None:
    env = {"ZOO_CONFIG_DIR": str(tmp_path)}
    zoo(site, "plugins", "disable", "good", **env)
    assert "good_board" not in zoo(site, "list", "targets", **env).stdout
    assert "good_board" in zoo(site, "list", "targets", "--plugins", "good", **env).stdout
    run = zoo(site, "plugins", "enable", "good", ZOO_PLUGINS="good", **env)
    assert "note: ZOO_PLUGINS is set and decides alone which plugins are loaded." in run.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["disable", "zoo-brokn"], 2, 'No installed plugin is named "zoo-brokn". Did you mean zoo-broken?'),
        (["enable", "zoo-brokn"], 2, 'No installed plugin is named "zoo-brokn". Did you mean zoo-broken?'),
        (["disable", "core"], 2, "Plugin core is part of zoo-core itself and cannot be disabled."),
        (["disable"], 2, "Missing argument"),
        (["disabel", "broken"], 2, 'zoo plugins has no command "disabel".'),
    ],
)
def test_switch_that_makes_no_sense_is_refused(site: Path, arguments: list[str], code: int, text: str) -> None:
    run = zoo(site, "plugins", *arguments)
    assert run.returncode == code
    assert text in run.stderr
    assert not {"zoo_broken.plugin", "zoo_good.plugin"} & run.modules


def test_damaged_list_of_disabled_plugins_is_told_and_ignored(site: Path, tmp_path: Path) -> None:
    (tmp_path / "plugins.json").write_text("{")
    run = zoo(site, "list", "targets", "good", ZOO_CONFIG_DIR=str(tmp_path))
    assert run.returncode == 0
    assert "good_board" in run.stdout
    assert "warning: The list of disabled plugins is damaged" in run.stderr


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
