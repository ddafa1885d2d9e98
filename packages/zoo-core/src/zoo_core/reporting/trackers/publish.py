"""Own the sending of a finished run to a tracker that did not get it while it ran."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from pydantic import ValidationError

from zoo_core.config.section import Section
from zoo_core.config.sections import SECTION_TYPES, OpenSection, RunConfig
from zoo_core.errors import MissingError, UserError
from zoo_core.plugins.registry import Resolved
from zoo_core.reporting.trackers.asking import TENSORBOARD_WRITER
from zoo_core.reporting.trackers.run_facts import demand
from zoo_core.reporting.trackers.sender import Sender
from zoo_core.runs.events import EVENTS, read_events
from zoo_core.runs.manifest import RunManifest
from zoo_core.runs.tracker_state import TrackerState
from zoo_core.specs import TrackerSpec

PACKAGES = MappingProxyType(
    {"mlflow": "mlflow", "clearml": "clearml", "wandb": "wandb", "tensorboard": TENSORBOARD_WRITER}
)
"""Tracker -> the package it needs."""
ASKING = MappingProxyType({"tensorboard": "training.log_tb", "wandb": "training.log_wandb"})
"""Tracker -> the key by which a run asks for it."""
HINTS = MappingProxyType(
    {
        "mlflow": "Say where the records are: zoo runs publish RUN_DIR --to mlflow mlflow.uri=ADDRESS",
        "clearml": "Write a clearml.conf, or set CLEARML_OFFLINE_MODE=1.",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """Say what was sent."""

    tracker: str
    events: int
    """Number of events the tracker had not taken before."""


def publish_run(
    tracker: Resolved[TrackerSpec],
    run_dir: Path,
    manifest: RunManifest,
    overrides: Sequence[str] = (),
    *,
    again: bool = False,
) -> Publication:
    """Send the events of a run that a tracker does not have.

    Args:
        tracker: The tracker.
        run_dir: Folder of the run.
        manifest: Its description, which holds the configuration.
        overrides: `key=value` pairs that hold for the sending, such as another `mlflow.uri`.
        again: Send everything, as a new record.

    Raises:
        UserError: When the run has no events, or the tracker cannot be told where to send them.
        MissingError: When a package is absent or the tracker cannot be reached.
    """
    events = read_events(run_dir)
    if not events:
        msg = f"{run_dir} holds no events: there is no {EVENTS}."
        raise UserError(msg, hint="Runs of earlier versions have none; runs of this one write them from the start.")
    name = tracker.spec.name
    if name in PACKAGES:
        demand(PACKAGES[name], f"Publishing to {name}", install=tracker.spec.build.extra)
    if again:
        TrackerState(run_dir, name).forget()
    sender = Sender(tracker, configuration(manifest.config, name, overrides), run_dir, warns=False)
    takes_part = sender.open()
    if sender.failure is None and not takes_part:
        msg = f"Tracker {name} does not take this run: its configuration does not ask for it."
        raise UserError(msg, hint=HINTS.get(name))
    count = sender.catch_up(events)
    sender.close()
    if sender.failure is not None:
        msg = f"Tracker {name} of {tracker.provider}: {sender.failure}"
        raise MissingError(msg, hint="What it has taken stays; the same command sends the rest.")
    return Publication(tracker=name, events=count)


def configuration(saved: Mapping[str, Any], tracker: str, overrides: Sequence[str]) -> RunConfig:
    """Return the configuration of a run as trackers read it; nothing that it names needs to be there any more.

    Raises:
        UserError: When an override is not `key=value` or its value does not suit.
    """
    data: dict[str, Any] = {key: dict(value) if isinstance(value, Mapping) else value for key, value in saved.items()}
    asked = [f"{ASKING[tracker]}=True"] if tracker in ASKING else []
    for override in (*asked, *overrides):
        _override(data, override)
    if tracker == "mlflow":
        _check(data)
    values = {name: _section(name, value) if isinstance(value, dict) else value for name, value in data.items()}
    make: Any = RunConfig.model_construct
    found: RunConfig = make(**values)
    return found


def _override(data: dict[str, Any], override: str) -> None:
    key, sign, text = override.partition("=")
    *parents, last = key.strip().lstrip("+").split(".")
    if not sign or not parents:
        msg = f'"{override}" is not of the form section.key=value.'
        raise UserError(msg, hint="Such as: mlflow.uri=http://127.0.0.1:5000")
    place = data
    for parent in parents:
        place = place.setdefault(parent, {})
        if not isinstance(place, dict):
            msg = f"{override}: {parent} holds no keys."
            raise UserError(msg)
    place[last] = yaml.safe_load(text)


def _check(data: Mapping[str, Any]) -> None:
    """Refuse a section that the user may just have changed."""
    try:
        SECTION_TYPES["mlflow"].model_validate(data.get("mlflow") or {})
    except ValidationError as error:
        texts = "; ".join(f"mlflow.{fault['loc'][0]}: {fault['msg']}" for fault in error.errors())
        raise UserError(texts) from None


def _section(name: str, values: Mapping[str, Any]) -> Section:
    """Return a section by core's class, or with whatever keys it has where a component brought its own class."""
    try:
        return SECTION_TYPES.get(name, OpenSection).model_validate(values)
    except ValidationError:
        return OpenSection.model_validate(values)
