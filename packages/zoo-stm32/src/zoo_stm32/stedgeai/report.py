"""Own reading both report formats of ST Edge AI Core into one typed result; nothing is guessed.

`network_report.json` is the older one; `network_c_info.json` (schema 2.0) is written by 2.x, 3.x and 4.x.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from zoo_core.errors import ZooError
from zoo_stm32.reports import LayerReport, ToolReport
from zoo_stm32.stedgeai.document import Node, read_json
from zoo_stm32.stedgeai.errors import TOOL
from zoo_stm32.stedgeai.pools import PoolUse, bytes_in, read_pools

C_INFO = "network_c_info.json"
OLD_REPORT = "network_report.json"
KNOWN_SCHEMA = 2
CORE_NAME = "ST.EdgeAI.Core"

_NUMBERS = re.compile(r"\d+\.\d+\.\d+")


def find_report(*folders: Path) -> Path:
    """Return the report that a run left in one of its folders, the newer format first.

    Raises:
        ZooError: If there is none.
    """
    for name in (C_INFO, OLD_REPORT):
        for folder in folders:
            if (folder / name).is_file():
                return folder / name
    places = " or ".join(str(folder) for folder in folders)
    raise ZooError(
        f"{TOOL} ended well but left neither {C_INFO} nor {OLD_REPORT} in {places}.",
        hint="Its version may write another format; zoo-stm32 was written for 2.x, 3.x and 4.x.",
    )


def read_report(file: Path, version: str, *, timed: bool = False) -> ToolReport:
    """Read a report of either format.

    Args:
        file: The report.
        version: Version of the tool that ran; a report of another version is refused.
        timed: Whether the run was on the board; times measured on this computer are left out.

    Raises:
        ZooError: If it is cut off, of an unknown format or version, or lacks a field.
    """
    document = read_json(file)
    if "json_schema_version" in document:
        return _from_c_info(document, version, timed=timed)
    if "rom_size" in document or "report_version" in document:
        return _from_old_report(document, version)
    raise document.wrong("the field json_schema_version is missing, so its format is unknown")


# ---------------------------------------------------------------- newer format


def _from_c_info(document: Node, version: str, *, timed: bool) -> ToolReport:
    schema = document["json_schema_version"].text()
    if schema.split(".")[0] != str(KNOWN_SCHEMA):
        raise document.wrong(f"the field json_schema_version is {schema}, and only {KNOWN_SCHEMA}.x is known")
    tools = {tool["name"].text(): tool["version"].text() for tool in document["environment"]["tools"].items()}
    if CORE_NAME not in tools:
        raise document.wrong(f"the field environment.tools names no {CORE_NAME}")
    _check_version(document, "environment.tools", tools[CORE_NAME], version)
    footprint = document["memory_footprint"]
    graph = document["graphs"].items()[0:1]
    if not graph:
        raise document.wrong("the field graphs is empty")
    layers = _layers(graph[0], document["buffers"], timed=timed)
    compiled_for_npu = any("ATONN" in name.upper() for name in tools)
    macs: int | None = sum(layer.macs or 0 for layer in layers)
    mac_notes: tuple[str, ...] = ()
    if macs == 0 and compiled_for_npu:
        macs, mac_notes = None, ("The NPU compiler reports no MACs.",)
        layers = tuple(replace(layer, macs=None) for layer in layers)
    report = ToolReport(
        engine=TOOL,
        version=version,
        activations=footprint["activations"].integer(),
        weights=footprint["weights"].integer(),
        library_ram=_library(footprint, "ram"),
        library_flash=_library(footprint, "flash"),
        macs=macs,
        layers=layers,
        notes=(*mac_notes, *_npu_note(graph[0], compiled_for_npu=compiled_for_npu)),
        details={"report": str(document.file), "schema": schema, "tools": tools},
    )
    report = _with_placement(report, read_pools(document["memory_pools"]))
    return _with_time(report, graph[0], document["environment"]) if timed else report


def _library(footprint: Node, kind: str) -> int | None:
    """Add kernels, extra and tool chain; nothing when the tool had no compiler to size them with."""
    if "toolchain" not in footprint or f"kernel_{kind}" not in footprint:
        return None
    parts = (footprint.get(f"{part}_{kind}") for part in ("kernel", "extra", "toolchain"))
    return sum(part.integer() for part in parts if part is not None)


def _with_placement(report: ToolReport, pools: tuple[PoolUse, ...]) -> ToolReport:
    ram = {place: bytes_in(pools, writable=True, external=place) for place in (False, True)}
    flash = {place: bytes_in(pools, writable=False, external=place) for place in (False, True)}
    details = {
        **report.details,
        "pools": {pool.name: {"address": pool.address, "used_bytes": pool.used_bytes} for pool in pools},
    }
    if sum(ram.values()) < (report.activations or 0):
        note = "The memory pools of the report hold less than its activations: placement is not reported."
        return replace(report, details=details, notes=(*report.notes, note))
    unplaced = [pool.name for pool in pools if pool.address is None and pool.used_bytes and not pool.external]
    notes = report.notes
    if unplaced:
        notes = (*notes, f"The tool states no address for {', '.join(unplaced)}: counted as memory inside the chip.")
    return replace(
        report,
        internal_ram=ram[False],
        external_ram=ram[True],
        internal_flash=flash[False],
        external_flash=flash[True],
        details=details,
        notes=notes,
    )


def _with_time(report: ToolReport, graph: Node, environment: Node) -> ToolReport:
    time = graph["exec_time"]
    cycles = time["cycles"].integer()
    by_mac = time.get("cycles_by_macc")
    device = environment.get("device")
    return replace(
        report,
        cycles=cycles or None,
        duration_ms=time["duration_ms"].number(),
        cycles_by_mac=by_mac.number() if by_mac is not None and cycles else None,
        device=device.text() if device is not None else "",
    )


def _layers(graph: Node, buffers: Node, *, timed: bool) -> tuple[LayerReport, ...]:
    sizes = {
        buffer["id"].integer(): (buffer["size_bytes"].integer(), buffer["is_param"].value is True)
        for buffer in buffers.items()
    }
    counted: set[int] = set()
    layers = []
    for node in graph["nodes"].items():
        weights = 0
        for reference in node["inputs"].items():
            size, is_weight = sizes.get(reference.integer(), (0, False))
            if is_weight and reference.integer() not in counted:
                counted.add(reference.integer())
                weights += size
        layers.append(
            LayerReport(
                name=node["name"].text(),
                op_type=_op_type(node),
                macs=node["macc"].integer(),
                weight_bytes=weights,
                activation_bytes=sum(sizes.get(out.integer(), (0, False))[0] for out in node["outputs"].items()),
                share=node["exec_time"]["percentage"].number() / 100 if timed and "exec_time" in node else None,
            )
        )
    return tuple(layers)


def _op_type(node: Node) -> str:
    """Return the type of a node; an epoch of the NPU compiler is the chain of the operators inside it."""
    own = "".join(_stated_type(node))
    if own or "subgraph_nodes" not in node:
        return own
    inner = (part for child in node["subgraph_nodes"].items() for part in _stated_type(child))
    return "+".join(part for part in inner if part != "Param")


def _stated_type(node: Node) -> list[str]:
    for key in ("description", "type"):
        if key in node and (text := node[key].text().removeprefix("Node kind=")):
            return [text]
    return []


def _npu_note(graph: Node, *, compiled_for_npu: bool) -> tuple[str, ...]:
    if not compiled_for_npu:
        return ()
    steps = [node for node in graph["nodes"].items() if "mapping" in node and node["outputs"].items()]
    on_npu = sum(node["mapping"].text() in {"NODE_HW", "NODE_EC"} for node in steps)
    return (f"{on_npu} of {len(steps)} steps of the network run on the NPU alone.",)


# ---------------------------------------------------------------- older format


def _from_old_report(document: Node, version: str) -> ToolReport:
    stated = document["cli_version_str"].text() if "cli_version_str" in document else ""
    if stated.startswith(TOOL):
        _check_version(document, "cli_version_str", stated, version)
    return ToolReport(
        engine=TOOL,
        version=version,
        activations=_old_ram(document["ram_size"]),
        weights=document["rom_size"].integer(),
        macs=document["rom_n_macc"].integer(),
        notes=("The older report format states neither placement nor the size of the runtime library.",),
        details={"report": str(document.file), "cli_version": stated},
    )


def _old_ram(ram: Node) -> int:
    if not isinstance(ram.value, list):
        return ram.integer()
    if not ram.items():
        raise ram.wrong(f"the field {ram.where} is empty")
    return ram.items()[0].integer()


def _check_version(document: Node, field: str, stated: str, version: str) -> None:
    found = _NUMBERS.search(stated)
    expected = _NUMBERS.search(version)
    if found is None:
        raise document.wrong(f"the field {field} states no version: {stated!r}")
    if expected is not None and found.group() != expected.group():
        raise document.wrong(f"the field {field} is of version {found.group()}, but {expected.group()} ran")
