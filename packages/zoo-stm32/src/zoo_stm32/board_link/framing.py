"""Own the packets on the serial line. Written against the published description, not verified on a board.

Description: `stm32msg_spec.md` beside ST's runner, message format 3.x. The host sends a message with its length before
it (a variable-length integer) in packets of 33 bytes: the number of useful bytes, then 32 bytes; between two packets
it waits for one byte from the board. The board sends packets of 33 bytes without a length and without waiting; the
highest bit of the first byte marks the last packet of a message.
"""

from __future__ import annotations

import time

from zoo_core.errors import ZooError
from zoo_stm32.board_link.port import SerialPort
from zoo_stm32.board_link.wire import encode_varint

PACKET_BYTES = 32
LAST_PACKET = 0x80
SIZE_MASK = 0x7F
MAX_MESSAGE_BYTES = 64 << 20
WRONG_FIRMWARE = (
    "Flash the validation firmware of ST Edge AI Core for this model, and check the speed of the serial port."
)


class Channel:
    """Send and receive whole messages."""

    def __init__(self, port: SerialPort, *, timeout_s: float = 10.0) -> None:
        self._port = port
        self.timeout_s = timeout_s

    @property
    def name(self) -> str:
        """Return the name of the port."""
        return self._port.name

    def send(self, message: bytes) -> None:
        """Send one message.

        Raises:
            ZooError: When the board does not take it, or the port is gone.
        """
        data = encode_varint(len(message)) + message
        packets = [data[start : start + PACKET_BYTES] for start in range(0, len(data), PACKET_BYTES)]
        for index, packet in enumerate(packets):
            if index:
                self._read(1, time.monotonic() + self.timeout_s, "does not ask for the rest of a message")
            self._write(bytes([len(packet)]) + packet.ljust(PACKET_BYTES, b"\0"))

    def receive(self, timeout_s: float | None = None) -> bytes:
        """Return one message.

        Raises:
            ZooError: When none comes in time, it is garbled, or the port is gone.
        """
        deadline = time.monotonic() + (self.timeout_s if timeout_s is None else timeout_s)
        message = bytearray()
        while True:
            packet = self._read(PACKET_BYTES + 1, deadline, "does not answer")
            head, size = packet[0], packet[0] & SIZE_MASK
            if size > PACKET_BYTES or (not head & LAST_PACKET and size != PACKET_BYTES):
                raise ZooError(
                    f"What comes from {self.name} is no packet of the validation firmware (first byte 0x{head:02X}).",
                    hint=WRONG_FIRMWARE,
                )
            message += packet[1 : 1 + size]
            if head & LAST_PACKET:
                return bytes(message)
            if len(message) > MAX_MESSAGE_BYTES:
                raise ZooError(f"A message from {self.name} does not end.", hint=WRONG_FIRMWARE)

    def forget_input(self) -> None:
        """Forget what came and was not read."""
        try:
            self._port.flush_input()
        except OSError as error:
            raise self._gone(error) from error

    def close(self) -> None:
        """Let the port go."""
        self._port.close()

    def _read(self, size: int, deadline: float, failure: str) -> bytes:
        data = bytearray()
        while len(data) < size:
            left = deadline - time.monotonic()
            if left <= 0:
                got = f"; {len(data)} of {size} bytes of a packet came" if data else ""
                raise ZooError(f"The board at {self.name} {failure}{got}.", hint=WRONG_FIRMWARE)
            try:
                data += self._port.read(size - len(data), left)
            except OSError as error:
                raise self._gone(error) from error
        return bytes(data)

    def _write(self, data: bytes) -> None:
        try:
            self._port.write(data)
        except OSError as error:
            raise self._gone(error) from error

    def _gone(self, error: OSError) -> ZooError:
        return ZooError(
            f"The connection to the board at {self.name} broke: {error.strerror or error}.",
            hint="Check cable and power of the board, reset it, and run again.",
        )
