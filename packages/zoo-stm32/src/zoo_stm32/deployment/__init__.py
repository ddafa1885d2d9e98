"""Own putting a model into ST's application for a board and onto the board, step by step."""

from __future__ import annotations

from zoo_stm32.deployment.deploy import deploy, steps_for
from zoo_stm32.deployment.job import (
    CodeGenerator,
    DeployJob,
    DeployOutcome,
    DeployTools,
    Host,
    Limits,
    StepOutcome,
)
from zoo_stm32.deployment.programmer import Probe, Programmer
from zoo_stm32.deployment.programs import find_tools

__all__ = [
    "CodeGenerator",
    "DeployJob",
    "DeployOutcome",
    "DeployTools",
    "Host",
    "Limits",
    "Probe",
    "Programmer",
    "StepOutcome",
    "deploy",
    "find_tools",
    "steps_for",
]
