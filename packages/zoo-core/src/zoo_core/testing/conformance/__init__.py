"""Own the checks that every component must pass: one class per kind, to be subclassed in a plugin's tests.

A subclass says which component it is about, and with capability flags what that component does not do. A check may be
overridden only with `@pytest.mark.xfail(reason=...)`.
"""

from zoo_core.testing.conformance.dataset import DatasetConformance
from zoo_core.testing.conformance.model import ModelConformance
from zoo_core.testing.conformance.plugin import PluginConformance
from zoo_core.testing.conformance.quantizer import QuantizerConformance
from zoo_core.testing.conformance.target import TargetConformance
from zoo_core.testing.conformance.tracker import TrackerConformance
from zoo_core.testing.conformance.trainer import TrainerConformance

__all__ = [
    "DatasetConformance",
    "ModelConformance",
    "PluginConformance",
    "QuantizerConformance",
    "TargetConformance",
    "TrackerConformance",
    "TrainerConformance",
]
