"""Own the names of the files and folders of a run; those that users of ST's services know keep their names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zoo_core.protocols import Stage

MANIFEST = "run.json"
RESULT = "result.json"
RESOLVED_CONFIG = "resolved_config.yaml"


@dataclass(frozen=True, slots=True)
class RunLayout:
    """Tell where each file of a run stands."""

    root: Path
    saved_models_dir: str = "saved_models"
    export_dir: str = "quantized_models"
    logs_dir: str = "logs"

    @property
    def manifest(self) -> Path:
        """Return the file that describes the run."""
        return self.root / MANIFEST

    @property
    def metrics(self) -> Path:
        """Return the file with every metric of every stage."""
        return self.root / "metrics.json"

    @property
    def log(self) -> Path:
        """Return the log file, under the name users of ST's services look for."""
        return self.root / "stm32ai_main.log"

    @property
    def resolved_config(self) -> Path:
        """Return the file with the complete configuration, defaults included."""
        return self.root / RESOLVED_CONFIG

    @property
    def hydra(self) -> Path:
        """Return the folder with what Hydra composed."""
        return self.root / ".hydra"

    @property
    def saved_models(self) -> Path:
        """Return the folder of checkpoints and exported models."""
        return self.root / self.saved_models_dir

    @property
    def quantized_models(self) -> Path:
        """Return the folder of quantized models."""
        return self.root / self.export_dir

    @property
    def logs(self) -> Path:
        """Return the folder of tracker files."""
        return self.root / self.logs_dir

    @property
    def generated(self) -> Path:
        """Return the folder of what is generated for a board."""
        return self.root / "generated"

    def relative(self, path: str | Path) -> str:
        """Return a path below the run's folder as results hold it; any other path stays as it is."""
        inside = Path(path).is_relative_to(self.root)
        return Path(path).relative_to(self.root).as_posix() if inside else str(path)

    def stage(self, stage: Stage) -> Path:
        """Return the folder of a stage."""
        return self.root / "stages" / stage.id

    def result(self, stage: Stage) -> Path:
        """Return the file whose presence says that a stage is done; written last."""
        return self.stage(stage) / RESULT
