"""Own evaluation and prediction on the emulator: batches of images through several machines at once."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo_core.artifacts import InputSpec
from zoo_core.errors import UserError
from zoo_core.export.onnx_file import IMAGE_CHANNELS, IMAGE_RANK, NCHW, NHWC
from zoo_core.export.runtime import available_cores
from zoo_stm32.artifacts import Execution, FirmwareImage, IoTensor
from zoo_stm32.emulator.machine import TIMEOUT_S, Machine

Images = npt.NDArray[np.float32]
"""Float32 images of shape (N, C, H, W)."""


class EmulatorSession:
    """Run a firmware on images; a `zoo_core.protocols.InferenceSession`.

    Machines are made when they are first needed, at most `machines` of them (default: one per core of this computer),
    each in a thread of its own. `executions` counts the inferences so far.

    Raises:
        UserError: When the network does not take exactly one image.
    """

    def __init__(self, image: FirmwareImage, *, machines: int | None = None, timeout_s: float = TIMEOUT_S) -> None:
        if len(image.inputs) != 1 or len(image.inputs[0].shape) != IMAGE_RANK:
            found = ", ".join(f"{tensor.name} {tensor.shape}" for tensor in image.inputs)
            raise UserError(
                f"The firmware for {image.board.name} does not take one image: found {found or 'no input'}."
            )
        if machines is not None and machines < 1:
            raise UserError(f"machines is {machines}; expected 1 or more.")
        self.image = image
        self._tensor = image.inputs[0]
        self._layout = find_layout(self._tensor)
        sizes = self._tensor.shape[1:]
        self.input = InputSpec(*(sizes if self._layout == NCHW else (sizes[2], sizes[0], sizes[1])))
        self.executions = 0
        self._timeout = timeout_s
        self._count = machines or available_cores()
        self._idle: SimpleQueue[Machine] = SimpleQueue()
        self._machines: list[Machine] = []
        self._threads = ThreadPoolExecutor(max_workers=self._count, thread_name_prefix="emulator")

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what a reader of the results should know, such as which processor model stands in."""
        return tuple(dict.fromkeys(note for machine in self._machines for note in machine.notes))

    def run(self, images: Images) -> tuple[Images, ...]:
        """Return every output as real numbers for images of shape (N, C, H, W), each with N rows.

        Raises:
            UserError: When the images have another size than the network takes.
            EmulationError: When the firmware fails.
        """
        if images.ndim != IMAGE_RANK or not len(images) or images.shape[1:] != self.input.shape:
            raise UserError(
                f"The firmware takes images of shape (N, {', '.join(map(str, self.input.shape))}); "
                f"found {images.shape}.",
                hint="Set model.input_shape to what the model was made for.",
            )
        running = [self._threads.submit(self._run_one, self._stored(image)) for image in images]
        try:
            executions = [future.result() for future in running]
        except BaseException:
            self._abandon(running)
            raise
        self.executions += len(executions)
        return tuple(self._real(index, tensor, executions) for index, tensor in enumerate(self.image.outputs))

    def close(self) -> None:
        """End the threads and free the machines; the session cannot be used afterwards."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._machines.clear()
        while not self._idle.empty():
            self._idle.get_nowait()

    def __enter__(self) -> EmulatorSession:
        """Return the session."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the session."""
        self.close()

    def _run_one(self, content: bytes) -> Execution:
        """Run one inference on a machine that is idle; each thread finds one or makes its own."""
        try:
            machine = self._idle.get_nowait()
        except Empty:
            machine = Machine(self.image)
            self._machines.append(machine)
        try:
            return machine.run([content], timeout_s=self._timeout)
        finally:
            self._idle.put(machine)

    def _abandon(self, running: list[Future[Execution]]) -> None:
        """Stop what still runs after one inference failed or the user interrupted."""
        for future in running:
            future.cancel()
        for machine in list(self._machines):
            machine.interrupt()

    def _stored(self, image: Images) -> bytes:
        arranged = image.transpose(1, 2, 0) if self._layout == NHWC else image
        return self._tensor.quantize(np.ascontiguousarray(arranged)[np.newaxis]).tobytes()

    def _real(self, index: int, tensor: IoTensor, executions: list[Execution]) -> Images:
        kind = np.dtype(tensor.type).newbyteorder("<")
        rows = [np.frombuffer(execution.outputs[index], kind).reshape(_row(tensor)) for execution in executions]
        real: npt.NDArray[Any] = tensor.dequantize(np.stack(rows))
        return real.astype(np.float32, copy=False)


def find_layout(tensor: IoTensor) -> str:
    """Tell whether channels stand before or after height and width, as `zoo_core.export.onnx_file` does."""
    _, second, third, last = tensor.shape
    for channels in IMAGE_CHANNELS:
        if second in channels:
            return NCHW
        if last in channels:
            return NHWC
    return NHWC if second == third != last else NCHW


def _row(tensor: IoTensor) -> tuple[int, ...]:
    """Return the shape of an output for one image; some networks leave the batch axis out."""
    return tensor.shape[1:] if tensor.shape[:1] == (1,) else tensor.shape
