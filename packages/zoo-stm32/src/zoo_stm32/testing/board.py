"""Own a stand-in for a board with ST's validation firmware behind a pseudo-terminal, and failures on demand."""

from __future__ import annotations

import errno
import os
import selectors
import threading
import tty
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType

from zoo_stm32.board_link.wire import decode, encode, unpack_integers

PACKET = 33
SYNC = b"\xaa"
FORMATS = {"float32": 0x00821040, "uint8": 0x00040440, "int8": 0x00840440, "int16": 0x00840840}
FAILURES = (
    "none",
    "silent",
    "garbage",
    "garbled_message",
    "disconnect",
    "wrong_size",
    "wrong_count",
    "old_protocol",
    "no_network",
    "refuses",
    "wrong_request",
    "logs",
    "stops_reading",
)
IDLE, WAITING, PROCESSING, DONE, ERROR = range(5)
SYNC_COMMAND, SYSTEM_COMMAND, INFO_COMMAND, RUN_COMMAND = 0, 1, 10, 11
LAST = 256

Compute = Callable[[Sequence[bytes]], Sequence[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StandInTensor:
    """Describe a tensor of the stand-in's network; the shape is that in memory."""

    type: str
    shape: tuple[int, ...]
    scale: float = 0.0
    zero_point: int = 0


class PtyPort:
    """Be a serial port over a file descriptor."""

    def __init__(self, descriptor: int, name: str) -> None:
        self._descriptor = descriptor
        self.name = name

    def read(self, size: int, timeout_s: float) -> bytes:
        """Return up to `size` bytes; none when nothing came in time.

        Raises:
            OSError: When the board is gone.
        """
        with selectors.DefaultSelector() as selector:
            selector.register(self._descriptor, selectors.EVENT_READ)
            if not selector.select(timeout_s):
                return b""
        data = os.read(self._descriptor, size)
        if not data:
            raise OSError(errno.EIO, "the other side is gone")
        return data

    def write(self, data: bytes) -> None:
        """Send bytes."""
        while data:
            data = data[os.write(self._descriptor, data) :]

    def flush_input(self) -> None:
        """Forget what came and was not read."""
        while self.read(4096, 0.0):
            pass

    def close(self) -> None:
        """Let the port go."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


@dataclass
class BoardStandIn:
    """Answer as the validation firmware does, with one network that a function computes."""

    inputs: Sequence[StandInTensor]
    outputs: Sequence[StandInTensor]
    compute: Compute
    failure: str = "none"
    name: str = "network"
    packets: int = 0
    """Packets received so far."""
    _threads: list[threading.Thread] = field(default_factory=list)
    _main: int = -1
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> PtyPort:
        """Switch the board on and return the port that reaches it."""
        self._main, other = os.openpty()
        tty.setraw(other)
        thread = threading.Thread(target=self._serve, daemon=True)
        self._threads.append(thread)
        thread.start()
        return PtyPort(other, os.ttyname(other))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Switch the board off."""
        self._stop.set()
        self._threads[-1].join(timeout=5)
        self._unplug()

    def _serve(self) -> None:
        try:
            while not self._stop.is_set():
                self._answer(decode(self._receive()))
        except (_Off, OSError):
            return

    def _answer(self, request: dict[int, list[int | bytes | float]]) -> None:
        number, command = _int(request, 1), _int(request, 2)
        if self.failure == "silent":
            return
        if self.failure == "garbage":
            os.write(self._main, b"\r\nHello from another firmware, how are you today?\r\n")
            return
        if self.failure == "garbled_message":
            self._send(b"\xff" * 20)
            return
        if self.failure == "wrong_request":
            number += 7
        if self.failure == "logs":
            self._send(encode({1: number, 2: IDLE, 13: encode({1: 1, 2: "hello"})}))
            self._receive()
        if command == SYNC_COMMAND:
            version = 2 << 8 | 1 if self.failure == "old_protocol" else 3 << 8 | 1
            self._send(encode({1: number, 2: IDLE, 10: encode({1: version, 4: 0, 5: 4})}))
        elif command == SYSTEM_COMMAND:
            system = encode({1: 0x486, 2: 800_000_000, 3: 400_000_000, 4: 0})
            self._send(encode({1: number, 2: IDLE, 11: system}))
        elif command == INFO_COMMAND:
            self._describe(number, _int(request, 3))
        elif command == RUN_COMMAND:
            self._run(number)

    def _describe(self, number: int, index: int) -> None:
        if index > 0 or self.failure == "no_network":
            self._send(encode({1: number, 2: ERROR, 12: encode({1: 0, 2: 4})}))
            return
        head = encode({1: self.name, 2: 4, 3: "0xfeed", 4: "now", 5: 0, 6: 0, 7: 1000, 8: 3, 10: len(self.inputs)})
        inputs = b"".join(encode({11: _described(tensor, 1)}) for tensor in self.inputs)
        outputs = b"".join(encode({13: _described(tensor, 2)}) for tensor in self.outputs)
        info = head + inputs + encode({12: len(self.outputs)}) + outputs + encode({14: 0, 16: 0, 20: "stand-in"})
        self._send(encode({1: number, 2: IDLE, 22: info}))

    def _run(self, number: int) -> None:
        if self.failure == "refuses":
            self._send(encode({1: number, 2: ERROR, 12: encode({1: 0, 2: 8})}))
            return
        self._acknowledge(number, WAITING)
        inputs = []
        for index in range(len(self.inputs)):
            if self.failure == "stops_reading":
                self._wait_for_end()
            data = decode(self._receive())[4][-1]
            inputs.append(data if isinstance(data, bytes) else b"")
            if self.failure == "disconnect":
                self._unplug()
                raise _Off
            self._acknowledge(number, PROCESSING if index + 1 == len(self.inputs) else WAITING)
            self._receive()
        operator = encode({1: "model", 2: 0, 3: 0, 4: 1.5, 5: 0, 7: 0, 8: 0})
        self._send(encode({1: number, 2: PROCESSING, 16: operator}))
        self._give(number, list(self.compute(inputs)))

    def _give(self, number: int, outputs: list[bytes]) -> None:
        for index, (tensor, data) in enumerate(zip(self.outputs, outputs, strict=True)):
            last = index + 1 == len(self.outputs)
            flagged = last if self.failure != "wrong_count" else False
            sent = data[:-1] if self.failure == "wrong_size" else data
            values = encode({1: 0, 2: len(sent), 3: 0, 4: sent})
            message = encode({1: _described(tensor, 2 | (LAST if flagged else 0)), 2: values})
            self._send(encode({1: number, 2: DONE if last else PROCESSING, 17: message}))

    def _acknowledge(self, number: int, state: int) -> None:
        self._send(encode({1: number, 2: state, 12: encode({1: 0, 2: 0})}))

    def _send(self, message: bytes) -> None:
        pieces = [message[start : start + 32] for start in range(0, len(message), 32)]
        for index, piece in enumerate(pieces):
            head = len(piece) | (0x80 if index + 1 == len(pieces) else 0)
            packet = bytes([head]) + piece.ljust(32, b"\0")
            while packet:
                packet = packet[os.write(self._main, packet) :]

    def _receive(self) -> bytes:
        """Take packets, asking for each further one, until the length at the start of the message is reached."""
        data = bytearray()
        while True:
            packet = self._take(PACKET)
            self.packets += 1
            data += packet[1 : 1 + packet[0]]
            size, start = _length(bytes(data))
            if size is not None and len(data) - start >= size:
                return bytes(data[start : start + size])
            os.write(self._main, SYNC)

    def _take(self, size: int) -> bytes:
        data = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(self._main, selectors.EVENT_READ)
            while len(data) < size:
                if self._stop.is_set():
                    raise _Off
                if selector.select(0.02):
                    data += os.read(self._main, size - len(data))
        return bytes(data)

    def _wait_for_end(self) -> None:
        self._stop.wait(30)
        raise _Off

    def _unplug(self) -> None:
        if self._main >= 0:
            descriptor, self._main = self._main, -1
            os.close(descriptor)


class _Off(Exception):  # noqa: N818 - no error: the board is switched off
    pass


def _described(tensor: StandInTensor, flags: int) -> bytes:
    size = 1
    for one in tensor.shape:
        size *= one
    head: dict[int, int | bytes | float | str] = {1: "", 2: FORMATS[tensor.type], 3: size, 4: len(tensor.shape)}
    shape = b"".join(encode({5: one}) for one in tensor.shape)
    tail = {6: float(tensor.scale), 7: tensor.zero_point, 8: 0, 9: flags}
    return encode(head) + shape + encode(tail)


def _length(data: bytes) -> tuple[int | None, int]:
    value = 0
    for index, byte in enumerate(data):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:  # noqa: PLR2004 - the bit that says that more follow
            return value, index + 1
    return None, 0


def _int(fields: dict[int, list[int | bytes | float]], number: int) -> int:
    return unpack_integers(fields[number])[-1] if number in fields else 0
