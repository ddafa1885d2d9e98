"""Check the user's file of disabled plugins: where it lies, what it may hold, how it is written."""

import json
import os
from pathlib import Path

import pytest

from zoo_core import UserError
from zoo_core.plugins import PluginSelection, get_catalog
from zoo_core.plugins.switch import disable_plugin, enable_plugin
from zoo_core.plugins.user_file import find_user_file, read_disabled, write_disabled


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.delenv("ZOO_PLUGINS", raising=False)
    return tmp_path / "config" / "plugins.json"


@pytest.fixture
def two(site, model_plugin, file):
    site.add("zoo-acme", model_plugin("acme_net"), entry="acme")
    site.add("zoo-other.parts", model_plugin("other_net", task="counting"), entry="other")
    return site


def stored(file: Path) -> list[str]:
    return json.loads(file.read_text())["disabled"]


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({"ZOO_CONFIG_DIR": "/a/b", "XDG_CONFIG_HOME": "/c"}, "/a/b/plugins.json"),
        ({"XDG_CONFIG_HOME": "/c"}, "/c/zoo/plugins.json"),
        ({"XDG_CONFIG_HOME": "relative"}, "/h/.config/zoo/plugins.json"),  # the standard says: to be ignored
        ({"ZOO_CONFIG_DIR": ""}, "/h/.config/zoo/plugins.json"),
        ({}, "/h/.config/zoo/plugins.json"),
    ],
)
def test_file_lies_where_users_keep_configuration(environ, path, monkeypatch):
    monkeypatch.setenv("HOME", "/h")
    assert find_user_file(environ) == Path(path)


def test_user_without_home_has_no_file(monkeypatch):
    def no_home():
        raise RuntimeError

    monkeypatch.setattr(Path, "home", no_home)
    assert find_user_file({}) is None
    assert PluginSelection().with_user_file({}) == PluginSelection()
    monkeypatch.setattr("zoo_core.plugins.switch.find_user_file", lambda: None)
    with pytest.raises(UserError, match="ZOO_CONFIG_DIR"):
        disable_plugin("acme")


def test_what_is_written_is_read_back_sorted_and_once(tmp_path):
    path = tmp_path / "deep" / "plugins.json"
    assert read_disabled(path) == ()
    write_disabled(path, ["b", "a", "b"])
    assert read_disabled(path) == ("a", "b")
    assert [item.name for item in path.parent.iterdir()] == ["plugins.json"], "nothing temporary is left"


def test_link_to_a_file_stays_a_link(tmp_path):
    real, link = tmp_path / "real.json", tmp_path / "plugins.json"
    write_disabled(real, ["a"])
    link.symlink_to(real)
    write_disabled(link, ["b"])
    assert link.is_symlink()
    assert read_disabled(real) == ("b",)


def test_failed_writing_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "plugins.json"
    write_disabled(path, ["a"])

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError) as caught:
        write_disabled(path, ["b"])
    assert "the disk is full" in caught.value.message
    assert "ZOO_CONFIG_DIR" in str(caught.value.hint)
    assert read_disabled(path) == ("a",)


DAMAGED = [
    ("", "it is no JSON"),
    ("{", "it is no JSON"),
    ("\x00\x01", "it is no JSON"),
    ("[" * 100_000, "it is no JSON"),
    ("[]", "its schema_version is None, not 1"),
    ('{"disabled": []}', "its schema_version is None, not 1"),
    ('{"schema_version": 2, "disabled": []}', "its schema_version is 2, not 1"),
    ('{"schema_version": 1}', "disabled is no list of names"),
    ('{"schema_version": 1, "disabled": "acme"}', "disabled is no list of names"),
    ('{"schema_version": 1, "disabled": ["acme", 5]}', "disabled is no list of names"),
    ('{"schema_version": 1, "disabled": [""]}', "disabled is no list of names"),
]


@pytest.mark.parametrize(("text", "reason"), DAMAGED)
def test_damaged_file_is_told_and_disables_nothing(two, file, text, reason):
    file.parent.mkdir()
    file.write_text(text)
    selection = PluginSelection().with_user_file()
    assert selection.remembered == ()
    (problem,) = selection.problems
    expected = f"The list of disabled plugins is damaged: {reason}. No plugin is disabled by it. Mend it or delete it: "
    assert problem == f"{expected}{file}"
    assert problem in get_catalog().problems
    with pytest.raises(UserError, match="Mend it or delete it"):
        disable_plugin("acme")
    assert file.read_text() == text, "what a person may still want to mend is not overwritten"


def test_file_that_cannot_be_read_is_told(two, file):
    file.mkdir(parents=True)
    (problem,) = PluginSelection().with_user_file().problems
    assert problem.startswith("The list of disabled plugins cannot be read (Is a directory).")


@pytest.mark.parametrize("name", ["acme", "zoo-acme", "Zoo_Acme", "ACME"])
def test_disabled_plugin_is_not_loaded_until_it_is_enabled(two, file, name):
    switched = disable_plugin(name)
    assert (switched.plugins, switched.changed, switched.file) == (("acme",), True, file)
    assert stored(file) == [name.lower().replace("_", "-")]
    report = get_catalog().plugin("acme")
    assert report.status == "disabled"
    assert report.cause == f"disabled in {file}; to load it again: zoo plugins enable acme"
    assert "acme_net" not in get_catalog().models
    assert "other_net" in get_catalog().models
    assert disable_plugin("zoo-acme").changed is False
    assert enable_plugin("zoo-acme").changed is True
    assert stored(file) == []
    assert "acme_net" in get_catalog().models
    assert enable_plugin("zoo-acme").changed is False


def test_message_of_an_unknown_name_mentions_the_disabled_plugin(two, file):
    disable_plugin("acme")
    with pytest.raises(UserError, match=r"Installed but not loaded on your request: zoo-acme \(zoo plugins says why\)"):
        get_catalog().trainers.get("acme_trainer")


def test_allow_lists_outrank_the_file(two, file, monkeypatch):
    disable_plugin("acme")
    assert "acme_net" in get_catalog(PluginSelection(only=("acme",))).models
    monkeypatch.setenv("ZOO_PLUGINS", "zoo-acme")
    assert get_catalog().models.names() == ("acme_net",)


def test_builtin_plugin_cannot_be_disabled(two, file):
    for name in ("core", "zoo-core", "zoo_core"):
        with pytest.raises(UserError, match="part of zoo-core itself and cannot be disabled"):
            disable_plugin(name)
    write_disabled(file, ["zoo-core"])
    assert get_catalog().plugin("core").status == "ok", "not by hand either"


@pytest.mark.parametrize("switch", [disable_plugin, enable_plugin])
def test_unknown_name_is_refused_with_the_nearest(two, file, switch):
    with pytest.raises(UserError) as caught:
        switch("zoo-acmee")
    assert caught.value.message == 'No installed plugin is named "zoo-acmee". Did you mean zoo-acme?'
    assert not file.exists()


def test_name_of_a_plugin_that_is_gone_troubles_nobody_and_can_be_taken_out(two, file):
    write_disabled(file, ["zoo-gone"])
    assert get_catalog().problems == ()
    switched = enable_plugin("Zoo.Gone")
    assert (switched.plugins, switched.changed) == (("Zoo.Gone",), True)
    assert stored(file) == []


def test_plugins_of_one_distribution_can_be_switched_alone(two, file, model_plugin):
    module = two.add("zoo-pair", model_plugin("left_net"), second=model_plugin("right_net", task="t2"))
    entry_points = two.folder / "zoo_pair-0.3.dist-info" / "entry_points.txt"
    entry_points.write_text(f"[zoo]\nleft = {module}\nright = zoo_pair.second\n")
    assert disable_plugin("zoo-pair").plugins == ("left", "right")
    enable_plugin("left")
    assert stored(file) == ["right"], "the other one stays disabled"
    names = get_catalog().models.names()
    assert "left_net" in names
    assert "right_net" not in names
    assert disable_plugin("zoo-pair").changed is True
    enable_plugin("zoo-pair")
    assert stored(file) == []
