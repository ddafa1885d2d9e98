"""Own the choice of which weights of one layer round up: single weights change sides while that lowers the error."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zoo_core.quantization.correction.integers import Floats, Integers

Single = npt.NDArray[np.float32]
FEW_INPUTS = 9
"""Most inputs of which every choice is tried: those of a depthwise 3x3 kernel."""
SWEEPS = 20
ROUNDS = 5
CANDIDATES = 32
RIDGE = 3.0
"""Weight of the distance to the float weights, in units of what ridge regression takes for rows without kinship."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundingProblem:
    """Hold one layer in integer units: `scale * (integers - zero_point)` are its weights."""

    inputs: Single
    """Inputs of the quantized layer, shape (groups, rows, inputs)."""
    targets: Single
    """What the float layer gives, shape (groups, rows, outputs)."""
    weights: Floats
    """Float weights over their scale plus the zero point, shape (groups, outputs, inputs)."""
    scale: Floats
    zero_point: Integers
    """Of the shape of the weights, as the scale."""
    bias: Floats
    """One number per channel."""
    free_bias: bool
    """Whether the bias may change, so that the mean error need not be the weights' care."""
    limits: tuple[int, int]

    def numbers(self, integers: Integers | Floats) -> Single:
        """Return the weights that some integers stand for."""
        return (self.scale * (integers - self.zero_point)).astype(np.float32)

    def errors(self, integers: Integers) -> Single:
        """Return what the layer gives less its target, shape (groups, rows, outputs)."""
        groups, outputs, _ = self.weights.shape
        errors: Single = self.inputs @ self.numbers(integers).transpose(0, 2, 1)
        errors += self.bias.reshape(groups, 1, outputs).astype(np.float32)
        errors -= self.targets
        return errors


def shift_of(errors: Single) -> Floats:
    """Return the bias that takes out the mean error, one number per channel."""
    shift: Floats = -errors.mean(axis=1, dtype=np.float64).reshape(-1)
    return shift


def descend(problem: RoundingProblem, before: Integers) -> Integers:
    """Return integers, each a weight rounded down or up, that bring the layer close to its targets.

    The objective is that of AdaRound (Nagel et al. 2020, "Up or Down? Adaptive Rounding for Post-Training
    Quantization"): the squared error of the layer, here with the mean error left to a bias that may change. Where the
    paper relaxes the choice and follows gradients, weights change sides here, one by one and in pairs, as long as that
    lowers the error, whose change is known exactly since it is quadratic; of small kernels all choices are tried. No
    output becomes worse than with `before`.
    """
    rows = problem.inputs.shape[1]
    inputs, errors = _deviation(problem.inputs, problem), _deviation(problem.errors(before), problem)
    curvature = inputs.transpose(0, 2, 1) @ inputs / rows
    slope = errors.transpose(0, 2, 1) @ inputs / rows
    ridge = _ridge(problem, errors)
    slope += ridge[:, :, None] * (problem.numbers(before) - problem.numbers(problem.weights))
    descent = _Descent(problem, before, curvature, slope, ridge)
    integers = descent.try_all() if before.shape[2] <= FEW_INPUTS else descent.run()
    better = _power(_deviation(problem.errors(integers), problem)) < _power(errors)
    chosen: Integers = np.where(better[:, :, None], integers, before)
    return chosen


def _deviation(values: Single, problem: RoundingProblem) -> Single:
    """Take out the mean over the rows where the bias takes care of it."""
    return values - values.mean(axis=1, keepdims=True) if problem.free_bias else values


def _power(errors: Single) -> Floats:
    """Return the mean square for each output, shape (groups, outputs)."""
    power: Floats = np.square(errors).mean(axis=1, dtype=np.float64)
    return power


def _ridge(problem: RoundingProblem, errors: Single) -> Single:
    """Return the weight of the squared distance to the float weights for each output, shape (groups, outputs).

    That of ridge regression: variance of the errors over rows times variance of the weights, where rounding spreads
    these evenly over a step. Without it, the weights of a layer follow errors that only the rows at hand have, such as
    the rounding of its inputs.
    """
    spread = np.square(problem.scale).mean(axis=2) / 12.0
    ridge: Single = (RIDGE * _power(errors) / (spread * errors.shape[1])).astype(np.float32)
    return ridge


class _Descent:
    """Change single weights of all outputs at once; outputs do not act on one another."""

    def __init__(
        self, problem: RoundingProblem, before: Integers, curvature: Single, slope: Single, ridge: Single
    ) -> None:
        self._floor = np.floor(problem.weights).astype(np.int64)
        self._scale = problem.scale.astype(np.float32)
        self._limits = problem.limits
        self._integers = before.copy()
        self._curvature = curvature
        self._diagonal = np.einsum("gkk->gk", curvature)[:, None, :] + ridge[:, :, None]
        self._slope = slope
        self._ridge = ridge

    def run(self) -> Integers:
        """Sweep over the inputs, and then change pairs of weights, until nothing gains any more."""
        for _ in range(ROUNDS):
            for _ in range(SWEEPS):
                if not sum(self._change_singles(place) for place in range(self._integers.shape[2])):
                    break
            if not self._change_pairs():
                break
        return self._integers

    def try_all(self) -> Integers:
        """Return the best of all choices."""
        least = np.full(self._floor.shape[:2], np.inf)
        best = self._integers.copy()
        for ups in itertools.product((0, 1), repeat=self._floor.shape[2]):
            integers = np.clip(self._floor + np.array(ups), *self._limits)
            moves = (integers - self._integers) * self._scale
            pull = moves @ self._curvature + self._ridge[:, :, None] * moves
            added = (moves * (2.0 * self._slope + pull)).sum(axis=2)
            better = added < least
            least[better], best[better] = added[better], integers[better]
        return best

    def _moves(self, places: slice) -> tuple[Integers, Single]:
        """Return where the weights of some inputs would go, and how much that adds to the error of their outputs.

        A side that lies outside the limits adds infinitely much.
        """
        low, high = self._limits
        integers = self._integers[:, :, places]
        after = integers + np.where(integers <= self._floor[:, :, places], 1, -1)
        moves = (after - integers) * self._scale[:, :, places]
        added = moves * (2.0 * self._slope[:, :, places] + moves * self._diagonal[:, :, places])
        return after, np.where((after >= low) & (after <= high), added, np.inf).astype(np.float32)

    def _change_singles(self, place: int) -> int:
        """Let the weights of one input change sides where that lowers the error; return how many did."""
        after, added = self._moves(slice(place, place + 1))
        groups, outputs = np.nonzero(added[:, :, 0] < 0.0)
        self._apply(groups, outputs, np.full(len(groups), place), after[groups, outputs, 0])
        return len(groups)

    def _change_pairs(self) -> int:
        """Let that pair of weights of each output change sides which lowers the error most; return how many did.

        Pairs are looked for among the weights whose own change adds least.
        """
        after, added = self._moves(slice(None))
        count = min(CANDIDATES, added.shape[2])
        near = np.argpartition(added, count - 1, axis=2)[:, :, :count]
        own = np.take_along_axis(added, near, axis=2)
        moves = np.take_along_axis((after - self._integers) * self._scale, near, axis=2)
        group = np.arange(len(near))[:, None, None, None]
        shared = self._curvature[group, near[:, :, :, None], near[:, :, None, :]]
        shared *= 2.0 * moves[:, :, :, None] * moves[:, :, None, :]
        together = own[:, :, :, None] + own[:, :, None, :] + shared
        together[:, :, np.arange(count), np.arange(count)] = np.inf
        best = together.reshape(*near.shape[:2], -1).argmin(axis=2)
        least = np.take_along_axis(together.reshape(*near.shape[:2], -1), best[:, :, None], axis=2)[:, :, 0]
        groups, outputs = np.nonzero(least < 0.0)
        for part in np.unravel_index(best, (count, count)):
            places = near[groups, outputs, part[groups, outputs]]
            self._apply(groups, outputs, places, after[groups, outputs, places])
        return len(groups)

    def _apply(self, groups: Integers, outputs: Integers, places: Integers, after: Integers) -> None:
        """Change one weight of each of some outputs."""
        moves = (after - self._integers[groups, outputs, places]) * self._scale[groups, outputs, places]
        self._integers[groups, outputs, places] = after
        self._slope[groups, outputs] += moves[:, None] * self._curvature[groups, places]
        self._slope[groups, outputs, places] += moves * self._ridge[groups, outputs]
