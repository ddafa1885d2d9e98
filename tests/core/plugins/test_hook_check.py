"""Check the judgement of hooks before any is called."""

import types

import pytest

from zoo_core.hookspecs import DECLARING_HOOKS, LIFE_CYCLE_HOOKS, ZooSpecs, hookimpl
from zoo_core.plugins import KINDS
from zoo_core.plugins.hook_check import HOOKS, hook_faults, make_manager


def plugin(**functions):
    module = types.ModuleType("zoo_acme")
    for name, function in functions.items():
        setattr(module, name, function)
    return module


def give_nothing():
    return []


def test_hooks_are_those_of_the_specification():
    declared = {name for name in vars(ZooSpecs) if name.startswith("zoo_")}
    assert set(HOOKS) == declared
    assert tuple(f"zoo_{kind}" for kind in KINDS) == DECLARING_HOOKS


@pytest.mark.parametrize("hook", LIFE_CYCLE_HOOKS)
def test_any_part_of_the_arguments_may_be_taken(hook):
    known = getattr(make_manager().hook, hook).spec.argnames
    assert "run_dir" in known
    assert hook_faults(plugin(**{hook: hookimpl(lambda: None)}), "zoo-acme") == ()
    assert hook_faults(plugin(**{hook: hookimpl(lambda stage, run_dir: None)}), "zoo-acme") == ()
    assert hook_faults(plugin(**{hook: hookimpl(lambda stage, more=1: None)}), "zoo-acme") == ()


def test_every_fault_is_told():
    faults = hook_faults(
        plugin(
            zoo_modles=hookimpl(give_nothing),
            zoo_tasks=hookimpl(lambda kind: []),
            zoo_targets=lambda: [1],
            zoo_model_list=lambda: [2],
        ),
        "zoo-acme",
    )
    assert len(faults) == 3
    assert all(fault.startswith("Plugin zoo-acme defines zoo_") for fault in faults)
    assert any("zoo_targets without @hookimpl" in fault for fault in faults)


def test_required_keyword_is_refused_since_the_call_would_fail():
    def zoo_models(*, size):
        return [size]

    assert "unknown argument size" in hook_faults(plugin(zoo_models=hookimpl(zoo_models)), "zoo-acme")[0]


def test_wrapper_is_refused_since_it_could_hide_other_plugins():
    def zoo_models():
        yield
        return []

    for marker in (hookimpl(wrapper=True), hookimpl(hookwrapper=True)):
        faults = hook_faults(plugin(zoo_models=marker(zoo_models)), "zoo-acme")
        assert "as a wrapper" in faults[0]


def test_marker_of_another_project_is_no_business_of_ours():
    import pluggy

    other = pluggy.HookimplMarker("pytest")
    assert hook_faults(plugin(pytest_nothing=other(lambda: None)), "zoo-acme") == ()


def test_object_with_methods_is_a_plugin():
    class Plugin:
        @hookimpl
        def zoo_after_stage(self, stage, result):
            """Follow."""

    assert hook_faults(Plugin(), "zoo-acme") == ()
