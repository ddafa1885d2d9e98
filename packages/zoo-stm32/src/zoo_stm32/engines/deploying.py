"""Own the way from a configuration to a deployment into the user's C project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from zoo_core.errors import MissingError, UserError
from zoo_core.export.onnx_file import inspect_onnx
from zoo_core.results import DeploymentResult, MetricValue
from zoo_stm32.boards import Board, load_boards
from zoo_stm32.config import Stm32DeploymentSection
from zoo_stm32.deployment import CodeGenerator, DeployJob, Host, deploy, find_tools
from zoo_stm32.deployment.job import GENERATE
from zoo_stm32.engines.choice import CLOUD
from zoo_stm32.engines.cloud_code import RUNTIME, CloudGenerator
from zoo_stm32.engines.conversion import SERIES, binary_graph
from zoo_stm32.engines.vendor import cloud_client, find_tool
from zoo_stm32.headers import read_values
from zoo_stm32.stedgeai import Options
from zoo_stm32.stedgeai.errors import TOOL

if TYPE_CHECKING:
    from zoo_core.config.sections import DeploymentSection, HardwareSection, RunConfig
    from zoo_core.protocols import Progress
    from zoo_stm32.engines.choice import Choice

HEADERS = "C_header"
INPUT_TYPE: Literal["uint8"] = "uint8"
OUTPUT_TYPE: Literal["float32"] = "float32"
CHANNELS: Literal["chlast"] = "chlast"
TOOL_CHAIN = "GCC"
NUCLEO_N6 = "NUCLEO-N657X0-Q"
"""Board whose display decides about the build configuration."""
INSTALLED_RUNTIME = Path("Middlewares", "ST", "AI")
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
    _refuse_contradictions(section, board)
    common = _common(config, choice=choice, board=board, model=model, folder=folder)
    if board.runs_firmware:
        code = _code(choice, folder, steps_of(section))
        job = _firmware_job(config, section, common, choice, code)
    else:
        code = Code()
        job = _processor_job(section, common, progress)
    outcome = deploy(job, steps_of(section), progress)
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
        notes=(*code.notes, *outcome.notes),
        files=tuple(str(file) for step in outcome.steps for file in step.files),
        details={"steps": {step.name: step.detail for step in outcome.steps}, "state": str(outcome.state)},
    )


def steps_of(section: DeploymentSection) -> tuple[str, ...] | None:
    """Return the steps that the configuration asks for alone, or nothing when it asks for all."""
    return section.steps if isinstance(section, Stm32DeploymentSection) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Hold what turns a model into C, where it puts or has its runtime library, and what the user should know of it."""

    generator: CodeGenerator | None = None
    runtime: Path | None = None
    notes: tuple[str, ...] = ()


def _code(choice: Choice, folder: Path, steps: tuple[str, ...] | None) -> Code:
    """Return the cloud or the tool on this computer; nothing when no step needs it, or it is nowhere.

    The step `check` lists a tool that is nowhere among all else that lacks.
    """
    if steps is not None and GENERATE not in steps:
        return Code()
    if choice.engine == CLOUD:
        return Code(generator=CloudGenerator(client=cloud_client(), version=choice.version), runtime=folder / RUNTIME)
    try:
        tool = find_tool(choice)
    except MissingError as error:
        if error.message.startswith(f"{TOOL} was not found"):
            return Code()
        raise
    return Code(generator=tool, runtime=_runtime(tool.executable), notes=tool.notes)


def _common(config: RunConfig, *, choice: Choice, board: Board, model: Path, folder: Path) -> dict[str, Any]:
    section = config.deployment
    return {
        "board": board,
        "model": model,
        "folder": folder,
        "headers": folder.parent / HEADERS,
        "tools": find_tools(choice.cube_ide),
        "project": None if section is None else section.c_project_path,
        "class_names": _class_names(config, inspect_onnx(model).metadata),
    }


def _class_names(config: RunConfig, metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names that the model states, else those of `dataset.class_names`."""
    names = metadata.get("class_names")
    return tuple(names) if isinstance(names, list) else config.dataset.class_names or ()


def _processor_job(section: DeploymentSection, common: dict[str, Any], progress: Progress) -> DeployJob:
    host = _host(section)
    if common["board"].series == SERIES:
        converted = binary_graph(cloud_client(), common["model"], common["folder"], progress)
        common = {**common, "model": converted}
    return DeployJob(**common, host=host)


def _firmware_job(
    config: RunConfig, section: DeploymentSection, common: dict[str, Any], choice: Choice, code: Code
) -> DeployJob:
    board: Board = common["board"]
    model: Path = common["model"]
    hardware = section.hardware_setup
    values = read_values(
        {**inspect_onnx(model).metadata, "class_names": list(common["class_names"])},
        series=board.series,
        board=board.name,
        model=model.name,
        input_type=INPUT_TYPE,
        output_type=OUTPUT_TYPE,
        app=_app(config),
        camera=hardware.input,
        display=hardware.output,
    )
    return DeployJob(
        **common,
        values=values,
        generator=code.generator,
        options=Options(
            optimization=choice.optimization,
            input_type=INPUT_TYPE,
            output_type=OUTPUT_TYPE,
            inputs_channel_position=CHANNELS,
        ),
        runtime=code.runtime,
        serial=hardware.stlink_serial_number,
        configuration=section.build_conf or (hardware.output if board.name == NUCLEO_N6 else None),
    )


def _refuse_contradictions(section: DeploymentSection, board: Board) -> None:
    """Refuse a family that is not the board's, and tool chains that nothing drives.

    Raises:
        UserError: Naming the key.
    """
    serie = (section.hardware_setup.serie or board.series).upper()
    if serie != board.series and serie in {one.series for one in load_boards()}:
        raise UserError(
            f"deployment.hardware_setup.serie is {serie}, and {board.name} is an {board.series}.",
            hint=f"Set serie: {board.series}, or leave it out.",
        )
    if section.IDE is not None and section.IDE.upper() != TOOL_CHAIN:
        raise UserError(f"deployment.IDE: projects are built with {TOOL_CHAIN}, found {section.IDE}.")


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
    return next((found for folder in executable.parents if (found := folder / INSTALLED_RUNTIME).is_dir()), None)
