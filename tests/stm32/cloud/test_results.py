"""Test that a result of the service is read field by field, and refused where it is not understood."""

from __future__ import annotations

import copy

import pytest

from zoo_stm32.cloud import CloudCause, CloudError
from zoo_stm32.cloud.results import parse_benchmark, parse_processor, parse_run
from zoo_stm32.testing.cloud_results import benchmark_answer, processor_answer, tool_info


@pytest.fixture
def answer():
    return benchmark_answer(4321, device="STM32H747I-DISCO")


def test_pools_are_counted_once_and_split_by_address_or_name(answer):
    info = answer["benchmark"]["info"]
    info["memory_pools"] = [
        {"name": "A", "size_bytes": 10, "used_size_bytes": 1, "address": "0x20000000"},
        {"name": "B", "size_bytes": 10, "used_size_bytes": 2, "address": 0x5FFFFFFF},
        {"name": "C", "size_bytes": 10, "used_size_bytes": 4, "address": "0x60000000"},
        {"name": "MY_EXTERNAL_RAM", "size_bytes": 10, "used_size_bytes": 8, "address": "0x20000000"},
        {"name": "D", "size_bytes": 10, "used_size_bytes": 16, "address": "0x20000000", "rights": "ACC_READ"},
        {"name": "E", "size_bytes": 10, "used_size_bytes": 32, "address": "0x20000000", "virtual": True},
        {"name": "F", "size_bytes": 10, "used_size_bytes": 64, "address": "0x20000000", "subpools": ["A"]},
        {"name": "G", "size_bytes": -1, "used_size_bytes": 128, "address": "0x20000000"},
        {"name": "H", "size_bytes": 10, "used_size_bytes": 256, "address": "536870912"},
    ]
    report = parse_benchmark(answer)
    assert (report.internal_ram, report.external_ram) == (1 + 2 + 256, 4 + 8)


def test_the_footprint_of_the_mapping_wins(answer):
    answer["memoryMapping"]["memoryFootprint"] = {"activations": 11, "weights": 22, "kernel_flash": 33}
    report = parse_benchmark(answer)
    assert (report.activations, report.weights, report.library_flash, report.library_ram) == (11, 22, 33, None)


def test_what_is_not_reported_is_none_and_not_zero(answer):
    answer["memoryMapping"] = None
    info = answer["benchmark"]["info"]
    del info["memory_pools"], info["buffers"], info["validation"]
    info["graphs"][0]["exec_time"] = {"duration_ms": 4.0, "cycles": -1}
    info["graphs"][0]["nodes"][0].pop("macc")
    report = parse_benchmark(answer)
    assert (report.internal_flash, report.external_flash, report.internal_ram, report.external_ram) == (None,) * 4
    assert (report.cycles, report.macs, report.duration_ms) == (None, None, 4.0)
    assert "internal_flash" not in {metric.name for metric in report.metrics()}


def test_a_layer_that_is_not_described_gives_no_wrong_sum(answer):
    answer["memoryMapping"]["layersInExternalFlash"] = ["dense_1_weights", "unknown"]
    report = parse_benchmark(answer)
    assert (report.internal_flash, report.external_flash) == (700, None)


INFO = ("benchmark", "info")


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("benchmark",), None, "result.benchmark is missing"),
        ((*INFO, "memory_footprint"), None, "result.benchmark.info.memory_footprint is missing"),
        ((*INFO, "memory_footprint", "weights"), "12", "weights should be a number"),
        ((*INFO, "memory_footprint", "weights"), -3, "weights should be a number of 0 or more"),
        ((*INFO, "memory_footprint", "weights"), True, "weights should be a number"),
        ((*INFO, "memory_footprint", "weights"), 1.5, "weights should be a whole number"),
        ((*INFO, "memory_footprint", "activations"), float("nan"), "activations should be a number"),
        ((*INFO, "environment", "tools"), [], "tools.0 is missing"),
        ((*INFO, "graphs"), {}, "graphs.0 is missing"),
        ((*INFO, "graphs", 0, "nodes"), 7, "nodes should be a list"),
        ((*INFO, "graphs", 0, "exec_time", "duration_ms"), -1, "duration_ms should be a number of 0 or more"),
        ((*INFO, "graphs", 0, "exec_time", "duration_ms"), 0, "duration_ms should be above 0"),
        ((*INFO, "memory_pools", 0, "address"), "0xZZ", "memory_pools.0.address should be an address"),
        (("memoryMapping", "layersInInternalFlash"), "conv", "layersInInternalFlash should be a list"),
    ],
)
def test_a_result_that_is_not_understood_is_refused_with_its_place(path, value, words, answer):
    broken = copy.deepcopy(answer)
    place = broken
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    with pytest.raises(CloudError) as caught:
        parse_benchmark(broken)
    assert words in caught.value.message
    assert caught.value.cause is CloudCause.SCHEMA


def test_a_benchmark_without_time_is_no_benchmark(answer):
    del answer["benchmark"]["info"]["graphs"][0]["exec_time"]
    answer["benchmark"]["graph"] = {}
    with pytest.raises(CloudError, match="exec_time is missing"):
        parse_benchmark(answer)


def test_shares_of_a_processor():
    answer = processor_answer(10, device="STM32MP257F-EV1")
    answer["benchmark"]["exec_time"]["gpu_percent"] = -1
    answer["benchmark"]["tool_version"] = {"name": "stai", "major": 6, "minor": 0, "micro": 1}
    report = parse_processor(answer)
    assert (report.npu_share, report.gpu_share, report.cpu_share) == (0.8, None, 0.05)
    assert report.version == "stai 6.0.1"
    answer["benchmark"]["exec_time"]["npu_percent"] = 180
    with pytest.raises(CloudError, match="at most 100 %"):
        parse_processor(answer)


def test_an_analysis_has_no_time():
    report = parse_run({"info": tool_info(77, device="", timed=False)})
    assert (report.weights, report.duration_ms, report.cycles) == (77, None, None)
