"""Own the sections of the user's file that re-identification shapes."""

from zoo_reid.config.app import AppSection
from zoo_reid.config.augmentation import ReidAugmentationSection
from zoo_reid.config.dataset import ReidDatasetSection
from zoo_reid.config.evaluation import ReidEvaluationSection
from zoo_reid.config.model import ReidModelSection
from zoo_reid.config.prediction import ReidPredictionSection
from zoo_reid.config.training import ReidTrainingSection

__all__ = [
    "AppSection",
    "ReidAugmentationSection",
    "ReidDatasetSection",
    "ReidEvaluationSection",
    "ReidModelSection",
    "ReidPredictionSection",
    "ReidTrainingSection",
]
