"""Own the target that needs no board and no vendor tool: firmware on an emulated Cortex-M."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo_core.artifacts import OnnxModel
from zoo_core.errors import MissingError, ZooError
from zoo_core.results import BenchmarkResult, DeploymentResult
from zoo_core.runs.files import disk_errors, write_text
from zoo_core.specs import INFER
from zoo_stm32.emulator import EmulatorSession
from zoo_stm32.emulator.qemu import find_qemu
from zoo_stm32.figures import Footprint, exactness, island_note
from zoo_stm32.firmware import export, find_toolchain
from zoo_stm32.preparation import KIB, QEMU, Engine, Prepared, build_firmware, prepare, start_engine
from zoo_stm32.verification import Comparison, compare, golden_data

if TYPE_CHECKING:
    from zoo_core.protocols import Progress
    from zoo_stm32.artifacts import FirmwareImage
    from zoo_stm32.boards import Board
    from zoo_stm32.config import FirmwareSection

CHECKED_INPUTS = 3
"""Sets of inputs on which firmware and onnxruntime are compared."""
FIRMWARE = "firmware"
BUILD = "build"
MEASURED = "Measured on an emulator: sizes and counted instructions are exact; they do not tell the time on the board."
NOT_FLASHED = "The firmware was proven on an emulator; nothing was sent to a board."


class _TemporarySession(EmulatorSession):
    """Run firmware from a folder that goes away with the session; machines read it when they are first needed."""

    def __init__(self, image: FirmwareImage, folder: tempfile.TemporaryDirectory[str]) -> None:
        super().__init__(image)
        self._folder = folder

    def close(self) -> None:
        """End the threads, free the machines and remove the firmware."""
        super().close()
        self._folder.cleanup()


class EmulatedTarget:
    """Build firmware for a board, run it on an emulated core, and measure it there."""

    def __init__(self, board: Board, settings: FirmwareSection) -> None:
        self.board = board
        self._settings = settings

    def check(self, purpose: str) -> tuple[str, ...]:
        """Return why firmware cannot be built for the board, or not be run here."""
        if not self.board.runs_firmware:
            reason = f"{self.board.name} has an application processor ({self.board.core}), which is not emulated"
            return (f"{reason}; choose a board with a microcontroller, or board: host",)
        problems = []
        if purpose == INFER and self._settings.emulator == QEMU:
            problems.append(
                "tools.firmware.emulator: qemu starts anew for every image; evaluate and predict with unicorn"
            )
        wanted: list[tuple[str, Callable[[], object]]] = [
            ("compiler", partial(find_toolchain, self._settings.compiler))
        ]
        if self._settings.emulator == QEMU:
            wanted.append(("emulator", find_qemu))
        for key, find in wanted:
            try:
                find()
            except MissingError as error:
                problems.append(f"tools.firmware.{key}: {error}")
        return tuple(problems)

    def open(self, model: OnnxModel, progress: Progress) -> EmulatorSession:
        """Return a session that computes on the emulated core.

        Raises:
            UserError: When the model has no integer form or does not fit the board.
        """
        prepared = prepare(model.path, self.board, self._settings, progress)
        with disk_errors(Path(tempfile.gettempdir())):
            folder = tempfile.TemporaryDirectory(prefix="zoo_firmware_")
            try:
                image = build_firmware(prepared.network, self.board, self._settings, Path(folder.name), progress)
                return _TemporarySession(image, folder)
            except BaseException:
                folder.cleanup()
                raise

    def benchmark(self, model: OnnxModel, directory: Path, progress: Progress) -> BenchmarkResult:
        """Build the firmware and measure memory, operations and instructions on the emulated core.

        Writes `layers.csv` and the folder `build` with the ELF file into the directory.

        Raises:
            UserError: When the model has no integer form or does not fit the board.
        """
        prepared = prepare(model.path, self.board, self._settings, progress)
        image, engine, comparison = self._prove(prepared, directory / BUILD, progress)
        footprint = Footprint(
            lowered=prepared.lowered, network=prepared.network, image=image, execution=comparison.first
        )
        layers = directory / "layers.csv"
        write_text(layers, footprint.layers_csv())
        return BenchmarkResult(
            target=self.board.slug,
            device=f"{self.board.name}, emulated",
            metrics=footprint.metrics(),
            facts=footprint.facts(comparison, engine.name),
            notes=(*island_note(prepared.lowered), *engine.notes, MEASURED),
            files=tuple(str(path) for path in (image.elf, image.map, layers)),
            details=self._details(prepared, engine, comparison, footprint),
        )

    def deploy(self, model: OnnxModel, directory: Path, progress: Progress) -> DeploymentResult:
        """Write the folder `firmware` that a user adds to a project, and prove it on the emulated core.

        Raises:
            UserError: When the model has no integer form or does not fit the board.
            ZooError: When the firmware computes something else than onnxruntime.
        """
        prepared = prepare(model.path, self.board, self._settings, progress)
        folder = directory / FIRMWARE
        with disk_errors(folder):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        image, engine, comparison = self._prove(prepared, folder / BUILD, progress)
        if not comparison.finite or not (comparison.exact or prepared.lowered.islands):
            raise ZooError(
                f"The firmware in {folder} does not compute what onnxruntime computes: {exactness(comparison)}.",
                hint="Report the model to the authors of zoo-stm32; the folder was left for a look.",
            )
        with disk_errors(folder):
            files = export(
                prepared.network,
                self.board,
                folder,
                comparison.golden,
                title=prepared.model.stem,
                class_names=prepared.class_names,
                stack_bytes=self._settings.stack_kib * KIB,
            )
        footprint = Footprint(
            lowered=prepared.lowered, network=prepared.network, image=image, execution=comparison.first
        )
        return DeploymentResult(
            target=self.board.slug,
            metrics=footprint.metrics(),
            facts={**footprint.facts(comparison, engine.name), "firmware": str(folder)},
            notes=(*island_note(prepared.lowered), *engine.notes, NOT_FLASHED),
            files=tuple(str(path) for path in (image.elf, image.map, *files)),
            details=self._details(prepared, engine, comparison, footprint),
        )

    def _prove(self, prepared: Prepared, folder: Path, progress: Progress) -> tuple[FirmwareImage, Engine, Comparison]:
        with disk_errors(folder):
            image = build_firmware(prepared.network, self.board, self._settings, folder, progress)
            engine = start_engine(prepared.network, image, self._settings, folder, progress)
        data = golden_data(prepared.lowered, CHECKED_INPUTS)
        title = f"Running the firmware of {self.board.name} on {engine.name}"
        return image, engine, compare(prepared.lowered, data, engine.run, progress, title)

    def _details(
        self, prepared: Prepared, engine: Engine, comparison: Comparison, footprint: Footprint
    ) -> dict[str, Any]:
        return {
            "measured_on": f"emulator: {engine.name}",
            "core": self.board.core,
            "clock_hz": self.board.clock_hz,
            "bit_exact": comparison.exact,
            "compared_inputs": comparison.inputs,
            "float_islands": [island.node for island in prepared.lowered.islands],
            **footprint.details(),
        }
