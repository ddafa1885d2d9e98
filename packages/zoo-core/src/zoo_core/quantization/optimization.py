"""Own `optimize: True`: cures in combinations, and the one whose outputs stay closest to those of the float model."""

from __future__ import annotations

from dataclasses import replace

from zoo_core.quantization.diagnosis.noise import output_snr
from zoo_core.quantization.recipe import Recipe
from zoo_core.quantization.workbench import Candidate, Workbench
from zoo_core.runs.log import logger

CLIPPING = "MSE"
"""Rule for ranges that is tried where the file names none."""


def optimize(workbench: Workbench, first: Recipe, *, free_ranges: bool) -> Candidate:
    """Return the best of the plain model and of those with corrected biases, equalized or not, rounded as asked for.

    What is compared is the signal-to-noise ratio of the outputs on calibration images, so that the result is never
    further from the float model than the plain one is.

    Args:
        workbench: Makes the models.
        first: The plain recipe.
        free_ranges: Whether the user left the rule for ranges open, so that another one may be tried.

    Raises:
        DataError: When there are no images to calibrate with.
        UserError: When the options do not fit the model.
    """
    reference = workbench.float_graph(first).model
    found: list[tuple[float, Candidate]] = []

    def attempt(recipe: Recipe) -> None:
        candidate = workbench.make(recipe)
        snr = output_snr(candidate.model, reference, workbench.job.calibration)
        logger.info("optimize: %.1f dB at the outputs, %s", snr, recipe.describe())
        found.append((snr, candidate))

    plain = replace(first, learn_rounding=False)  # learned once, for the best of the others
    cured = replace(plain, equalize=True, correct_biases=True)
    attempt(plain)
    attempt(cured)
    if free_ranges and first.calibrate_method != CLIPPING:
        attempt(replace(cured, calibrate_method=CLIPPING))
    method = max(found[1:], key=_ratio)[1].recipe.calibrate_method
    attempt(replace(plain, calibrate_method=method, correct_biases=True))
    if first.learn_rounding:
        attempt(replace(max(found, key=_ratio)[1].recipe, learn_rounding=True))
    best, chosen = max(found, key=_ratio)
    text = f"optimize: signal-to-noise ratio of the outputs {found[0][0]:.1f} dB plain, {best:.1f} dB with"
    return replace(chosen, notes=(*chosen.notes, f"{text} {chosen.recipe.describe()}."))


def _ratio(entry: tuple[float, Candidate]) -> float:
    return entry[0]
