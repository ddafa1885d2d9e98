"""Own when a run asks for each tracker of core, told from its configuration and from what is installed.

Nothing is imported for it: a tracker that nobody asked for costs nothing.
"""

from __future__ import annotations

import os
from pathlib import Path

from zoo_core.config.sections import RunConfig
from zoo_core.reporting.trackers.run_facts import demand, is_installed

OFFLINE, CONFIGURATION = "CLEARML_OFFLINE_MODE", "CLEARML_CONFIG_FILE"
UNSET = frozenset({"", "0", "false", "no", "off"})
TENSORBOARD_WRITER = "tensorboardX"


def tensorboard(config: RunConfig) -> bool:
    """Tell whether a run has a training whose `log_tb` is on; the default is on where tensorboardX is installed.

    Raises:
        MissingError: When the user wrote the key and tensorboardX is not installed.
    """
    training = config.training
    if training is None or not training.log_tb:
        return False
    if "log_tb" in getattr(training, "model_fields_set", ("log_tb",)):
        demand(TENSORBOARD_WRITER, "training.log_tb", install=TENSORBOARD_WRITER)
    return is_installed(TENSORBOARD_WRITER)


def mlflow(config: RunConfig) -> bool:
    """Tell whether `mlflow.uri` is set and MLflow is installed."""
    return bool(config.mlflow.uri) and is_installed("mlflow")


def clearml(config: RunConfig) -> bool:
    """Tell whether a `clearml.conf` exists or `CLEARML_OFFLINE_MODE` is set.

    Raises:
        MissingError: When this is so and ClearML is not installed.
    """
    del config
    if not is_offline() and not _configuration().is_file():
        return False
    demand("clearml", "ClearML, for which this machine is configured,")
    return True


def wandb(config: RunConfig) -> bool:
    """Tell whether a run has a training whose `log_wandb` is on.

    Raises:
        MissingError: When this is so and W&B is not installed.
    """
    if config.training is None or not config.training.log_wandb:
        return False
    demand("wandb", "training.log_wandb")
    return True


def is_offline() -> bool:
    """Tell whether the user asks for a ClearML session on this machine instead of a server."""
    return os.environ.get(OFFLINE, "").strip().casefold() not in UNSET


def _configuration() -> Path:
    return Path(os.environ.get(CONFIGURATION) or "~/clearml.conf").expanduser()
