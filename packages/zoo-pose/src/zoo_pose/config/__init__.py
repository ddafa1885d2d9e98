"""Own the sections of the user's file that pose estimation shapes."""

from zoo_pose.config.augmentation import PoseAugmentationSection
from zoo_pose.config.dataset import PoseDatasetSection
from zoo_pose.config.evaluation import PoseEvaluationSection
from zoo_pose.config.model import PoseModelSection
from zoo_pose.config.postprocessing import PosePostprocessingSection
from zoo_pose.config.training import PoseTrainingSection

__all__ = [
    "PoseAugmentationSection",
    "PoseDatasetSection",
    "PoseEvaluationSection",
    "PoseModelSection",
    "PosePostprocessingSection",
    "PoseTrainingSection",
]
