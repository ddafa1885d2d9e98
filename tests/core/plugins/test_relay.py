"""Check that life-cycle hooks reach every plugin whatever one of them does."""

import logging
from pathlib import Path

import pytest

from zoo_core import Stage, hookimpl
from zoo_core.hookspecs import LIFE_CYCLE_HOOKS
from zoo_core.plugins import Catalog
from zoo_core.plugins.hook_check import make_manager
from zoo_core.plugins.relay import LifeCycleRelay


class Listener:
    def __init__(self, heard, name, error=None):
        self.heard, self.name, self.error = heard, name, error

    @hookimpl
    def zoo_before_stage(self, stage, config):
        self.heard.append((self.name, stage.id, config))
        if self.error is not None:
            raise self.error


class First(Listener):
    @hookimpl(tryfirst=True)
    def zoo_before_stage(self, run_dir):
        self.heard.append((self.name, run_dir.name, None))


def relay_of(*listeners):
    manager = make_manager()
    for listener in listeners:
        manager.register(listener, name=listener.name)
    return LifeCycleRelay(manager=manager, labels={"bad": "zoo-bad 0.3"})


FACTS = {"stage": Stage(1, "training"), "run_dir": Path("runs/now"), "config": "c"}


def test_each_plugin_gets_the_arguments_it_names_in_pluggys_order():
    heard = []
    relay_of(Listener(heard, "a"), First(heard, "b"), Listener(heard, "c")).zoo_before_stage(**FACTS)
    assert heard == [("b", "now", None), ("c", "1_training", "c"), ("a", "1_training", "c")]


def test_plugin_that_fails_is_logged_under_its_name_and_the_others_are_called(caplog):
    heard = []
    listeners = [Listener(heard, "a"), Listener(heard, "bad", ValueError("no room")), Listener(heard, "c")]
    with caplog.at_level(logging.WARNING, logger="zoo"):
        relay_of(*listeners).zoo_before_stage(**FACTS)
    assert [name for name, *_ in heard] == ["c", "bad", "a"]
    assert caplog.messages == ["zoo-bad 0.3 failed in zoo_before_stage: ValueError: no room"]


def test_interruption_is_not_held_back():
    with pytest.raises(KeyboardInterrupt):
        relay_of(Listener([], "a", KeyboardInterrupt())).zoo_before_stage(**FACTS)


def test_relay_passes_exactly_what_the_hooks_specify():
    heard = {}

    class Everything:
        @hookimpl
        def zoo_before_stage(self, stage, run_dir, config):
            heard["zoo_before_stage"] = (stage, run_dir, config)

        @hookimpl
        def zoo_after_stage(self, stage, result, run_dir, config):
            heard["zoo_after_stage"] = (stage, result, run_dir, config)

        @hookimpl
        def zoo_on_stage_error(self, stage, error, run_dir, config):
            heard["zoo_on_stage_error"] = (stage, error, run_dir, config)

    manager = make_manager()
    manager.register(Everything())
    relay = LifeCycleRelay(manager=manager)
    relay.zoo_before_stage(stage=1, run_dir=2, config=3)
    relay.zoo_after_stage(stage=1, result="r", run_dir=2, config=3)
    relay.zoo_on_stage_error(stage=1, error="e", run_dir=2, config=3)
    assert heard == {
        "zoo_before_stage": (1, 2, 3),
        "zoo_after_stage": (1, "r", 2, 3),
        "zoo_on_stage_error": (1, "e", 2, 3),
    }
    assert set(heard) == set(LIFE_CYCLE_HOOKS)


def test_catalogue_without_plugins_has_a_relay_that_does_nothing():
    Catalog.of().relay.zoo_before_stage(**FACTS)


def test_hooks_of_loaded_plugins_are_reached_through_the_catalogue(site, tmp_path):
    source = """
        from zoo_core import hookimpl

        @hookimpl
        def zoo_before_stage(stage, run_dir):
            (run_dir / "heard.txt").write_text(stage.id)
    """
    site.add("zoo-acme", source)
    site.add("zoo-bad", source.replace("stage.id", "1 / 0"))
    site.catalog().relay.zoo_before_stage(stage=Stage(2, "evaluation"), run_dir=tmp_path, config=None)
    assert (tmp_path / "heard.txt").read_text() == "2_evaluation"
