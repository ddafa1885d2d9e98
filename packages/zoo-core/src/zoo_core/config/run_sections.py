"""Own the sections about the run itself: its folder, its seed, what it shows and where it is recorded."""

from __future__ import annotations

from typing import Annotated

from zoo_core.config.limits import Address, NonNegativeFloat, PositiveInt, only
from zoo_core.config.section import Section


class GeneralSection(Section):
    """Hold what belongs to the whole run."""

    project_name: str = "<unnamed>"
    """Name under which trackers file the run."""
    output: str = ""
    """Folder of the run; empty means `hydra.run.dir`."""
    logs_dir: str = "logs"
    """Folder for tracker files inside the run."""
    saved_models_dir: str | None = None
    """Folder for checkpoints and exported models inside the run; `saved_models` or the use case's own when absent."""
    seed: int | None = 42
    """Seed of everything random; `None` draws one and records it."""
    report: bool = True
    """Write `report.html` at the end of the run."""
    deterministic_ops: bool = False
    """Refuse operations whose result depends on scheduling."""
    display_figures: bool = False
    """Open every figure in the viewer of the desktop when it is written; without one its file is named."""
    gpu_memory_limit: NonNegativeFloat | None = None
    """Limit of GPU memory of a training in GB; 0 or nothing means no limit."""
    device: str | None = None
    """`cpu`, `cuda`, `mps` or `auto`."""
    local_rank: Annotated[int, only(0, "the rank comes from the launcher, such as torchrun; remove the key")] = 0
    """Only 0: the rank comes from the launcher."""
    num_threads: PositiveInt | None = None
    """CPU threads of torch and onnxruntime."""


class MlflowSection(Section):
    """Locate the MLflow records."""

    uri: Address | None = None
    """Address or folder of the records; MLflow takes a login from `MLFLOW_TRACKING_USERNAME` and `..._PASSWORD`."""


class HydraRunSection(Section):
    """Name the run directory."""

    dir: str = "./experiments_outputs/${now:%Y_%m_%d_%H_%M_%S}"
    """Folder of the run; `${now:...}` is the time it starts."""


class HydraSection(Section):
    """Take the one Hydra setting that users change."""

    run: HydraRunSection = HydraRunSection()
