"""Own the check of a plugin's hooks before any is called: names, arguments, markers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pluggy

from zoo_core.hookspecs import DECLARING_HOOKS, LIFE_CYCLE_HOOKS, PROJECT, ZooSpecs
from zoo_core.names import did_you_mean

HOOKS = (*DECLARING_HOOKS, *LIFE_CYCLE_HOOKS)


def make_manager() -> pluggy.PluginManager:
    """Return a pluggy manager that knows the hooks and no plugin."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(ZooSpecs)
    return manager


@cache
def _probe() -> pluggy.PluginManager:
    """Return the manager that plugins are tried in; it is empty again after each trial."""
    return make_manager()


def hook_faults(plugin: object, distribution: str) -> tuple[str, ...]:
    """Return one sentence per hook of a plugin that could never work as its author meant it.

    Args:
        plugin: Module or object that the entry point named.
        distribution: Named at the beginning of each sentence.
    """
    faults = tuple(f"Plugin {distribution} {fault}" for fault in _faults(plugin))
    return faults or tuple(f"Plugin {distribution} {fault}" for fault in _pluggy_faults(plugin))


def _faults(plugin: object) -> Iterator[str]:
    manager = _probe()
    for attribute in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, attribute)
        if options is None:
            if attribute in HOOKS and inspect.isroutine(getattr(plugin, attribute)):
                yield f"defines {attribute} without @hookimpl, so it is never called. See zoo_core.hookimpl"
            continue
        hook = options.get("specname") or attribute
        if hook not in HOOKS:
            guess = did_you_mean(hook, HOOKS)
            yield f"defines {hook}, which is not a zoo hook.{f' {guess}' if guess else ''}"
        elif options.get("wrapper") or options.get("hookwrapper"):
            yield f"defines {hook} as a wrapper; zoo hooks take none, since a plugin must not disturb another."
        else:
            yield from _argument_faults(hook, getattr(plugin, attribute), _arguments(manager, hook))


def _arguments(manager: pluggy.PluginManager, hook: str) -> tuple[str, ...]:
    spec = getattr(manager.hook, hook).spec
    return tuple(spec.argnames)


def _argument_faults(hook: str, function: Callable[..., Any], known: tuple[str, ...]) -> Iterator[str]:
    required = [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}
    ]
    if unknown := [name for name in required if name not in known]:
        plural = "s" if len(unknown) > 1 else ""
        passed = ", ".join(known) if known else "no arguments"
        yield f"defines {hook} with unknown argument{plural} {', '.join(unknown)}. The hook passes {passed}."


def _pluggy_faults(plugin: object) -> Iterator[str]:
    """Let pluggy itself register the plugin, as a net for what else there is."""
    manager = _probe()
    try:
        manager.register(plugin)
        manager.check_pending()
    except (pluggy.PluginValidationError, ValueError) as error:
        yield f"is refused by pluggy: {' '.join(str(error).split())}"
    finally:
        if manager.is_registered(plugin):
            manager.unregister(plugin)
