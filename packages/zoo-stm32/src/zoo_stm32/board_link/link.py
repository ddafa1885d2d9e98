"""Own the conversation with the validation firmware: find it, ask for its networks, run one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zoo_core.errors import UserError, ZooError
from zoo_stm32.board_link import messages
from zoo_stm32.board_link.framing import WRONG_FIRMWARE, Channel
from zoo_stm32.board_link.messages import Network, Response, Tensor
from zoo_stm32.board_link.port import SerialPort
from zoo_stm32.board_link.wire import WireError

MAX_NETWORKS = 16
MAX_LOGS = 1000
STATES = {0: "idle", 1: "waiting", 2: "processing", 3: "done", 4: "error"}


@dataclass(frozen=True, slots=True)
class Run:
    """Report one inference: the bytes of every output, and the time that the board states in milliseconds."""

    outputs: tuple[bytes, ...]
    duration_ms: float


class BoardLink:
    """Talk to the validation firmware on one board."""

    def __init__(self, port: SerialPort, *, timeout_s: float = 10.0, run_timeout_s: float = 60.0) -> None:
        self._channel = Channel(port, timeout_s=timeout_s)
        self._run_timeout_s = run_timeout_s
        self._number = 0
        self.device_id = 0
        self.clock_hz = 0

    @property
    def name(self) -> str:
        """Return the name of the port."""
        return self._channel.name

    def connect(self) -> None:
        """Find the firmware and check that it speaks the known format.

        Raises:
            ZooError: When nothing answers, or something else than the validation firmware.
        """
        self._channel.forget_input()
        sync = self._ask(messages.CMD_SYNC, payload="sync")
        version = messages.integer(sync, 1)
        if version >> 8 != messages.MAJOR_VERSION:
            raise UserError(
                f"The firmware at {self.name} speaks the message format {version >> 8}.{version & 0xFF}; zoo-stm32 "
                f"speaks {messages.MAJOR_VERSION}.x, that of ST Edge AI Core 2.x to 4.x.",
                hint=WRONG_FIRMWARE,
            )
        system = self._ask(messages.CMD_SYS_INFO, payload="system")
        self.device_id = messages.integer(system, 1)
        self.clock_hz = messages.integer(system, 2)

    def networks(self) -> tuple[Network, ...]:
        """Return the networks of the firmware.

        Raises:
            ZooError: When it has none, or answers with something else.
        """
        found: list[Network] = []
        while len(found) < MAX_NETWORKS:
            response = self._ask(messages.CMD_NETWORK_INFO, parameter=len(found))
            if response.payload != "model":
                break
            with _Reading(self.name):
                found.append(messages.read_network(response.fields))
        if not found:
            raise UserError(f"The firmware at {self.name} holds no network.", hint=WRONG_FIRMWARE)
        return tuple(found)

    def run(self, network: Network, inputs: Sequence[bytes]) -> Run:
        """Compute one sample.

        Args:
            network: One of `networks()`.
            inputs: Bytes of every input, as they lie in memory.

        Raises:
            ZooError: When the board fails, or gives outputs of another number or size than it announced.
        """
        check_sizes(network.inputs, inputs, "input")
        self._ask(
            messages.CMD_NETWORK_RUN,
            parameter=messages.RUN_IO_ONLY,
            name=network.name,
            payload="ack",
            state=messages.WAITING,
        )
        for index, data in enumerate(inputs):
            self._channel.send(messages.data_message(data))
            is_last = index + 1 == len(inputs)
            self._answer(payload="ack", state=messages.PROCESSING if is_last else messages.WAITING)
            self._channel.send(messages.acknowledgement())
        timing = self._answer(payload="operator", state=messages.PROCESSING, timeout_s=self._run_timeout_s)
        outputs = [self._output(network, index) for index in range(len(network.outputs))]
        check_sizes(network.outputs, outputs, "output")
        with _Reading(self.name):
            return Run(tuple(outputs), messages.duration_ms(timing))

    def close(self) -> None:
        """Let the port go."""
        self._channel.close()

    def _output(self, network: Network, index: int) -> bytes:
        is_last = index + 1 == len(network.outputs)
        response = self._answer(payload="tensor", state=messages.DONE if is_last else messages.PROCESSING)
        with _Reading(self.name):
            tensor, data = messages.read_values(response.fields)
        if bool(tensor.flags & messages.FLAG_LAST) is not is_last or tensor.flags & messages.FLAG_NO_DATA:
            raise ZooError(
                f"The board at {self.name} announced {len(network.outputs)} outputs and sends another number."
            )
        return data

    def _ask(
        self, command: int, *, parameter: int = 0, name: str = "", payload: str | None = None, state: int | None = None
    ) -> Response:
        self._number += 1
        self._channel.send(messages.request(self._number, command, parameter=parameter, name=name))
        return self._answer(payload=payload, state=state)

    def _answer(
        self, *, payload: str | None = None, state: int | None = None, timeout_s: float | None = None
    ) -> Response:
        """Return the next message that is no log line, checked against what must come now."""
        for _ in range(MAX_LOGS):
            data = self._channel.receive(timeout_s)
            with _Reading(self.name):
                response = messages.read_response(data)
            if response.request != self._number:
                raise ZooError(
                    f"The board at {self.name} answers the request {response.request} instead of {self._number}.",
                    hint="Reset the board and run again.",
                )
            if response.payload == "log":
                self._channel.send(messages.acknowledgement())
                continue
            self._check(response, payload, state)
            return response
        raise ZooError(f"The board at {self.name} sends nothing but log lines.", hint=WRONG_FIRMWARE)

    def _check(self, response: Response, payload: str | None, state: int | None) -> None:
        if payload is None:
            return
        if response.state == messages.ERROR:
            with _Reading(self.name):
                reason = messages.error_text(response)
            raise ZooError(f"The board at {self.name} refuses: {reason}.", hint="Reset the board and run again.")
        if response.payload != payload or (state is not None and response.state != state):
            raise ZooError(
                f"The board at {self.name} sends {response.payload} ({STATES.get(response.state, response.state)}) "
                f"where {payload} was expected.",
                hint=WRONG_FIRMWARE,
            )


class _Reading:
    """Turn bytes that are no message into an error for users."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        """Begin to read."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, WireError):
            raise ZooError(
                f"What comes from {self._name} is no message of the validation firmware: {error}.", hint=WRONG_FIRMWARE
            ) from error


def check_sizes(tensors: Sequence[Tensor], found: Sequence[bytes], what: str) -> None:
    """Refuse bytes that are not as many as the network says.

    Raises:
        UserError: Naming the tensor and both sizes.
    """
    if len(tensors) != len(found):
        raise UserError(f"The network on the board has {len(tensors)} {what}s, {len(found)} were given.")
    for index, (tensor, data) in enumerate(zip(tensors, found, strict=True)):
        wanted = tensor.size * tensor.value_bytes
        if wanted != len(data):
            sizes = "x".join(map(str, tensor.shape))
            raise UserError(
                f"{what.capitalize()} {index} ({tensor.name or 'without name'}): {len(data):,} bytes, "
                f"but the network on the board says {sizes} {tensor.type}, {wanted:,} bytes.",
                hint=WRONG_FIRMWARE,
            )
