"""The host target reports figures that stand in the right relation to each other and to the model."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_core import FloatOnnx, UserError
from zoo_core.export.runtime import available_cores
from zoo_core.inference import host, memory
from zoo_core.inference.host import HostTarget, build
from zoo_core.inference.machine import cpu_name
from zoo_core.results import BenchmarkResult, result_from_dict


class Bars:
    """Count what a progress display is told."""

    def __init__(self) -> None:
        self.steps = 0
        self.values: dict[str, float] = {}

    @contextmanager
    def track(self, description: str, total: int | None) -> Iterator["Bars"]:
        assert description
        assert total is None
        yield self

    def advance(self, steps: int = 1, **values: float) -> None:
        self.steps += steps
        self.values.update(values)


def save(path: Path, *, batch: int | str = "n", width: int = 8, kind: int = TensorProto.FLOAT) -> FloatOnnx:
    """Write a 3x3 convolution from 3 channels to `width` on 16x16 pixels without padding."""
    weight = np.random.default_rng(0).normal(size=(width, 3, 3, 3)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Cast", ["x"], ["f"], to=1), helper.make_node("Conv", ["f", "w"], ["y"])],
        "test",
        [helper.make_tensor_value_info("x", kind, [batch, 3, 16, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, width, 14, 14])],
        [numpy_helper.from_array(weight, "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return FloatOnnx(path=path, sha256="", made_by="user")


def figures(result: BenchmarkResult) -> dict[str, float]:
    return {metric.name: metric.value for metric in result.metrics}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[BenchmarkResult, Bars, FloatOnnx]:
    folder = tmp_path_factory.mktemp("host")
    model, bars = save(folder / "a.onnx"), Bars()
    return HostTarget(threads=1, seconds=0.1).benchmark(model, folder, bars), bars, model


def test_benchmark_latencies_are_in_order(measured: tuple[BenchmarkResult, Bars, FloatOnnx]) -> None:
    found = figures(measured[0])
    assert 0 < found["latency_min"] <= found["latency_median"] <= found["latency_p95"]
    assert found["latency_min"] <= found["latency_mean"]
    assert found["throughput"] == pytest.approx(1000 / found["latency_median"])


def test_benchmark_counts_the_model(measured: tuple[BenchmarkResult, Bars, FloatOnnx]) -> None:
    result, _, model = measured
    found = figures(result)
    assert found["model_size"] == model.path.stat().st_size
    assert found["parameters"] == 8 * 27
    assert found["macs"] == 8 * 27 * 14 * 14
    assert found["peak_memory"] > 0


def test_benchmark_knows_which_way_is_up(measured: tuple[BenchmarkResult, Bars, FloatOnnx]) -> None:
    better = {metric.name for metric in measured[0].metrics if metric.higher_is_better}
    units = {metric.name: metric.unit for metric in measured[0].metrics}
    assert better == {"throughput"}
    assert units["latency_p95"] == "ms"
    assert units["peak_memory"] == units["model_size"] == "bytes"


def test_benchmark_says_how_it_measured(measured: tuple[BenchmarkResult, Bars, FloatOnnx]) -> None:
    result, bars, _ = measured
    assert (result.target, result.device) == ("host", cpu_name())
    assert result.details["threads"] == 1
    assert result.details["batch"] == 1
    assert result.details["runs"] == bars.steps >= host.FEWEST_RUNS
    assert bars.values["latency_ms"] == figures(result)["latency_median"]
    assert result_from_dict(result.to_dict()) == result


def test_benchmark_of_a_fixed_batch_counts_its_images(tmp_path: Path) -> None:
    result = HostTarget(threads=1, seconds=0.05).benchmark(save(tmp_path / "a.onnx", batch=4), tmp_path, Bars())
    found = figures(result)
    assert result.details["batch"] == 4
    assert found["throughput"] == pytest.approx(4000 / found["latency_median"])
    assert found["macs"] == 8 * 27 * 14 * 14


def test_benchmark_without_processes_leaves_memory_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError("no processes here")

    monkeypatch.setattr(subprocess, "run", refuse)
    result = HostTarget(threads=1, seconds=0.01).benchmark(save(tmp_path / "a.onnx"), tmp_path, Bars())
    assert "peak_memory" not in figures(result)
    assert result.notes == ("Peak memory could not be measured: no process could be started.",)


def test_benchmark_integer_input_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="takes uint8 images"):
        HostTarget().benchmark(save(tmp_path / "a.onnx", kind=TensorProto.UINT8), tmp_path, Bars())


def test_peak_memory_grows_with_the_activations(tmp_path: Path) -> None:
    small, large = save(tmp_path / "s.onnx", batch=1), save(tmp_path / "l.onnx", batch=1, width=60_000)
    found = [memory.measure_peak_memory(model.path, 1) for model in (small, large)]
    assert found[0] is not None
    assert found[1] is not None
    output_bytes = 4 * 60_000 * 14 * 14
    assert output_bytes < found[1] - found[0] < 3 * output_bytes


def test_peak_memory_of_a_broken_model_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_text("no model")
    assert memory.measure_peak_memory(tmp_path / "a.onnx", 1) is None


def test_check_names_what_the_host_cannot() -> None:
    target = HostTarget()
    assert target.check("benchmark") == target.check("infer") == ()
    assert target.check("deploy") == ("this machine cannot deploy, only benchmark and infer",)


def test_open_computes(tmp_path: Path) -> None:
    session = HostTarget(threads=1).open(save(tmp_path / "a.onnx"), Bars())
    assert session.run(np.zeros((2, 3, 16, 16), np.float32))[0].shape == (2, 8, 14, 14)


@pytest.mark.parametrize(("asked", "threads"), [(3, 3), (None, available_cores())])
def test_build_takes_threads_from_the_configuration(asked: int | None, threads: int) -> None:
    config: Any = SimpleNamespace(general=SimpleNamespace(num_threads=asked))
    assert build(config).threads == threads


def test_cpu_has_a_name() -> None:
    assert cpu_name().strip()
    assert "\n" not in cpu_name()
