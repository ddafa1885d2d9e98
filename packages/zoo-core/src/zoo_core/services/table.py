"""Own the list of services; a chain is written in their letters."""

from __future__ import annotations

from zoo_core.services.base import Service
from zoo_core.services.benchmarking import BenchmarkingService
from zoo_core.services.deployment import DeploymentService
from zoo_core.services.evaluation import EvaluationService
from zoo_core.services.export import ExportService
from zoo_core.services.prediction import PredictionService
from zoo_core.services.quantization import QuantizationService
from zoo_core.services.training import TrainingService
from zoo_core.services.weights import WeightsService

SERVICES: dict[str, Service] = {
    service.letter: service
    for service in (
        WeightsService(),
        TrainingService(),
        ExportService(),
        QuantizationService(),
        EvaluationService(),
        PredictionService(),
        BenchmarkingService(),
        DeploymentService(),
    )
}
"""Letter -> service. `w` (pretrained weights) and `x` (export) are inserted by the planner."""
