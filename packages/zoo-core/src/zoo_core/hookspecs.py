"""Own the hooks a plugin may implement: seven that declare components, three that follow a run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from pathlib import Path

    from zoo_core.protocols import Stage
    from zoo_core.results import Result
    from zoo_core.specs import (
        DatasetSpec,
        ModelSpec,
        QuantizerSpec,
        TargetSpec,
        TaskSpec,
        TrackerSpec,
        TrainerSpec,
    )

PROJECT = "zoo"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class ZooSpecs:
    """List every hook; each docstring says when it is called and holds one complete example."""

    @hookspec
    def zoo_tasks(self) -> Iterable[TaskSpec]:  # type: ignore[empty-body]
        """Declare use cases. Called once, when the catalogue is built.

        Example:
            ```python
            from zoo_core import LazyRef, TaskSpec, hookimpl


            @hookimpl
            def zoo_tasks():
                yield TaskSpec(name="counting", summary="Count objects.", build=LazyRef("zoo_counting.task:build"))
            ```
        """

    @hookspec
    def zoo_models(self) -> Iterable[ModelSpec]:  # type: ignore[empty-body]
        """Declare models. Called once, when the catalogue is built.

        Example:
            ```python
            from zoo_core import LazyRef, ModelSpec, hookimpl


            @hookimpl
            def zoo_models():
                yield ModelSpec(
                    name="acme_net",
                    task="classification",
                    summary="Small network for 256 KB boards.",
                    build=LazyRef("zoo_acme.model:build"),
                    config=LazyRef("zoo_acme.config:AcmeNetSection"),
                )
            ```
        """

    @hookspec
    def zoo_datasets(self) -> Iterable[DatasetSpec]:  # type: ignore[empty-body]
        """Declare data sets. Called once, when the catalogue is built.

        Example:
            ```python
            from zoo_core import DatasetSpec, LazyRef, hookimpl


            @hookimpl
            def zoo_datasets():
                yield DatasetSpec(
                    name="acme_parts",
                    task="classification",
                    summary="Parts on a conveyor belt.",
                    build=LazyRef("zoo_acme.data:build"),
                    config=LazyRef("zoo_acme.config:AcmePartsSection"),
                )
            ```
        """

    @hookspec
    def zoo_trainers(self) -> Iterable[TrainerSpec]:  # type: ignore[empty-body]
        """Declare trainers. Called once, when the catalogue is built.

        Example:
            ```python
            from zoo_core import LazyRef, TrainerSpec, hookimpl


            @hookimpl
            def zoo_trainers():
                yield TrainerSpec(name="acme_trainer", summary="Distil.", build=LazyRef("zoo_acme.trainer:build"))
            ```
        """

    @hookspec
    def zoo_quantizers(self) -> Iterable[QuantizerSpec]:  # type: ignore[empty-body]
        """Declare quantizers. Called once, when the catalogue is built.

        Example:
            ```python
            from zoo_core import LazyRef, QuantizerSpec, hookimpl


            @hookimpl
            def zoo_quantizers():
                yield QuantizerSpec(
                    name="acme_quantizer",
                    summary="Four-bit weights.",
                    build=LazyRef("zoo_acme.quantizer:build"),
                    config=LazyRef("zoo_acme.config:AcmeQuantizationSection"),
                )
            ```
        """

    @hookspec
    def zoo_targets(self) -> Iterable[TargetSpec]:  # type: ignore[empty-body]
        """Declare targets. Called once, when the catalogue is built.

        Example:
            ```python
            from zoo_core import LazyRef, TargetSpec, hookimpl


            @hookimpl
            def zoo_targets():
                yield TargetSpec(
                    name="acme_board",
                    summary="Acme evaluation board.",
                    build=LazyRef("zoo_acme.target:build"),
                    abilities=frozenset({"benchmark"}),
                )
            ```
        """

    @hookspec
    def zoo_trackers(self) -> Iterable[TrackerSpec]:  # type: ignore[empty-body]
        """Declare experiment trackers. Called once, when the catalogue is built.

        Example:
            ```python
            from zoo_core import LazyRef, TrackerSpec, hookimpl


            @hookimpl
            def zoo_trackers():
                yield TrackerSpec(name="acme_board", summary="Dashboard.", build=LazyRef("zoo_acme.tracker:build"))
            ```
        """

    @hookspec
    def zoo_before_stage(self, stage: Stage, run_dir: Path, config: Any) -> None:
        """Follow the start of a stage; an exception here is logged and does not end the run.

        Example:
            ```python
            from zoo_core import hookimpl


            @hookimpl
            def zoo_before_stage(stage, run_dir):
                (run_dir / "now.txt").write_text(stage.id)
            ```
        """

    @hookspec
    def zoo_after_stage(self, stage: Stage, result: Result, run_dir: Path, config: Any) -> None:
        """Follow the end of a stage that succeeded; an exception here is logged and does not end the run.

        Example:
            ```python
            from zoo_core import hookimpl


            @hookimpl
            def zoo_after_stage(stage, result):
                for metric in result.metrics:
                    print(stage.id, metric.key, metric.value)
            ```
        """

    @hookspec
    def zoo_on_stage_error(self, stage: Stage, error: BaseException, run_dir: Path, config: Any) -> None:
        """Follow a stage that failed or was interrupted, before the error goes on to the user.

        Example:
            ```python
            from zoo_core import hookimpl


            @hookimpl
            def zoo_on_stage_error(stage, error):
                print(stage.id, error)
            ```
        """


DECLARING_HOOKS = (
    "zoo_tasks",
    "zoo_models",
    "zoo_datasets",
    "zoo_trainers",
    "zoo_quantizers",
    "zoo_targets",
    "zoo_trackers",
)
LIFE_CYCLE_HOOKS = ("zoo_before_stage", "zoo_after_stage", "zoo_on_stage_error")
