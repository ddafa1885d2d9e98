"""Own the sections of the user's file that detectors shape."""

from zoo_detection.config.augmentation import DetectionAugmentationSection
from zoo_detection.config.dataset import DetectionDatasetSection
from zoo_detection.config.model import DetectionModelSection
from zoo_detection.config.postprocessing import PostprocessingSection
from zoo_detection.config.training import SsdTrainingSection, YolodTrainingSection

__all__ = [
    "DetectionAugmentationSection",
    "DetectionDatasetSection",
    "DetectionModelSection",
    "PostprocessingSection",
    "SsdTrainingSection",
    "YolodTrainingSection",
]
