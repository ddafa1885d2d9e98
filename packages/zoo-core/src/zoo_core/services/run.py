"""Own the way from a file to a finished run, and from an interrupted run to a finished one."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo_core.config.load import LoadedConfig, load_config, reload_config
from zoo_core.errors import RunStoreError
from zoo_core.protocols import Progress
from zoo_core.reporting.summary import SummaryRow, summarize, summarize_facts
from zoo_core.runs.files import disk_errors, read_json, write_text
from zoo_core.runs.layout import RunLayout
from zoo_core.runs.manifest import RunManifest, StageEntry, describe_host, installed_versions
from zoo_core.runs.store import Run, StageRecord, now, refuse_existing
from zoo_core.services.context import RunContext
from zoo_core.services.execute import Executor, with_stages
from zoo_core.services.metadata import hash_data
from zoo_core.services.plan import Plan
from zoo_core.services.preflight import check_before_start, needed_splits, plan_run
from zoo_core.services.ranks import RUN_DIR_VARIABLE, is_follower, rank
from zoo_core.services.tracking import trackers_starting

if TYPE_CHECKING:
    from zoo_core.plugins.catalog import Catalog

CHECKING = "Checking configuration, data and tools"
LARGEST_SEED = 2**31 - 1
SAVED_MODELS, MODEL_PART = "saved_models", "{model}"
FIRST_PROCESS_SECONDS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """Hold what the user sees at the end of a run, or of a dry run."""

    run_dir: Path | None
    plan: Plan
    rows: tuple[SummaryRow, ...] = ()
    records: tuple[StageRecord, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def run_file(
    path: Path, overrides: Sequence[str], *, catalog: Catalog, progress: Progress, dry_run: bool = False
) -> RunSummary:
    """Run the chain of a configuration file.

    Raises:
        ConfigError: With every problem of the file; nothing is created then.
        ZooError: What a check or a stage reports.
    """
    with ExitStack() as ending:
        with progress.track(CHECKING, None):
            loaded = load_config(path, overrides, catalog=catalog)
            layout, seed = _layout(loaded), _seed(loaded)
            context = _context(loaded, layout, progress, seed)
            if not (dry_run or is_follower()):
                refuse_existing(layout)
                ending.enter_context(trackers_starting(context, catalog))
            plan = _checked(context)
        if is_follower():
            return _follow(plan, context, Run(layout, _await_manifest(layout), writable=False), catalog)
        if dry_run:
            notes = (*loaded.notes, *context.datasets.notes)
            return RunSummary(run_dir=None, plan=plan, notes=notes, warnings=loaded.warnings)
        run = Run.create(layout, _manifest(loaded, path, overrides, plan, seed))
        _write_configuration(run, loaded)
        return _execute(run, plan, context, catalog)


def resume_run(run_dir: Path, overrides: Sequence[str], *, catalog: Catalog, progress: Progress) -> RunSummary:
    """Go on with a run: finished stages whose inputs and configuration are unchanged are skipped.

    Raises:
        RunStoreError: When the folder holds no run.
        ZooError: What a check or a stage reports.
    """
    manifest_path = RunLayout(run_dir).manifest
    if not manifest_path.exists():
        raise RunStoreError(
            f"{run_dir.resolve()} is not a run: it has no {manifest_path.name}.",
            hint="List runs with: zoo runs list DIR",
        )
    manifest = RunManifest.from_dict(read_json(manifest_path), str(manifest_path))
    with ExitStack() as ending:
        with progress.track(CHECKING, None):
            loaded = reload_config(manifest.config, Path(manifest.base_dir), overrides, catalog=catalog)
            layout = _layout(loaded, run_dir.resolve())
            context = _context(loaded, layout, progress, manifest.seed)
            if not is_follower():
                ending.enter_context(trackers_starting(context, catalog))
            plan = _checked(context)
        if is_follower():
            return _follow(plan, context, Run(layout, manifest, writable=False), catalog)
        run = Run(layout, manifest)
        with_stages(run, plan)
        return _execute(run, plan, context, catalog)


def _checked(context: RunContext) -> Plan:
    """Plan a run and look at everything it needs; a process that only computes its share leaves that to the first."""
    plan = plan_run(context)
    if not is_follower():
        check_before_start(context, plan)
    return plan


def _follow(plan: Plan, context: RunContext, run: Run, catalog: Catalog) -> RunSummary:
    Executor(plan, context, run, catalog).follow()
    return RunSummary(run_dir=None, plan=plan)


def _execute(run: Run, plan: Plan, context: RunContext, catalog: Catalog) -> RunSummary:
    os.environ[RUN_DIR_VARIABLE] = str(run.layout.root)
    try:
        records = Executor(plan, context, run, catalog).execute()
    finally:
        del os.environ[RUN_DIR_VARIABLE]
    return RunSummary(
        run_dir=run.layout.root,
        plan=plan,
        rows=(
            *summarize([metric for record in records for metric in record.result.metrics]),
            *summarize_facts([record.result.facts for record in records]),
        ),
        records=records,
        notes=context.loaded.notes,
        warnings=context.loaded.warnings,
    )


def _context(loaded: LoadedConfig, layout: RunLayout, progress: Progress, seed: int) -> RunContext:
    splits = needed_splits(loaded.config, loaded.letters)
    return RunContext(loaded, layout, progress, splits=splits, seed=seed, follower=is_follower())


def _layout(loaded: LoadedConfig, run_dir: Path | None = None) -> RunLayout:
    config = loaded.config
    quantization = config.quantization
    root = run_dir or Path(os.environ.get(RUN_DIR_VARIABLE) or config.general.output or config.hydra.run.dir)
    return RunLayout(
        root=root.expanduser().absolute(),
        saved_models_dir=_saved_models_dir(loaded),
        export_dir="quantized_models" if quantization is None else quantization.export_dir,
        logs_dir=config.general.logs_dir,
    )


def _saved_models_dir(loaded: LoadedConfig) -> str:
    """Return the folder of checkpoints: the user's, else the use case's own, else the usual one."""
    asked, folder = loaded.config.general.saved_models_dir, loaded.selection.task.spec.files.folder
    return asked or folder.replace(MODEL_PART, loaded.config.model.model_name or SAVED_MODELS) or SAVED_MODELS


def _seed(loaded: LoadedConfig) -> int:
    seed = loaded.config.general.seed
    return random.SystemRandom().randint(0, LARGEST_SEED) if seed is None else seed


def _manifest(loaded: LoadedConfig, path: Path, overrides: Sequence[str], plan: Plan, seed: int) -> RunManifest:
    config = loaded.config
    canonical = config.canonical()
    return RunManifest(
        operation_mode=config.operation_mode,
        use_case=config.use_case,
        project_name=config.general.project_name,
        model_name=config.model.model_name,
        config=_resumable(loaded),
        config_file=str(path.absolute()),
        base_dir=str(path.absolute().parent),
        overrides=tuple(overrides),
        config_hash=hash_data(canonical),
        seed=seed,
        created=now(),
        stages=tuple(StageEntry(id=p.stage.id, service=p.stage.service) for p in plan.stages),
        versions=installed_versions(tuple(report.distribution for report in loaded.catalog.reports)),
        host=describe_host(),
        notes=loaded.notes,
    )


def _resumable(loaded: LoadedConfig) -> dict[str, Any]:
    """Return the configuration to go on with; preprocessing that the model file decides about stays open."""
    data = loaded.config.canonical()
    if not loaded.config.preprocessing.model_fields_set:
        data.pop("preprocessing", None)
    return data


def _await_manifest(layout: RunLayout) -> RunManifest:
    """Return the description that the first process writes before the training starts."""
    end = time.monotonic() + FIRST_PROCESS_SECONDS
    while not layout.manifest.exists():
        if time.monotonic() > end:
            raise RunStoreError(
                f"Process {rank()} waited {FIRST_PROCESS_SECONDS} s for {layout.manifest}; the first did not write it.",
                hint="All processes need the same folder: set hydra.run.dir to a fixed path on a shared disk.",
            )
        time.sleep(0.2)
    return RunManifest.from_dict(read_json(layout.manifest), str(layout.manifest))


def _write_configuration(run: Run, loaded: LoadedConfig) -> None:
    from zoo_core.config.render import composed_files, resolved_yaml

    with disk_errors(run.layout.root):
        for name, text in composed_files(loaded.composed).items():
            write_text(run.layout.hydra / name, text)
        write_text(run.layout.resolved_config, resolved_yaml(loaded.config))
