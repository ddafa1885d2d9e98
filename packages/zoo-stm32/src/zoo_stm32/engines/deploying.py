"""Own the way from a configuration to a deployment into the user's C project."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from zoo_core.errors import UserError
from zoo_core.export.onnx_file import inspect_onnx
from zoo_core.results import DeploymentResult, MetricValue
from zoo_stm32.config import Stm32DeploymentSection
from zoo_stm32.deployment import DeployJob, Host, deploy, find_tools
from zoo_stm32.engines.vendor import find_tool
from zoo_stm32.headers import read_values
from zoo_stm32.stedgeai import Options

if TYPE_CHECKING:
    from zoo_core.config.sections import DeploymentSection, HardwareSection, RunConfig
    from zoo_core.protocols import Progress
    from zoo_stm32.boards import Board
    from zoo_stm32.engines.choice import Choice

HEADERS = "C_header"
INPUT_TYPE: Literal["uint8"] = "uint8"
OUTPUT_TYPE: Literal["float32"] = "float32"
CHANNELS: Literal["chlast"] = "chlast"
NUCLEO_N6 = "NUCLEO-N657X0-Q"
"""Board whose display decides about the build configuration."""
RUNTIME = Path("Middlewares", "ST", "AI")
"""Folder of the runtime library inside an installation of ST Edge AI Core."""


def deploy_project(
    config: RunConfig, *, choice: Choice, board: Board, model: Path, folder: Path, progress: Progress
) -> DeploymentResult:
    """Put a model into the user's C project and onto the board, step by step.

    Raises:
        ZooError: When a step fails; the steps before it are kept.
    """
    section = config.deployment
    if section is None:
        raise UserError("The deployment section is missing.")
    job = _job(config, section=section, choice=choice, board=board, model=model, folder=folder)
    steps = section.steps if isinstance(section, Stm32DeploymentSection) else None
    outcome = deploy(job, steps, progress)
    sizes = tuple(
        MetricValue(
            name=f"used_{name.lower().replace(' ', '_')}", value=float(size), unit="bytes", higher_is_better=False
        )
        for name, size in outcome.sizes.items()
    )
    return DeploymentResult(
        target=board.slug,
        metrics=(*(() if outcome.report is None else outcome.report.metrics()), *sizes),
        facts={"board": board.name, "deployed": ", ".join(f"{step.name} {step.status}" for step in outcome.steps)},
        notes=outcome.notes,
        files=tuple(str(file) for step in outcome.steps for file in step.files),
        details={"steps": {step.name: step.detail for step in outcome.steps}, "state": str(outcome.state)},
    )


def _job(
    config: RunConfig, *, section: DeploymentSection, choice: Choice, board: Board, model: Path, folder: Path
) -> DeployJob:
    metadata = inspect_onnx(model).metadata
    names = metadata.get("class_names")
    common: dict[str, Any] = {
        "board": board,
        "model": model,
        "folder": folder,
        "headers": folder.parent / HEADERS,
        "tools": find_tools(choice.cube_ide),
        "class_names": tuple(names) if isinstance(names, list) else (),
    }
    if not board.runs_firmware:
        return DeployJob(**common, host=_host(section))
    tool = find_tool(choice)
    hardware = section.hardware_setup
    return DeployJob(
        **common,
        project=section.c_project_path,
        values=read_values(
            metadata,
            series=board.series,
            board=board.name,
            model=model.name,
            input_type=INPUT_TYPE,
            output_type=OUTPUT_TYPE,
            app=_app(config),
            camera=hardware.input,
            display=hardware.output,
        ),
        generator=tool,
        options=Options(
            optimization=choice.optimization,
            input_type=INPUT_TYPE,
            output_type=OUTPUT_TYPE,
            inputs_channel_position=CHANNELS,
        ),
        runtime=_runtime(tool.executable),
        serial=hardware.stlink_serial_number,
        configuration=section.build_conf or (hardware.output if board.name == NUCLEO_N6 else None),
    )


def _host(section: DeploymentSection) -> Host:
    hardware: HardwareSection = section.hardware_setup
    missing = [
        key
        for key, value in (
            ("deployment.hardware_setup.ip_address", hardware.ip_address),
            ("deployment.board_deploy_path", section.board_deploy_path),
        )
        if not value
    ]
    if missing:
        raise UserError(
            f"{' and '.join(missing)} must be set for {hardware.board}.",
            hint="They say where the board is on the network and which of its folders takes the files.",
        )
    return Host(address=str(hardware.ip_address), path=str(section.board_deploy_path))


def _app(config: RunConfig) -> Mapping[str, Any] | None:
    app = config.app
    return None if app is None else dict(app.model_dump())


def _runtime(executable: Path) -> Path | None:
    """Return the runtime library of the installation that an executable belongs to, `<version>/Utilities/<os>/...`."""
    return next((found for folder in executable.parents if (found := folder / RUNTIME).is_dir()), None)
