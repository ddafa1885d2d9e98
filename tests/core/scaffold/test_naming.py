"""Names of a plugin follow from one, and names that no plugin can have are refused in words."""

import importlib
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo_core.names import is_alias, is_name
from zoo_core.scaffold.naming import GRAMMAR, LONGEST, PluginName
from zoo_core.testing.isolation import write_plugin


def test_every_name_follows_from_the_plain_one() -> None:
    name = PluginName("my-net2")
    assert name.distribution == "zoo-my-net2"
    assert name.package == "zoo_my_net2"
    assert name.component == "my_net2"
    assert name.board == "MY-NET2"
    assert name.problems() == []


@settings(max_examples=25)
@given(st.from_regex(GRAMMAR, fullmatch=True))
def test_derived_names_are_legal(plain: str) -> None:
    name = PluginName(plain)
    assert name.package.isidentifier()
    assert is_name(name.component)
    assert is_alias(name.board)


@pytest.mark.parametrize(
    ("plain", "suggested"),
    [
        ("My Net", "my-net"),
        ("my_net", "my-net"),
        ("-net", "net"),
        ("net-", "net"),
        ("a--b", "a-b"),
        ("3d-net", "d-net"),
        ("nét", "n-t"),
        ("../net", "net"),
        ("", "my-net"),
        ("???", "my-net"),
    ],
)
def test_misspelt_names_are_refused_with_a_legal_one(plain: str, suggested: str) -> None:
    (problem,) = PluginName(plain).problems()
    assert "is no name of a plugin" in problem
    assert problem.endswith(f"such as {suggested}")
    assert PluginName(suggested).problems() == []


def test_several_reasons_are_given_at_once() -> None:
    problems = PluginName(f"zoo-{'a' * LONGEST}").problems()
    assert len(problems) == 2
    assert f"give {'a' * LONGEST}" in problems[0]
    assert f"at most {LONGEST}" in problems[1]


@pytest.mark.parametrize("plain", ["core", "detection", "stm32"])
def test_names_of_zoo_itself_are_taken(plain: str) -> None:
    assert PluginName(plain).problems() == [f"zoo-{plain} is a distribution of zoo itself"]


def test_installed_distributions_are_found_in_any_spelling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_plugin(tmp_path, "Zoo_Very.Own", "1.2", "own", "")
    monkeypatch.syspath_prepend(tmp_path)
    assert PluginName("very-own").problems() == ["the distribution zoo-very-own 1.2 is installed already"]


def test_package_of_another_distribution_is_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "zoo_in_the_way.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    assert PluginName("in-the-way").problems() == ["there is a Python package zoo_in_the_way already"]
    assert "zoo_in_the_way" not in sys.modules
