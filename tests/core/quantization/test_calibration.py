"""Streaming calibration finds what onnxruntime finds, in memory that does not grow with the images."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator
from onnxruntime.quantization.calibrate import CalibrationDataReader, CalibrationMethod, create_calibrator
from onnxruntime.quantization.shape_inference import quant_pre_process

from zoo_core import DataError, UserError
from zoo_core.quantization.calibration import CalibrationOptions, collect_ranges
from zoo_core.testing.isolation import run_isolated

Ranges = dict[str, tuple[float, float]]


class Reader(CalibrationDataReader):
    """Give the same images to onnxruntime's calibrators."""

    def __init__(self, images: Any) -> None:
        self._images = iter(images)

    def get_next(self) -> dict[str, Any] | None:
        image = next(self._images, None)
        return None if image is None else {"input": image}


@pytest.fixture
def prepared(save_network: Callable[..., Path], tmp_path: Path) -> Path:
    quant_pre_process(save_network(), tmp_path / "prepared.onnx", skip_symbolic_shape=True)
    return tmp_path / "prepared.onnx"


def ours(prepared: Path, images: Any, bars: Any, **options: Any) -> Ranges:
    work_dir = prepared.parent / "work"
    work_dir.mkdir(exist_ok=True)
    found = collect_ranges(prepared, images, CalibrationOptions(**options), work_dir, bars)
    return {name: (float(data.lowest), float(data.highest)) for name, data in found.items()}


def theirs(prepared: Path, images: Any, method: str, **options: Any) -> Ranges:
    calibrator = create_calibrator(
        prepared,
        augmented_model_path=str(prepared.parent / "theirs.onnx"),
        calibrate_method=CalibrationMethod[method],
        extra_options=options,
    )
    calibrator.collect_data(Reader(images))
    found = calibrator.compute_data()
    return {name: tuple(float(np.asarray(end).item()) for end in data.range_value) for name, data in found.items()}


@pytest.mark.parametrize(
    ("mine", "options"),
    [
        ({}, {}),
        ({"average": True}, {"moving_average": True}),
        ({"symmetric": True}, {"symmetric": True}),
    ],
)
def test_ranges_are_those_of_onnxruntime(
    prepared: Path, images: Callable[..., Any], bars: Any, mine: dict[str, Any], options: dict[str, Any]
) -> None:
    found, wanted = ours(prepared, images(9), bars, **mine), theirs(prepared, images(9), "MinMax", **options)
    assert set(found) == set(wanted)
    assert len(found) > 5
    for name, (low, high) in wanted.items():
        assert found[name] == pytest.approx((low, high), rel=1e-5, abs=1e-6), name


def test_percentile_is_near_that_of_onnxruntime(prepared: Path, images: Callable[..., Any], bars: Any) -> None:
    found = ours(prepared, images(6), bars, method="Percentile", percentile=99.0)
    wanted = theirs(prepared, images(6), "Percentile", percentile=99.0)
    for name, (low, high) in wanted.items():
        step = max(abs(low), abs(high)) / 200
        assert found[name] == pytest.approx((low, high), abs=step), name


def test_methods_nest_and_stay_inside_what_was_seen(prepared: Path, images: Callable[..., Any], bars: Any) -> None:
    extremes = ours(prepared, images(6), bars)
    inner = ours(prepared, images(6), bars, method="Percentile", percentile=90.0)
    middle = ours(prepared, images(6), bars, method="Percentile", percentile=99.9)
    for name, (low, high) in extremes.items():
        assert low <= middle[name][0] <= inner[name][0] <= inner[name][1] <= middle[name][1] <= high
    assert sum(inner[name][1] < 0.9 * high for name, (_, high) in extremes.items()) > 3
    for name, (low, high) in ours(prepared, images(6), bars, method="Distribution").items():
        assert high == -low == max(abs(end) for end in extremes[name])


def test_moving_average_is_short_for_minmax_with_averages(
    prepared: Path, images: Callable[..., Any], bars: Any
) -> None:
    assert ours(prepared, images(4), bars, method="MovingAverage") == ours(prepared, images(4), bars, average=True)


def activations(prepared: Path, images: Any, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return all values of some tensors, by onnx's own reference implementation."""
    model = onnx.load(str(prepared))
    intermediate = [onnx.ValueInfoProto(name=name) for name in names]
    del model.graph.output[:]
    model.graph.output.extend(intermediate)
    run = ReferenceEvaluator(model)
    found = [run.run(list(names), {"input": image}) for image in images]
    return {name: np.concatenate([row[place].ravel() for row in found]) for place, name in enumerate(names)}


def error(values: np.ndarray, low: float, high: float, steps: int) -> float:
    scale = (high - low) / steps
    zero = np.round(-low / scale)
    return float(np.mean(((np.clip(np.round(values / scale) + zero, 0, steps) - zero) * scale - values) ** 2))


def test_mse_beats_every_other_method_on_the_error_it_minimises(
    prepared: Path, images: Callable[..., Any], bars: Any
) -> None:
    names = ("input", "c", "e")
    values = activations(prepared, images(6), names)
    for bits in (4, 8):
        steps = 2**bits - 1
        found = {
            method: ours(prepared, images(6), bars, method=method, bits=bits, percentile=99.9)
            for method in ("MinMax", "Entropy", "Percentile", "MSE")
        }
        for name in names:
            errors = {
                method: error(values[name], min(ranges[name][0], 0.0), ranges[name][1], steps)
                for method, ranges in found.items()
            }
            assert errors["MSE"] <= 1.01 * min(errors.values()), (name, errors)
        assert found["MSE"]["c"][0] == 0.0  # all levels for what a ReLU leaves


@pytest.mark.parametrize("method", ["MinMax", "MovingAverage", "Entropy", "Percentile", "MSE", "Distribution"])
def test_symmetric_ranges_are_symmetric(prepared: Path, images: Callable[..., Any], bars: Any, method: str) -> None:
    for low, high in ours(prepared, images(3), bars, method=method, symmetric=True).values():
        assert low == -high < 0


@pytest.mark.parametrize("method", ["Entropy", "MSE"])
def test_sixteen_bits_clip_nothing(prepared: Path, images: Callable[..., Any], bars: Any, method: str) -> None:
    full = ours(prepared, images(3), bars)
    for name, ends in ours(prepared, images(3), bars, method=method, bits=16).items():
        assert ends == pytest.approx(full[name])


@pytest.mark.parametrize("method", ["Entropy", "Percentile", "MSE"])
def test_tensors_of_zeros_keep_their_range(prepared: Path, bars: Any, method: str) -> None:
    class Black(list[Any]):
        source = "train"

    found = ours(prepared, Black([np.zeros((1, 3, 12, 10), np.float32)]), bars, method=method)
    assert found["input"] == (0.0, 0.0)


def test_unknown_method_is_refused(prepared: Path, images: Callable[..., Any], bars: Any) -> None:
    with pytest.raises(ValueError, match="no calibration method Median; expected one of MinMax"):
        ours(prepared, images(1), bars, method="Median")


@pytest.mark.parametrize(
    ("method", "passes"), [("MinMax", 1), ("Distribution", 1), ("Entropy", 2), ("Percentile", 2), ("MSE", 2)]
)
def test_progress_counts_every_pass(
    prepared: Path, images: Callable[..., Any], bars: Any, method: str, passes: int
) -> None:
    data = images(4)
    ours(prepared, data, bars, method=method)
    assert bars.opened == [("Calibrating", 4 * passes)]
    assert bars.steps == data.reads == 4 * passes


@pytest.mark.parametrize("options", [{"batch": 3}, {"channels_last": True}])
def test_fixed_batch_and_channels_last_give_the_same_ranges(
    save_network: Callable[..., Path], images: Callable[..., Any], bars: Any, options: dict[str, Any]
) -> None:
    wanted = ours(save_network("a.onnx"), images(5), bars, method="Percentile")
    found = ours(save_network("b.onnx", **options), images(5), bars, method="Percentile")
    for name in ("c", "e", "output"):
        assert found[name] == pytest.approx(wanted[name], rel=1e-5)


def test_no_images_says_so(prepared: Path, images: Callable[..., Any], bars: Any) -> None:
    with pytest.raises(DataError, match="no images to calibrate with"):
        ours(prepared, images(0), bars)


def test_images_that_never_come_say_so(prepared: Path, bars: Any) -> None:
    class Promised(list[Any]):
        source = "train"

        def __len__(self) -> int:
            return 3

    with pytest.raises(DataError, match="Not one calibration image could be read"):
        ours(prepared, Promised(), bars)


def test_infinite_activation_names_image_and_tensor(prepared: Path, bars: Any) -> None:
    class Spoilt(list[Any]):
        source = "train"

    good = np.ones((1, 3, 12, 10), np.float32)
    with pytest.raises(UserError, match=r"Calibration image 1 makes the activation \"\w+\" infinite or not a number"):
        ours(prepared, Spoilt([good, good * np.nan]), bars)


MEASURE = """
import json, sys, tempfile
from contextlib import contextmanager
from pathlib import Path
import numpy as np, onnx, psutil
from onnx import helper, numpy_helper
from zoo_core.quantization.calibration import CalibrationOptions, collect_ranges

nodes = [helper.make_node("Conv", ["x", "w"], ["a"], "conv", pads=[1, 1, 1, 1])]
nodes += [helper.make_node("Relu", ["a"], ["y"], "relu")]
value = lambda name, channels: helper.make_tensor_value_info(name, 1, [1, channels, 64, 64])
weight = numpy_helper.from_array(np.ones((64, 3, 3, 3), np.float32), "w")
graph = helper.make_graph(nodes, "g", [value("x", 3)], [value("y", 64)], [weight])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

class Images:
    source, most = "train", 0
    def __init__(self, count): self.count = count
    def __len__(self): return self.count
    def __iter__(self):
        for _ in range(self.count):
            Images.most = max(Images.most, psutil.Process().memory_info().rss)
            yield np.random.default_rng(0).random((1, 3, 64, 64), dtype=np.float32)

class Silent:
    @contextmanager
    def track(self, description, total): yield self
    def advance(self, steps=1, **values): pass

growth = []
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "m.onnx"
    onnx.save(model, str(path))
    for count in (8, 8, 100):
        before = psutil.Process().memory_info().rss
        collect_ranges(path, Images(count), CalibrationOptions(method="MSE"), Path(folder), Silent())
        growth.append(Images.most - before)
print(json.dumps(growth))
"""


def test_memory_does_not_grow_with_the_images() -> None:
    run = run_isolated(MEASURE)
    assert run.returncode == 0, run.stderr
    one_image = 2 * 64 * 64 * 64 * 4  # bytes of both activations
    assert json.loads(run.stdout)[-1] < 10 * one_image


def test_tensors_of_other_operators_are_not_watched(prepared: Path, images: Callable[..., Any], bars: Any) -> None:
    graph = onnx.load(str(prepared)).graph
    gemm = next(node for node in graph.node if node.op_type == "Gemm")
    found = ours(prepared, images(2), bars, op_types=("Gemm",))
    assert set(found) == {gemm.input[0], gemm.output[0]}
