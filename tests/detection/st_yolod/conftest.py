"""Build ST_YOLOD networks from the keys of a `model` section."""

import pytest

from zoo_core.artifacts import InputSpec
from zoo_core.protocols import ModelContext
from zoo_detection.config import DetectionModelSection
from zoo_detection.models.st_yolod import build


@pytest.fixture
def make():
    """Return a function that builds a network by name."""

    def made(name, shape=(3, 192, 192), classes=80, **keys):
        section = DetectionModelSection.model_construct(model_name=name, **keys)  # the builder checks on its own
        return build(section, ModelContext(num_classes=classes, input=InputSpec(*shape)))

    return made
