"""Own the `app` section: the settings of ST's tracking application."""

from __future__ import annotations

from zoo_core.config.limits import PositiveInt, Probability
from zoo_core.config.section import Section


class AppSection(Section):
    """Tune ST's application, which finds persons, recognises them and follows them; its own values when absent."""

    max_object_detect: PositiveInt = 20
    """Largest number of persons that the detector of the application gives."""
    max_object_tracking: PositiveInt = 10
    """Largest number of persons that are followed."""
    score_threshold: Probability = 0.5
    """Likeness from which on a person is recognised."""
    lost_time_in_ms: PositiveInt = 60000
    """Milliseconds after which a person who is not seen is forgotten."""
    start_tracking_conf_threshold: Probability = 0.9
    """Confidence of the detector from which on a new person is followed."""
