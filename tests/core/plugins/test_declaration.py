"""Check that each declared object is judged alone."""

import dataclasses
from types import MappingProxyType

import pytest

from zoo_core import DatasetSpec, LazyRef, ModelSpec, TargetSpec, TaskSpec, TrackerSpec, TrainerSpec
from zoo_core.plugins import declaration
from zoo_core.plugins.catalog import SPEC_TYPES
from zoo_core.plugins.declaration import spec_fault

REF = LazyRef("builders:build")
MODEL = {"name": "acme_net", "task": "sorting", "summary": "A model.", "build": REF, "config": REF}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"name": "Acme Net"}, 'model name "Acme Net" is not [a-z0-9_]'),
        ({"name": ""}, 'model name "" is not [a-z0-9_]'),
        ({"name": "a__b"}, "is not [a-z0-9_]"),
        ({"summary": " "}, "model acme_net: the summary must be one line that is not empty"),
        ({"summary": "two\nlines"}, "the summary must be one line"),
        ({"aliases": ("fine-1.0", "not fine")}, 'alias "not fine" is not'),
        ({"aliases": None}, "aliases must be tuple[str, ...], not None"),
        ({"aliases": "net"}, "aliases must be tuple[str, ...], not 'net'"),
        ({"name": 5}, "model 5: name must be str, not 5"),
        ({"build": print}, 'build must be LazyRef("package.module:attribute"), not builtin_function_or_method'),
        ({"config": None}, "config must be LazyRef"),
        ({"family": "timm"}, "family must be LazyRef"),
    ],
)
def test_faulty_model_is_described(changes, text):
    fault = spec_fault(ModelSpec(**{**MODEL, **changes}), "zoo_models", ModelSpec)
    assert fault is not None
    assert text in fault


@pytest.mark.parametrize("kind", SPEC_TYPES.values())
def test_every_field_of_a_spec_is_checked(kind):
    references = ("LazyRef[", "Mapping[str, LazyRef[")  # with a check of their own
    fields = {field.name: str(field.type) for field in dataclasses.fields(kind)}
    checked = set(declaration._TYPES)
    unchecked = {name: text for name, text in fields.items() if text not in checked and not text.startswith(references)}
    assert unchecked == {}


def test_fields_of_wrong_types_are_told_together():
    fault = str(spec_fault(ModelSpec(**{**MODEL, "task": None, "licence": 2}), "zoo_models", ModelSpec))
    assert fault == "model acme_net: task must be str, not None; model acme_net: licence must be str, not 2"


def test_field_whose_text_fails_is_described():
    class Evil:
        def __repr__(self):
            raise ValueError("no text")

    fault = str(spec_fault(ModelSpec(**{**MODEL, "task": Evil()}), "zoo_models", ModelSpec))
    assert fault == "zoo_models gave a ModelSpec with fields of wrong types (ValueError: no text)"


def test_all_faults_of_one_spec_are_told_together():
    fault = spec_fault(ModelSpec(**{**MODEL, "name": "A", "summary": ""}), "zoo_models", ModelSpec)
    assert str(fault).count(";") == 1


def test_spec_of_another_kind_is_refused():
    spec = DatasetSpec(name="parts", task="sorting", summary="x", build=REF, config=REF)
    assert spec_fault(spec, "zoo_models", ModelSpec) == "zoo_models gave DatasetSpec instead of ModelSpec"
    assert spec_fault({"name": "x"}, "zoo_models", ModelSpec) == "zoo_models gave dict instead of ModelSpec"
    assert spec_fault(ModelSpec, "zoo_models", ModelSpec) == "zoo_models gave type instead of ModelSpec"


@pytest.mark.parametrize(
    "spec",
    [
        ModelSpec(**MODEL),
        ModelSpec(**MODEL, family=REF, aliases=("STM32H747I-DISCO", "a.b")),
        TaskSpec(name="sorting", summary="x", build=REF, sections=MappingProxyType({"training": REF}), starter=REF),
        TrainerSpec(name="slow", summary="x", build=REF),
        TrainerSpec(name="slow", summary="x", build=REF, config=REF),
        TargetSpec(name="board", summary="x", build=REF, abilities=frozenset({"benchmark"}), sections={"tools": REF}),
        TrackerSpec(name="tracker", summary="x", build=REF),
    ],
)
def test_sound_specs_have_no_fault(spec):
    assert spec_fault(spec, "zoo_any", type(spec)) is None


def test_target_with_unknown_ability_or_section_is_described():
    spec = TargetSpec(name="board", summary="x", build=REF, abilities=frozenset({"fly"}), sections={"tools": str})
    fault = str(spec_fault(spec, "zoo_targets", TargetSpec))
    assert "unknown abilities ['fly'], expected ['benchmark', 'deploy', 'infer']" in fault
    assert "sections['tools'] must be LazyRef" in fault


HEAD = "from zoo_core import LazyRef, ModelSpec, hookimpl\n"


@pytest.mark.parametrize(
    ("body", "names", "text"),
    [
        ("def zoo_models():\n    return None", (), None),
        ("def zoo_models():\n    return [A, B]", ("a", "b"), None),
        ("def zoo_models():\n    return A", (), "must yield or list ModelSpec objects; it returned ModelSpec"),
        ("def zoo_models():\n    return 'a'", (), "it returned str"),
        ("def zoo_models():\n    return [A, 7, B]", ("a", "b"), "zoo-acme: zoo_models gave int instead of ModelSpec"),
        ("def zoo_models():\n    return [A, A2, B]", ("a", "b"), "zoo-acme: model a is declared twice"),
        ("def zoo_models(self=None):\n    yield A", ("a",), None),
        ("def zoo_models():\n    yield A\n    raise SystemExit", ("a",), "zoo_models failed (SystemExit) after 1 spec"),
    ],
)
def test_what_a_hook_returns(site, body, names, text):
    specs = "".join(
        f'{variable} = ModelSpec(name="{name}", task="t", summary="x", build=LazyRef("b:b"), config=LazyRef("b:b"))\n'
        for variable, name in (("A", "a"), ("A2", "a"), ("B", "b"))
    )
    tasks = '\n@hookimpl\ndef zoo_tasks():\n    yield TaskSpec(name="t", summary="x", build=LazyRef("b:b"))\n'
    site.add("zoo-acme", HEAD.replace("hookimpl", "TaskSpec, hookimpl") + specs + "@hookimpl\n" + body + tasks)
    catalog = site.catalog()
    assert catalog.models.names() == names
    assert catalog.tasks.names() == ("t",), "a fault of one hook must not reach another"
    if text is None:
        assert catalog.problems == ()
    else:
        assert len(catalog.problems) == 1
        assert text in catalog.problems[0]


def test_hook_may_be_named_by_the_marker(site):
    body = '@hookimpl(specname="zoo_models")\ndef our_models():\n    yield A\n'
    spec = 'A = ModelSpec(name="a", task="t", summary="x", build=LazyRef("b:b"), config=LazyRef("b:b"))\n'
    site.add("zoo-acme", HEAD + spec + body)
    catalog = site.catalog()
    assert catalog.models.names() == ("a",)
    assert catalog.plugin("zoo-acme").hooks == ("zoo_models",)
