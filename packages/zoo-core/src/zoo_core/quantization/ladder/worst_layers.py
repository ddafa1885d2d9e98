"""Own the order in which layers are given more precision: those that their own rounding harms most come first."""

from __future__ import annotations

from zoo_core.protocols import QuantizationJob
from zoo_core.quantization.diagnosis.noise import measure_noise
from zoo_core.quantization.diagnosis.sensitivity import rank_layers as rank
from zoo_core.quantization.workbench import Candidate


def rank_layers(candidate: Candidate, job: QuantizationJob) -> tuple[str, ...]:
    """Return the names of the nodes of a quantized model, the noisiest first.

    Raises:
        DataError: When there are no calibration images.
    """
    noise = measure_noise(candidate.model, candidate.original, job.calibration, job.progress)
    return tuple(name for name in rank(noise) if name)
