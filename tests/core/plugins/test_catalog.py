"""Check the catalogue as a whole: kinds, reports, problems, immutability."""

import dataclasses
import json

import pytest

from zoo_core import DatasetSpec, LazyRef, ModelSpec, PluginError, TaskSpec, UserError
from zoo_core.plugins import KINDS, Catalog, PluginReport

REF = LazyRef("builders:build")
TASK = TaskSpec(name="sorting", summary="x", build=REF)
MODEL = ModelSpec(name="acme_net", task="sorting", summary="x", build=REF, config=REF)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_registry_under_plural_and_singular(kind):
    catalog = Catalog.of()
    assert catalog.registry(kind) is getattr(catalog, kind)
    assert catalog.registry(kind[:-1]) is getattr(catalog, kind)
    assert f"{catalog.registry(kind).kind}s" == kind


def test_unknown_kind_lists_the_kinds():
    with pytest.raises(UserError) as caught:
        Catalog.of().registry("modles")
    assert "Did you mean models?" in caught.value.message
    assert all(kind in str(caught.value.hint) for kind in KINDS)


def test_catalogue_of_specs_sorts_them_by_kind():
    catalog = Catalog.of(MODEL, TASK, distribution="zoo-fake", version="9")
    assert catalog.models.resolve("acme_net").provider == "zoo-fake 9"
    assert catalog.tasks.names() == ("sorting",)
    assert catalog.problems == ()


def test_component_of_a_use_case_nobody_declares_is_told_and_kept():
    data = DatasetSpec(name="parts", task="sortingg", summary="x", build=REF, config=REF)
    catalog = Catalog.of(TASK, data)
    (problem,) = catalog.problems
    assert problem == (
        'zoo-local 0: dataset parts belongs to use case "sortingg", which no loaded plugin declares. '
        "Did you mean sorting?"
    )
    assert catalog.datasets.get("parts") is data


def test_catalogue_cannot_be_changed():
    catalog = Catalog.of(MODEL)
    with pytest.raises(dataclasses.FrozenInstanceError):
        catalog.models = catalog.models
    assert not hasattr(catalog.models, "__dict__")
    assert isinstance(catalog.models.entries(), tuple)


def test_strictness_lists_every_problem(site):
    site.add("zoo-acme", "import acme_ops\n")
    site.add("zoo-other", "zoo_api = 7\n")
    catalog = site.catalog()
    with pytest.raises(PluginError) as caught:
        catalog.require_sound()
    assert caught.value.exit_code == 1
    assert "2 problems with the installed plugins" in caught.value.message
    assert "acme_ops" in caught.value.message
    assert "plugin API 7" in caught.value.message
    Catalog.of(TASK).require_sound()


def test_report_is_found_by_either_name_and_unknown_ones_are_refused(site):
    site.add("zoo-acme", "", entry="parts")
    catalog = site.catalog()
    assert catalog.plugin("parts") is catalog.plugin("zoo_acme")
    with pytest.raises(UserError, match=r"Did you mean zoo-acme\?"):
        catalog.plugin("zoo-acmee")


def test_distribution_with_several_plugins_stands_for_its_broken_one(site):
    site.add("zoo-acme", "", second="1 / 0\n")
    info = site.folder / "zoo_acme-0.3.dist-info" / "entry_points.txt"
    info.write_text("[zoo]\na = zoo_acme.plugin\nb = zoo_acme.second\n")
    assert site.catalog().plugin("zoo-acme").name == "b"
    assert site.catalog().plugin("a").status == "ok"


def test_report_is_json_able_with_stable_keys(site, model_plugin):
    site.add("zoo-acme", model_plugin("b_net", "a_net"))
    report = site.catalog().plugin("zoo-acme")
    data = json.loads(json.dumps(report.to_dict()))
    assert list(data) == [field.name for field in dataclasses.fields(PluginReport)]
    assert data["provides"] == {"models": ["b_net", "a_net"], "tasks": ["sorting"]}
    assert data["hooks"] == ["zoo_tasks", "zoo_models"]
    assert data["import_seconds"] > 0
    assert report.label == "zoo-acme 0.3"
