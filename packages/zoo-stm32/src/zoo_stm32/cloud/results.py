"""Own the reading of results of the service into a ToolReport, in the forms of ST Edge AI Core 2.x, 3.x and 4.x."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from zoo_stm32.cloud.answers import Part, number_or_none, text_or_empty, whole_or_none
from zoo_stm32.reports import LayerReport, ToolReport

ENGINE: Final = "ST Edge AI Developer Cloud"
EXTERNAL_FROM: Final = 0x6000_0000
"""First address of external memories (Arm v7-M architecture, default memory map: external RAM)."""
EXTERNAL_WORD: Final = "EXTERNAL"
READ_ONLY: Final = "ACC_READ"
ARRAY_SUFFIX: Final = "_array"
METRICS: Final = ("acc", "rmse", "mae", "l2r", "mean", "std", "cos")


def parse_benchmark(answer: Mapping[str, Any]) -> ToolReport:
    """Return the figures of a benchmark on a microcontroller; every one that is missing is None, not zero.

    Raises:
        CloudError: When the result has an unknown form.
    """
    whole = Part(answer, "result")
    benchmark = whole.at("benchmark")
    mapping = whole.find("memoryMapping") or Part({}, "result.memoryMapping")
    info = benchmark.find("info")
    if info is None:
        return _from_report(benchmark.at("report"), benchmark.at("graph"), mapping, timed=True)
    return _from_info(info, benchmark.find("graph"), mapping, timed=True)


def parse_run(result: Any) -> ToolReport:
    """Return the figures of an analysis, generation or validation, which has no time.

    Raises:
        CloudError: When the result has an unknown form.
    """
    whole = Part(result, "result")
    info = whole.find("info")
    mapping = Part({}, "result.memoryMapping")
    if info is None:
        return _from_report(whole.at("report"), whole.at("graph"), mapping, timed=False)
    return _from_info(info, whole.find("graph"), mapping, timed=False)


def parse_processor(answer: Mapping[str, Any]) -> ToolReport:
    """Return the figures of a benchmark on a board with an application processor.

    Raises:
        CloudError: When the result has an unknown form.
    """
    benchmark = Part(answer, "result").at("benchmark")
    time = benchmark.at("exec_time")
    tool = benchmark.at("tool_version")
    number = ".".join(tool.at(name).text() for name in ("major", "minor", "micro"))
    return ToolReport(
        engine=ENGINE,
        version=f"{tool.at('name').text()} {number}",
        duration_ms=time.at("duration_ms").positive(),
        device=text_or_empty(benchmark.find("board")),
        npu_share=_share(time.find("npu_percent")),
        gpu_share=_share(time.find("gpu_percent")),
        cpu_share=_share(time.find("cpu_percent")),
        model_bytes=whole_or_none(benchmark.find("model_size")),
        peak_ram=whole_or_none(benchmark.find("ram_peak")),
        details={"date": text_or_empty(benchmark.find("date"))},
    )


def _from_info(info: Part, graph: Part | None, mapping: Part, *, timed: bool) -> ToolReport:
    """Read the form of `network_c_info.json`, used by ST Edge AI Core 2.x and later."""
    network = info.at("graphs", 0)
    footprint = mapping.find("memoryFootprint") or info.at("memory_footprint")
    tool = info.at("environment", "tools", 0)
    time = network.find("exec_time") or (graph.find("exec_time") if graph else None)
    arrays = {
        buffer.at("name").text(): buffer.at("size_bytes").whole()
        for buffer in _items(info.find("buffers"))
        if (flag := buffer.find("is_param")) is not None and flag.value is True
    }
    internal, external = _ram(_items(info.find("memory_pools")), used="used_size_bytes")
    layers = tuple(_layer(node) for node in network.at("nodes").items())
    return ToolReport(
        engine=ENGINE,
        version=tool.at("version").text(),
        activations=footprint.at("activations").whole(),
        weights=footprint.at("weights").whole(),
        library_ram=_sum(footprint, ("kernel_ram", "extra_ram", "toolchain_ram")),
        library_flash=_sum(footprint, ("kernel_flash", "extra_flash", "toolchain_flash")),
        macs=_macs(layers),
        internal_ram=internal,
        external_ram=external,
        internal_flash=_flash(mapping.find("layersInInternalFlash"), arrays),
        external_flash=_flash(mapping.find("layersInExternalFlash"), arrays),
        cycles=_cycles(time),
        duration_ms=_duration(time, network, timed=timed),
        device=text_or_empty(info.at("environment").find("device")),
        cycles_by_mac=number_or_none(time.find("cycles_by_macc")) if time else None,
        layers=layers,
        details={
            "arguments": text_or_empty(tool.find("arguments")),
            "validation": _validation(_below(info, "validation", "val_metrics")),
        },
    )


def _from_report(report: Part, graph: Part, mapping: Part, *, timed: bool) -> ToolReport:
    """Read the older pair of report and graph, which has no `info`."""
    footprint = mapping.find("memoryFootprint") or graph.find("memory_footprint") or Part({}, graph.path)
    time = graph.find("exec_time")
    ram = report.at("ram_size")
    arrays = {array.at("name").text(): array.at("c_size_in_byte").whole() for array in _items(graph.find("c_arrays"))}
    internal, external = _ram(_items(graph.find("memory_pools")), used="used_size")
    return ToolReport(
        engine=ENGINE,
        version=report.at("cli_version_str").text(),
        activations=(ram.at(0) if isinstance(ram.value, list) else ram).whole(),
        weights=report.at("rom_size").whole(),
        library_ram=_sum(footprint, ("kernel_ram", "extra_ram", "toolchain_ram")),
        library_flash=_sum(footprint, ("kernel_flash", "extra_flash", "toolchain_flash")),
        macs=report.at("rom_n_macc").whole(),
        internal_ram=internal,
        external_ram=external,
        internal_flash=_flash(mapping.find("layersInInternalFlash"), arrays),
        external_flash=_flash(mapping.find("layersInExternalFlash"), arrays),
        cycles=_cycles(time),
        duration_ms=_duration(time, graph, timed=timed),
        device=text_or_empty(time.find("device")) if time else "",
        cycles_by_mac=number_or_none(time.find("cycles_by_macc")) if time else None,
        details={"validation": _validation(report.find("val_metrics"))},
    )


def _duration(time: Part | None, owner: Part, *, timed: bool) -> float | None:
    if not timed:
        return number_or_none(time.find("duration_ms")) if time else None
    return (time or owner.at("exec_time")).at("duration_ms").positive()


def _cycles(time: Part | None) -> int | None:
    return whole_or_none(time.find("cycles")) if time else None


def _layer(node: Part) -> LayerReport:
    return LayerReport(
        name=text_or_empty(node.find("name") or node.find("id")),
        op_type=text_or_empty(node.find("type") or node.find("description")),
        macs=whole_or_none(node.find("macc")),
    )


def _macs(layers: tuple[LayerReport, ...]) -> int | None:
    counts = [layer.macs for layer in layers if layer.macs is not None]
    return sum(counts) if len(counts) == len(layers) else None


def _ram(pools: list[Part], *, used: str) -> tuple[int | None, int | None]:
    """Return the bytes used inside and outside of the chip, in memories that can be written and hold no others."""
    internal = external = 0
    counted = False
    for pool in pools:
        if not _is_plain_ram(pool):
            continue
        counted = True
        size = whole_or_none(pool.find(used)) or 0
        if _is_external(pool):
            external += size
        else:
            internal += size
    return (internal, external) if counted else (None, None)


def _is_plain_ram(pool: Part) -> bool:
    size, virtual, inner, rights = (pool.find(name) for name in ("size_bytes", "virtual", "subpools", "rights"))
    if size is not None and size.value == -1:
        return False
    return (
        not (virtual is not None and virtual.value)
        and not (inner is not None and inner.value)
        and not (rights is not None and rights.value == READ_ONLY)
    )


def _is_external(pool: Part) -> bool:
    address = pool.find("address")
    return EXTERNAL_WORD in pool.at("name").text().upper() or (
        address is not None and address.address() >= EXTERNAL_FROM
    )


def _flash(layers: Part | None, arrays: Mapping[str, int]) -> int | None:
    """Return the bytes of the parameters of some layers; None when the service names one that it does not describe."""
    if layers is None:
        return None
    sizes = [arrays.get(f"{name}{ARRAY_SUFFIX}", arrays.get(name)) for name in (part.text() for part in layers.items())]
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


def _share(part: Part | None) -> float | None:
    return None if part is None or part.value == -1 else part.share()


def _sum(footprint: Part, names: tuple[str, ...]) -> int | None:
    found = [whole_or_none(footprint.find(name)) for name in names]
    known = [value for value in found if value is not None]
    return sum(known) if known else None


def _validation(metrics: Part | None) -> list[dict[str, float | str]]:
    return [_metric(metric) for metric in _items(metrics)]


def _metric(metric: Part) -> dict[str, float | str]:
    values: dict[str, float | str] = {
        name: metric.value[name]
        for name in METRICS
        if isinstance(metric.value, dict) and isinstance(metric.value.get(name), int | float | str)
    }
    return {"tensor": text_or_empty(metric.find("ts_name") or metric.find("desc")), **values}


def _items(part: Part | None) -> list[Part]:
    return [] if part is None else part.items()


def _below(part: Part, *names: str) -> Part | None:
    found: Part | None = part
    for name in names:
        found = found.find(name) if found is not None else None
    return found
