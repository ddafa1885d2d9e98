"""Own what is asked of the service for each kind of board: compiler options, engine, cores."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from zoo_core.errors import UserError
from zoo_stm32.boards import Board

NEURAL_ART: Final = "stm32n6"
PROCESSORS: Final = ("STM32MP1", "STM32MP2")
ACCELERATED: Final = "STM32MP2"
SINGLE_CORE: Final = ("STM32MP13",)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudOptions:
    """Choose how the service compiles and measures."""

    optimization: str = "balanced"
    """`balanced`, `time` or `ram`."""
    version: str | None = None
    """Version of ST Edge AI Core; None is the latest that the service offers."""
    neural_art_profile: str = "default"
    """Profile of the NPU compiler, N6 only."""
    memory_pool: Path | None = None
    """File with the memories that may be used (`.mpool` or JSON)."""
    input_data_type: str | None = None
    output_data_type: str | None = None
    engine: str | None = None
    """`cpu` or `hw_accelerator`, boards with an application processor only; None is the board's best."""
    cores: int | None = None
    """Cores that compute, boards with an application processor only; None is all."""
    extra: Mapping[str, object] = field(default_factory=dict)
    """Further fields of the service's parameter object, under its own names."""


def is_processor(board: Board) -> bool:
    """Tell whether a board runs Linux on an application processor, which the service benchmarks in another way."""
    return board.series.upper() in PROCESSORS


def needs_nbg(board: Board) -> bool:
    """Tell whether a board takes network binary graphs."""
    return board.series.upper() == ACCELERATED


def benchmark_fields(board: Board, options: CloudOptions, origin: str) -> dict[str, Any]:
    """Return the fields of a benchmark, without model and version.

    Raises:
        UserError: When the file of memory pools cannot be read.
    """
    if is_processor(board):
        return {**_processor(board, options), **options.extra}
    fields: dict[str, Any] = {"fromModel": origin, **_compiler(board, options)}
    if options.memory_pool is not None:
        fields["mpool"] = _pools(options.memory_pool)
    return {**fields, **options.extra}


def compile_fields(board: Board, options: CloudOptions, origin: str) -> dict[str, Any]:
    """Return the fields of an analysis, generation or validation, without the model.

    Raises:
        UserError: When the board has no microcontroller.
    """
    if is_processor(board) or not board.tool_target:
        raise UserError(
            f"The Developer Cloud generates no C code for {board.name}.", hint="Benchmark the model on it instead."
        )
    return {"fromModel": origin, **_compiler(board, options), "target": board.tool_target, **options.extra}


def _compiler(board: Board, options: CloudOptions) -> dict[str, Any]:
    types = {"inputDataType": options.input_data_type, "outputDataType": options.output_data_type}
    fields: dict[str, Any] = {
        "optimization": options.optimization,
        "series": board.series.lower(),
        **{name: value for name, value in types.items() if value is not None},
    }
    if board.tool_target == NEURAL_ART:
        fields["target"] = NEURAL_ART
        fields["stNeuralArt"] = options.neural_art_profile
        fields["atonnOptions"] = {"enable-epoch-controller": True}
    return fields


def _processor(board: Board, options: CloudOptions) -> dict[str, Any]:
    accelerated = board.series.upper() == ACCELERATED
    cores = 1 if board.name.upper().startswith(SINGLE_CORE) else 2
    return {
        "engine": options.engine or ("hw_accelerator" if accelerated else "cpu"),
        "nbCores": options.cores or cores,
    }


def _pools(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"The memory pools {path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise UserError(f"The memory pools {path} are not JSON: {error}.") from None
