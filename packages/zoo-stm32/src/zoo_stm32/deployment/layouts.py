"""Own where ST's application projects take generated files, per board, and what each board's programming needs.

The places are those of the STM32H7 and STM32N6 projects of ST's model zoo services 3.x and 4.x. A file
`stmaic_<board>.conf` inside a project goes before them.
"""

from __future__ import annotations

from dataclasses import dataclass

from zoo_core.errors import UserError
from zoo_stm32.boards import Board
from zoo_stm32.deployment.job import H7, MPU, N6


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Say where files of a pattern go: the first of the folders that exists in the project."""

    pattern: str
    folders: tuple[str, ...]
    needed: bool = True
    name: str = ""
    """Name in the project; the file's own when empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Describe the project of one board."""

    header_folders: tuple[str, ...]
    code: tuple[Rule, ...]
    runtime_folders: tuple[str, ...]
    runtime_parts: tuple[str, ...]
    """Parts of `Middlewares/ST/AI` that are copied."""
    project_mark: str
    """Part of the name of the STM32CubeIDE project, where a folder holds several."""
    configurations: tuple[str, ...]
    """Build configurations in order of preference."""
    external_loader: str = ""
    flash_address: int | None = None
    """Where the signed image goes; nothing where the ELF file says it."""
    weights_address: int | None = None
    first_stage_loader: str = ""
    largest_camera: tuple[int, int] = (640, 480)


H7_CODE_FOLDERS_C = ("Application/Network/Src", "Network/Src")
H7_CODE_FOLDERS_H = ("Application/Network/Inc", "Network/Inc")
N6_WEIGHTS = "network_atonbuf.xSPI2.raw"


def _h7(board: str, *, loader: str, camera: tuple[int, int] = (640, 480)) -> Layout:
    return Layout(
        header_folders=(f"Application/{board}/Inc/CM7", f"Application/{board}/Inc", "Application/Inc"),
        code=(
            Rule(pattern="network.h", folders=H7_CODE_FOLDERS_H),
            Rule(pattern="network.c", folders=H7_CODE_FOLDERS_C),
            Rule(pattern="network_config.h", folders=H7_CODE_FOLDERS_H, needed=False),
            Rule(pattern="network_data.h", folders=H7_CODE_FOLDERS_H),
            Rule(pattern="network_data.c", folders=H7_CODE_FOLDERS_C),
            Rule(pattern="network_data_params.h", folders=H7_CODE_FOLDERS_H, needed=False),
            Rule(pattern="network_data_params.c", folders=H7_CODE_FOLDERS_C, needed=False),
            Rule(pattern="network_generate_report.txt", folders=H7_CODE_FOLDERS_C, needed=False),
        ),
        runtime_folders=("Middlewares/STM32_AI_Runtime", "Middlewares/ST/STM32_AI_Runtime"),
        runtime_parts=("Inc", "Lib/GCC/ARMCortexM7"),
        project_mark="CM7",
        configurations=("Release", "Debug"),
        external_loader=loader,
        largest_camera=camera,
    )


def _n6(board: str, *, loader: str, configurations: tuple[str, ...]) -> Layout:
    folders = (f"Model/{board}", "Model")
    return Layout(
        header_folders=(f"Application/{board}/Inc", "Inc"),
        code=(
            Rule(pattern="network.c", folders=folders),
            Rule(pattern="network.h", folders=folders, needed=False),
            Rule(pattern="network_ecblobs.h", folders=folders),
            Rule(pattern="stai_network.c", folders=folders, needed=False),
            Rule(pattern="stai_network.h", folders=folders, needed=False),
            Rule(pattern=N6_WEIGHTS, folders=folders, name=N6_WEIGHTS.replace(".raw", ".bin")),
        ),
        runtime_folders=("Middlewares/AI_Runtime", "Middlewares/ST/AI"),
        runtime_parts=("Inc", "Lib/GCC/ARMCortexM55", "Npu/ll_aton"),
        project_mark="",
        configurations=configurations,
        external_loader=loader,
        flash_address=0x70100000,
        weights_address=0x70380000,
        first_stage_loader="ai_fsbl.hex",
    )


LAYOUTS = {
    "STM32H747I-DISCO": _h7("STM32H747I-DISCO", loader="MT25TL01G_STM32H747I-DISCO.stldr"),
    "NUCLEO-H743ZI2": _h7("NUCLEO-H743ZI2", loader="", camera=(320, 240)),
    "STM32N6570-DK": _n6(
        "STM32N6570-DK", loader="MX66UW1G45G_STM32N6570-DK.stldr", configurations=("Debug", "Release", "STM32N6570-DK")
    ),
    "NUCLEO-N657X0-Q": _n6(
        "NUCLEO-N657X0-Q", loader="MX25UM51245G_STM32N6570-NUCLEO.stldr", configurations=("UVCL", "SPI", "Debug")
    ),
}


def layout_of(board: Board) -> Layout:
    """Return how the projects for a board are laid out.

    Raises:
        UserError: When ST has no application for the board.
    """
    found = LAYOUTS.get(board.name)
    if found is None or board.series not in (H7, N6):
        raise UserError(
            f"There is no application of ST that a model is deployed to on {board.name}.",
            hint=f"Boards with one: {', '.join(LAYOUTS)}, and those of {' and '.join(MPU)}.",
        )
    return found
