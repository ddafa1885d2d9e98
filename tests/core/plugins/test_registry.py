"""Check lookup by name, alias, qualified name and family."""

import sys
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_core import LazyRef, ModelSpec, QuantizerSpec, TargetSpec, TaskSpec, TrainerSpec, UserError
from zoo_core.plugins import Registry, Resolved

REF = LazyRef("builders:build")


def model(name, *aliases, task="sorting", family=None):
    return ModelSpec(name=name, task=task, summary="A model.", aliases=aliases, build=REF, config=REF, family=family)


def registry(*pairs, kind="model", notes=()):
    entries = [
        Resolved(spec=spec, distribution=dist, version="1.0", name=spec.name) for dist, specs in pairs for spec in specs
    ]
    return Registry(kind, entries, notes=notes)


@pytest.fixture
def family():
    """Return a module whose `names` counts how often a library is asked."""
    module = types.ModuleType("a_library_of_models")
    module.calls = 0

    def names():
        module.calls += 1
        return ["resnet50", "ViT_Tiny.augreg"]

    module.names = names
    sys.modules["a_library_of_models"] = module
    yield module
    del sys.modules["a_library_of_models"]


NAMES = st.from_regex(r"[a-z0-9]{1,6}(_[a-z0-9]{1,6}){0,2}", fullmatch=True)


@given(names=st.lists(NAMES, min_size=1, max_size=8, unique=True), data=st.data())
def test_every_name_and_alias_is_found_in_any_casing(names, data):
    aliases = {name: f"{name}.X-{index}" for index, name in enumerate(names)}
    found = registry(("zoo-acme", [model(name, aliases[name]) for name in names]))
    name = data.draw(st.sampled_from(names))
    for label in (name, name.upper(), aliases[name], aliases[name].lower(), f"zoo-acme/{name}", f"Zoo_Acme/{name}"):
        assert found.get(label).name == name
        assert label in found
    assert found.names() == tuple(sorted(names))
    assert len(found) == len(names) == len(found.find())


def test_resolved_tells_origin_and_the_name_that_was_asked():
    found = registry(("zoo-acme", [model("acme_net", "AcmeNet-V1")]))
    resolved = found.resolve("zoo-acme/acmenet-v1")
    assert (resolved.distribution, resolved.version, resolved.name) == ("zoo-acme", "1.0", "acmenet-v1")
    assert resolved.spec.name == "acme_net"
    assert resolved.qualified == "zoo-acme/acme_net"
    assert resolved.provider == "zoo-acme 1.0"


def test_own_name_of_one_component_outranks_the_alias_of_another():
    found = registry(("zoo-acme", [model("host")]), ("zoo-other", [model("guest", "host")]))
    assert found.get("host").name == "host"
    assert found.get("zoo-other/host").name == "guest"
    assert found.clashes() == ()


def test_alias_claimed_by_two_distributions_clashes():
    found = registry(("zoo-acme", [model("one", "Board-X")]), ("zoo-other", [model("two", "board-x")]))
    with pytest.raises(UserError, match=r'Model "board-x" is provided by zoo-acme 1\.0 and zoo-other 1\.0'):
        found.get("board-x")
    assert len(found.clashes()) == 1
    assert "\n" not in found.clashes()[0]


def test_alias_claimed_twice_by_one_distribution_says_between_which_names_to_choose():
    found = registry(("zoo-acme", [model("one", "x"), model("two", "x")]))
    with pytest.raises(UserError, match=r"of zoo-acme 1\.0 stands for one and two"):
        found.get("x")


def test_unknown_qualified_name_suggests_qualified_names():
    found = registry(("zoo-acme", [model("acme_net")]), ("zoo-other", [model("acme_net")]))
    with pytest.raises(UserError) as caught:
        found.get("zoo-acme/acme_nett")
    assert "zoo-acme/acme_net" in caught.value.message


def test_unknown_name_far_from_all_others_suggests_nothing():
    with pytest.raises(UserError) as caught:
        registry(("zoo-acme", [model("acme_net")])).get("qqqqqq")
    assert caught.value.message == 'Unknown model "qqqqqq".'


@pytest.mark.parametrize("name", ["", "/", "zoo-acme/", "/acme_net", "a/b/c", "*", " acme_net"])
def test_odd_text_is_unknown_and_not_an_internal_error(name):
    with pytest.raises(UserError, match="Unknown model"):
        registry(("zoo-acme", [model("acme_net")])).get(name)


def test_unknown_name_in_an_empty_registry_repeats_the_notes():
    with pytest.raises(UserError) as caught:
        registry(kind="task", notes=("Plugin zoo-acme 1.0 could not be loaded.",)).get("sorting")
    assert caught.value.hint == "See: zoo list tasks\nPlugin zoo-acme 1.0 could not be loaded."


def test_member_of_a_family_resolves_under_its_own_name(family):
    found = registry(("zoo-acme", [model("library", family=LazyRef("a_library_of_models:names")), model("acme_net")]))
    assert found.get("acme_net").name == "acme_net"
    assert family.calls == 0, "a known name must not import the library"
    resolved = found.resolve("vit_tiny.augreg")
    assert (resolved.spec.name, resolved.name) == ("library", "ViT_Tiny.augreg")
    assert found.resolve("zoo-acme/resnet50").name == "resnet50"
    assert family.calls == 1, "the list is kept"
    with pytest.raises(UserError, match=r"Did you mean .*resnet50"):
        found.get("resnet5O")


def test_find_lists_families_only_on_request(family):
    found = registry(("zoo-acme", [model("library", family=LazyRef("a_library_of_models:names")), model("resnet8")]))
    assert [entry.name for entry in found.find("RES*")] == ["resnet8"]
    assert [entry.name for entry in found.find("RES*", families=True)] == ["resnet50", "resnet8"]
    assert found.find("res*", task="other", families=True) == ()


def test_family_of_a_missing_library_is_mentioned_when_a_name_is_unknown():
    missing = LazyRef("a_library_that_is_absent.models:names", extra="zoo-acme[library]")
    found = registry(("zoo-acme", [model("library", family=missing), model("acme_net")]))
    assert found.get("acme_net").name == "acme_net"
    with pytest.raises(UserError) as caught:
        found.get("resnet50")
    assert "The models of zoo-acme/library could not be listed." in str(caught.value)


def test_family_that_fails_is_mentioned_with_its_plugin(family):
    family.names = lambda: 1 / 0
    found = registry(("zoo-acme", [model("library", family=LazyRef("a_library_of_models:names"))]))
    with pytest.raises(UserError, match=r"zoo-acme 1\.0 failed in list of the family library: ZeroDivisionError"):
        found.get("resnet50")


def test_find_matches_names_and_aliases_and_filters_by_use_case():
    found = registry(("zoo-acme", [model("yolo_a"), model("yolo_b", task="counting"), model("other", "YOLO-c")]))
    assert [entry.name for entry in found.find("yolo*")] == ["other", "yolo_a", "yolo_b"]
    assert [entry.name for entry in found.find("yolo*", task="counting")] == ["yolo_b"]
    assert [entry.name for entry in found.find(task="sorting")] == ["other", "yolo_a"]
    assert found.find("nothing*") == ()


def test_use_case_filter_knows_how_each_kind_is_limited():
    trainers = [
        TrainerSpec(name="all_of_them", summary="x", build=REF),
        TrainerSpec(name="only_sorting", summary="x", build=REF, tasks=frozenset({"sorting"})),
    ]
    found = registry(("zoo-acme", trainers), kind="trainer")
    assert [entry.name for entry in found.find(task="counting")] == ["all_of_them"]
    tasks = [
        TaskSpec(name="sorting", summary="x", aliases=("sort",), build=REF),
        TaskSpec(name="b", summary="x", build=REF),
    ]
    assert [entry.name for entry in registry(("zoo-acme", tasks), kind="task").find(task="sort")] == ["sorting"]
    targets = [TargetSpec(name="board", summary="x", build=REF, abilities=frozenset())]
    assert len(registry(("zoo-acme", targets), kind="target").find(task="sorting")) == 1
    quantizers = [QuantizerSpec(name="q", summary="x", build=REF, config=REF)]
    assert len(registry(("zoo-acme", quantizers), kind="quantizer").find(task="sorting")) == 1


def test_a_name_in_two_use_cases_is_no_clash_but_must_be_told_apart_on_use():
    one, two = model("shared", task="one"), model("shared", task="two")
    found = registry(("zoo-one", [one]), ("zoo-two", [two]))
    assert found.clashes() == ()
    assert {entry.spec.task for entry in found.owners("Shared")} == {"one", "two"}
    assert [entry.spec.task for entry in found.owners("zoo-two/shared")] == ["two"]
    with pytest.raises(UserError, match="zoo-one/shared or zoo-two/shared"):
        found.resolve("shared")
