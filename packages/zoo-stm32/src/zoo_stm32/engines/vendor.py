"""Own measuring with ST's tools: the cloud's boards, or the footprint from ST Edge AI Core on this computer."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo_core.results import BenchmarkResult
from zoo_stm32.boards import FLASH, RAM
from zoo_stm32.cloud import CloudClient, CloudOptions
from zoo_stm32.stedgeai import Options, StEdgeAi, find_stedgeai

if TYPE_CHECKING:
    from zoo_core.protocols import Progress
    from zoo_stm32.boards import Board
    from zoo_stm32.engines.choice import Choice
    from zoo_stm32.reports import ToolReport

JOB = "cloud_job.json"
"""File in the folder of the stage that names the job of the cloud, so that an interrupted run finds it again."""


def find_tool(choice: Choice) -> StEdgeAi:
    """Return ST Edge AI Core of this computer.

    Raises:
        MissingError: When it is nowhere.
        UserError: When it cannot be used.
    """
    return find_stedgeai(choice.tool, expected_version=choice.version or "")


def cloud_client() -> CloudClient:
    """Return the client of the cloud with the login that the environment or the token file holds."""
    return CloudClient.from_environment(os.environ)


def cloud_report(choice: Choice, board: Board, model: Path, folder: Path, progress: Progress) -> ToolReport:
    """Measure a model on a board of the cloud; an interrupted run goes on with the same job.

    Raises:
        CloudError: When the service or the job fails.
    """
    options = CloudOptions(optimization=choice.optimization, version=choice.version)
    return cloud_client().benchmark(model, board, options, folder / JOB, progress)


def local_report(choice: Choice, board: Board, model: Path, folder: Path, progress: Progress) -> ToolReport:
    """Return the footprint of a model as ST Edge AI Core on this computer states it; it measures no time.

    Raises:
        ZooError: When the tool fails.
    """
    tool = find_tool(choice)
    report = tool.analyze(model, board, Options(optimization=choice.optimization), folder, progress)
    return replace(report, notes=(*tool.notes, *report.notes))


def vendor_result(report: ToolReport, board: Board, choice: Choice) -> BenchmarkResult:
    """Return the figures of a tool as the result of a stage."""
    details: dict[str, Any] = {
        "engine": choice.engine,
        "why": choice.reason,
        "version": report.version,
        "clock_hz": board.clock_hz,
        "cycles_by_mac": report.cycles_by_mac,
        "layers": [
            {
                "name": layer.name,
                "op_type": layer.op_type,
                "macs": layer.macs,
                "weight_bytes": layer.weight_bytes,
                "activation_bytes": layer.activation_bytes,
                "share": layer.share,
            }
            for layer in report.layers
        ],
        "memories": _memories(report, board),
        **report.details,
    }
    return BenchmarkResult(
        target=board.slug,
        device=report.device or board.name,
        metrics=report.metrics(),
        facts={"board": board.name, "engine": f"{report.engine} {report.version}".strip(), "chosen": choice.reason},
        notes=report.notes,
        details=details,
    )


def _memories(report: ToolReport, board: Board) -> list[dict[str, Any]]:
    """Return what the tool places inside and outside of the chip, beside what the board has there, in bytes."""
    places = (
        ("RAM of the chip", RAM, False, report.internal_ram),
        ("external RAM", RAM, True, report.external_ram),
        ("flash of the chip, weights", FLASH, False, report.internal_flash),
        ("external flash, weights", FLASH, True, report.external_flash),
    )
    return [
        {"name": name, "kind": kind, "external": external, "size": size, "used": used}
        for name, kind, external, used in places
        if used is not None and (size := board.total(kind, external=external))
    ]
