"""Own the running of a plan: stage after stage, finished ones skipped, every outcome on disk."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from zoo_core.artifacts import Artifact
from zoo_core.errors import ZooError
from zoo_core.protocols import Stage
from zoo_core.reporting.display import figures_of, show_figures
from zoo_core.runs.files import disk_errors
from zoo_core.runs.log import log_to, logger
from zoo_core.runs.manifest import StageEntry
from zoo_core.runs.store import Run, StageRecord
from zoo_core.services.base import Service
from zoo_core.services.context import RunContext
from zoo_core.services.fingerprint import fingerprint_stage
from zoo_core.services.plan import TRAINING, Plan, PlannedStage
from zoo_core.services.table import SERVICES
from zoo_core.services.tracking import recorded

if TYPE_CHECKING:
    from zoo_core.plugins.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Executor:
    """Run the stages of a plan in order."""

    plan: Plan
    context: RunContext
    run: Run
    catalog: Catalog

    def execute(self) -> tuple[StageRecord, ...]:
        """Run what is not done yet and return the records of all stages.

        Raises:
            ZooError: What a stage reports; everything finished before it stays.
            KeyboardInterrupt: After the state of the run is recorded.
        """
        with log_to(self.run.layout.log), disk_errors(self.run.layout.root):
            self.run.set_status("running")
            self._log_remarks()
            with recorded(self.run, self.context, self.catalog):
                records = tuple(self._run_stage(planned) for planned in self.plan.stages)
                self.run.set_status("done")
        return records

    def follow(self) -> None:
        """Take part in the training stage of a distributed run, writing nothing of the run itself."""
        for planned in self.plan.stages:
            if planned.letter == TRAINING:
                SERVICES[planned.letter].run(self.context, planned.stage, self._model(planned))
                return
            record = self.run.finished(planned.stage)
            if record is not None and record.artifact is not None:
                self.context.artifacts.append(record.artifact)

    def _log_remarks(self) -> None:
        loaded = self.context.loaded
        for text in (*loaded.notes, *self.context.datasets.notes):
            logger.info("Note: %s", text)
        for text in loaded.warnings:
            logger.warning("%s", text)

    def _run_stage(self, planned: PlannedStage) -> StageRecord:
        stage, service = planned.stage, SERVICES[planned.letter]
        model = self._model(planned)
        datasets = self.context.datasets if service.reads(self.context.config) else None
        with self.context.progress.track("Looking for what has changed", None):
            fingerprint = fingerprint_stage(service, self.context.config, model, datasets, self.context.seed)
        record = self._finished(stage, fingerprint)
        if record is None:
            record = self._compute(stage, service, model, fingerprint)
        if self.context.events is not None:
            self.context.events.end_stage(record)
        if record.artifact is not None:
            self.context.artifacts.append(record.artifact)
        return record

    def _finished(self, stage: Stage, fingerprint: str) -> StageRecord | None:
        record = self.run.finished(stage)
        if record is None:
            return None
        if record.fingerprint != fingerprint:
            logger.info("Stage %s is computed again: its model, data or configuration changed.", stage.id)
            return None
        logger.info("Stage %s is already done.", stage.id)
        self.run.set_stage(StageEntry(id=stage.id, service=stage.service, status="done", seconds=record.seconds))
        return record

    def _compute(self, stage: Stage, service: Service, model: Artifact | None, fingerprint: str) -> StageRecord:
        self.run.set_stage(StageEntry(id=stage.id, service=stage.service, status="running"))
        folder = self.run.layout.stage(stage)
        folder.mkdir(parents=True, exist_ok=True)
        self.run.layout.result(stage).unlink(missing_ok=True)
        logger.info("Stage %s", stage.id)
        if self.context.events is not None:
            self.context.events.begin_stage(stage)
        self._tell("zoo_before_stage", stage=stage)
        started = time.monotonic()
        with self._failures(stage), self.context.progress.track(f"Stage {stage.id}", None):
            output = service.run(self.context, stage, model)
            seconds = time.monotonic() - started
            record = self.run.finish_stage(
                stage, output.result, output.artifact, fingerprint=fingerprint, seconds=seconds
            )
        if self.context.config.general.display_figures:
            show_figures([self.run.layout.root / figure for figure in figures_of(output.result.files)])
        self._tell("zoo_after_stage", stage=stage, result=output.result)
        return record

    @contextmanager
    def _failures(self, stage: Stage) -> Iterator[None]:
        """Record a failure or an interruption before it goes on to the user."""
        try:
            yield
        except BaseException as error:
            interrupted = isinstance(error, KeyboardInterrupt)
            status = "interrupted" if interrupted else "failed"
            text = "interrupted" if interrupted else f"{type(error).__name__}: {error}"
            logger.error("Stage %s: %s", stage.id, text, extra={"screen": False})
            if self.context.events is not None:
                self.context.events.fail_stage(stage, status)
            self._tell("zoo_on_stage_error", stage=stage, error=error)
            self._record_failure(stage, status, text)
            raise

    def _record_failure(self, stage: Stage, status: Any, text: str) -> None:
        try:
            self.run.set_stage(StageEntry(id=stage.id, service=stage.service, status=status, error=text))
            self.run.set_status(status)
        except ZooError as error:
            logger.error("The state of the run could not be recorded: %s", error.message)

    def _model(self, planned: PlannedStage) -> Artifact | None:
        if planned.takes is None:
            return None
        given = self.context.model_file
        if given is not None and planned.takes.made_by == "model.model_path":
            return given.artifact
        made = (artifact for artifact in self.context.artifacts if artifact.made_by == planned.takes.made_by)
        return next(made)

    def _tell(self, hook: str, **facts: Any) -> None:
        """Call a life-cycle hook of every plugin; the relay logs what goes wrong there."""
        getattr(self.catalog.relay, hook)(run_dir=self.run.layout.root, config=self.context.config, **facts)


def with_stages(run: Run, plan: Plan) -> None:
    """Write the stages of a plan into the description of a run, keeping what is known of them."""
    known = {entry.id: entry for entry in run.manifest.stages}
    entries = (known.get(p.stage.id, StageEntry(id=p.stage.id, service=p.stage.service)) for p in plan.stages)
    run.manifest = replace(run.manifest, stages=tuple(entries))
    run.save()
