"""Own learned rounding of a quantized graph: layer by layer, weights are rounded up or down as images want it."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from zoo_core.protocols import CalibrationData, Progress
from zoo_core.quantization.correction.agreement import JUDGING_IMAGES, FewImages, output_snr, pick_images
from zoo_core.quantization.correction.bias_terms import can_shift, read_bias, shift_bias
from zoo_core.quantization.correction.descent import RoundingProblem, Single, descend, shift_of
from zoo_core.quantization.correction.layer_store import LayerStore, LearnedLayer
from zoo_core.quantization.correction.layers import LinearLayer, pair_layers
from zoo_core.quantization.correction.samples import RowForm, row_form
from zoo_core.quantization.correction.stepwise import StepwiseModel

IMAGES = 128
ROWS = 4096
"""Rows that a layer learns from, unless it has more images than that."""
NUMBERS = 2**24
"""Most numbers that the rows of a layer hold, unless it has more images than rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRounding:
    """State what learning did to one layer."""

    name: str
    weights: int
    changed: int
    """Weights that are rounded otherwise than before."""
    before: float
    """Mean squared error of the layer's output, on the rows learned from, the errors of earlier layers included."""
    after: float
    """The same with learned rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundingReport:
    """State what learned rounding did and what it was worth."""

    layers: tuple[LayerRounding, ...]
    skipped: tuple[str, ...]
    """Layers left as they are: transposed or one-dimensional convolutions, shared weights, computed biases."""
    images: int
    resumed: int
    """Layers that an interrupted run had finished."""
    snr_before: float
    """Mean signal to noise at the outputs in dB, on images that nothing was learned from where there are enough."""
    snr_after: float
    """The same with learned rounding, whether or not it was kept."""
    kept: bool
    """Whether the graph holds the learned weights; it is as before where they did not help."""


def learn_rounding(
    quantized: onnx.ModelProto,
    original: onnx.ModelProto,
    calibration: CalibrationData,
    progress: Progress,
    *,
    images: int = IMAGES,
    seed: int = 0,
    work_dir: Path | None = None,
) -> RoundingReport:
    """Choose for each weight of a quantized graph, in place, whether it is rounded down or up.

    Layer after layer is brought close to the float graph `original` of the same node names, given its inputs from the
    graph as quantized and learned so far: the asymmetric objective of AdaRound, Nagel et al. 2020, "Up or Down?
    Adaptive Rounding for Post-Training Quantization". Biases take the mean error that is left; scales stay. All is
    taken back where the outputs do not come closer to those of `original`. With `work_dir`, finished layers are kept
    there and not learned again; `seed` chooses the positions within images that are learned from.

    Raises:
        RunStoreError: When the disk is full, read-only or not ours.
    """
    before = onnx.ModelProto()
    before.CopyFrom(quantized)
    layers, skipped = _learnable(quantized, original)
    store = LayerStore(work_dir, _fingerprint(quantized, original, calibration, (images, seed)))
    with tempfile.TemporaryDirectory(prefix="zoo_round_") as name:
        folder = Path(name)
        chosen, judging = pick_images(calibration, (images, JUDGING_IMAGES), folder)
        snr_before = output_snr(quantized, original, judging)
        learner = _Learner(quantized, original, chosen, folder / "steps", seed=seed)
        learned = []
        with progress.track("learning rounding", len(layers)) as bar:
            for layer, form in layers:
                found = store.load(layer.name)
                if found is None:
                    found = learner.learn(layer, form)
                    store.save(layer.name, found)
                learned.append(_describe(layer, found))
                layer.weight.write(found.integers)
                shift_bias(quantized, layer, found.shift)
                bar.advance()
        snr_after = output_snr(quantized, original, judging)
    kept = snr_after > snr_before
    if not kept:
        quantized.CopyFrom(before)
    return RoundingReport(
        layers=tuple(learned),
        skipped=skipped,
        images=len(chosen),
        resumed=store.loaded,
        snr_before=snr_before,
        snr_after=snr_after,
        kept=kept,
    )


def _learnable(
    quantized: onnx.ModelProto, original: onnx.ModelProto
) -> tuple[list[tuple[LinearLayer, RowForm]], tuple[str, ...]]:
    """Return the layers that can be learned, and the names of the others."""
    learnable, skipped, taken = [], [], set()
    for layer in pair_layers(quantized, original):
        form = row_form(layer)
        if form is None or layer.weight.stored.name in taken or read_bias(quantized, layer) is None:
            skipped.append(layer.name)
        else:
            taken.add(layer.weight.stored.name)
            learnable.append((layer, form))
    return learnable, tuple(skipped)


class _Learner:
    """Learn layers one after the other, in the order of the graph."""

    def __init__(
        self, quantized: onnx.ModelProto, original: onnx.ModelProto, images: FewImages, folder: Path, *, seed: int
    ) -> None:
        self._model = quantized
        self._quantized = StepwiseModel(quantized, images, folder / "quantized")
        self._original = StepwiseModel(original, images, folder / "float")
        self._seed = seed

    def learn(self, layer: LinearLayer, form: RowForm) -> LearnedLayer:
        """Return the integers of one layer; those of the layers before it count as they stand in the graph."""
        problem = self._state_problem(layer, form)
        before = form.matrix(layer.weight.read())
        integers = descend(problem, before)
        errors = problem.errors(integers)
        shift = shift_of(errors) * problem.free_bias
        errors += shift.reshape(form.groups, 1, form.outputs).astype(np.float32)
        return LearnedLayer(
            integers=form.weights(integers),
            shift=shift,
            before=_mean_square(problem.errors(before)),
            after=_mean_square(errors),
        )

    def _state_problem(self, layer: LinearLayer, form: RowForm) -> RoundingProblem:
        """Draw rows from all images and put the layer into integer units."""
        digest = hashlib.sha256(f"{self._seed} {layer.name}".encode()).digest()
        generator = np.random.default_rng(int.from_bytes(digest[:8], "big"))
        limit = min(ROWS, NUMBERS // (form.groups * (form.inputs + form.outputs)))
        rows = max(1, limit // len(self._quantized))
        inputs, targets = [], []
        for values, expected in self._values(layer):
            there = form.positions(expected.shape)
            chosen = np.sort(generator.choice(there, min(rows, there), replace=False))
            inputs.append(form.draw_inputs(values, expected.shape, chosen))
            targets.append(form.draw_outputs(expected, chosen))
        weight, shape = layer.weight, layer.float_weight.shape
        bias = read_bias(self._model, layer)
        return RoundingProblem(
            inputs=np.concatenate(inputs, axis=1),
            targets=np.concatenate(targets, axis=1),
            weights=form.matrix(layer.float_weight / weight.scale + weight.zero_point),
            scale=form.matrix(np.broadcast_to(weight.scale, shape)),
            zero_point=form.matrix(np.broadcast_to(weight.zero_point, shape)),
            bias=np.broadcast_to(0.0 if bias is None else bias, layer.channels),
            free_bias=can_shift(self._model, layer),
            limits=weight.limits,
        )

    def _values(self, layer: LinearLayer) -> Iterator[tuple[Single, Single]]:
        """Yield for each image what the quantized layer takes and what the float layer gives."""
        taken, given = layer.node.input[0], layer.original_output
        self._quantized.pass_over([taken])
        self._original.pass_over([layer.original.input[0]])
        for values, expected in zip(self._quantized.values([taken]), self._original.values([given]), strict=True):
            yield values[taken], expected[given]


def _mean_square(errors: Single) -> float:
    return float(np.square(errors).mean(dtype=np.float64))


def _describe(layer: LinearLayer, found: LearnedLayer) -> LayerRounding:
    """Compare learned integers with those in the graph."""
    return LayerRounding(
        name=layer.name,
        weights=found.integers.size,
        changed=int(np.count_nonzero(found.integers != layer.weight.read())),
        before=found.before,
        after=found.after,
    )


def _fingerprint(
    quantized: onnx.ModelProto, original: onnx.ModelProto, calibration: CalibrationData, settings: tuple[int, ...]
) -> str:
    """Return a number that stands for all that decides what is learned."""
    digest = hashlib.sha256()
    for model in (quantized, original):
        digest.update(model.SerializeToString(deterministic=True))
    digest.update(repr((settings, calibration.source, len(calibration), list(calibration.names))).encode())
    return digest.hexdigest()
