"""Own the calls of life-cycle hooks: every plugin is called, and one that fails does not disturb the run."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pluggy

from zoo_core.hookspecs import PROJECT
from zoo_core.plugins.guard import describe_error

if TYPE_CHECKING:
    from pathlib import Path

    from zoo_core.protocols import Stage
    from zoo_core.results import Result

_LOG = logging.getLogger(PROJECT)


@dataclass(frozen=True, slots=True)
class LifeCycleRelay:
    """Call the life-cycle hooks of every plugin; an exception is logged under the plugin's name.

    An interruption by the user is not held back.
    """

    manager: pluggy.PluginManager | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    """Plugin name -> distribution and version, for the log."""

    def zoo_before_stage(self, *, stage: Stage, run_dir: Path, config: Any) -> None:
        """Tell plugins that a stage starts."""
        self._call("zoo_before_stage", {"stage": stage, "run_dir": run_dir, "config": config})

    def zoo_after_stage(self, *, stage: Stage, result: Result, run_dir: Path, config: Any) -> None:
        """Tell plugins that a stage succeeded."""
        self._call("zoo_after_stage", {"stage": stage, "result": result, "run_dir": run_dir, "config": config})

    def zoo_on_stage_error(self, *, stage: Stage, error: BaseException, run_dir: Path, config: Any) -> None:
        """Tell plugins that a stage failed or was interrupted."""
        self._call("zoo_on_stage_error", {"stage": stage, "error": error, "run_dir": run_dir, "config": config})

    def _call(self, hook: str, values: Mapping[str, Any]) -> None:
        if self.manager is None:
            return
        # pluggy keeps implementations in reverse order of call, and its own loop ends at the first exception.
        for implementation in reversed(getattr(self.manager.hook, hook).get_hookimpls()):
            try:
                implementation.function(*[values[name] for name in implementation.argnames])
            except Exception as error:  # noqa: BLE001 - the code of a plugin may raise anything
                who = self.labels.get(implementation.plugin_name, implementation.plugin_name)
                _LOG.warning("%s failed in %s: %s", who, hook, describe_error(error))
                _LOG.debug("Traceback of %s in %s", who, hook, exc_info=error)
