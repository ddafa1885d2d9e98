"""Own the messages of the validation firmware, format 3.x: requests, tensors, descriptions of networks.

Field numbers and values are those of the published message definition; not verified on a board.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from zoo_stm32.board_link.wire import Field, WireError, decode, encode, signed, unpack_float, unpack_integers

MAJOR_VERSION = 3
CMD_SYNC, CMD_SYS_INFO, CMD_NETWORK_INFO, CMD_NETWORK_RUN = 0, 1, 10, 11
IDLE, WAITING, PROCESSING, DONE, ERROR = range(5)
RUN_IO_ONLY = 1
FLAG_LAST = 256
FLAG_NO_DATA = 512
NO_ERROR = 0
ERRORS = {
    1: "a size is wrong",
    2: "a number format is wrong",
    3: "it is in another state",
    4: "a parameter is wrong",
    5: "a shape is wrong",
    6: "it does not know the command",
    7: "the network is not initialised",
    8: "its memory overflowed",
    10: "it does not say why",
}
PAYLOADS = {10: "sync", 11: "system", 12: "ack", 13: "log", 15: "data", 16: "operator", 17: "tensor", 22: "model"}
BCWH = 1
FORMAT_POSITION = 24
FORMAT_MASK = 0xF
IMAGE_RANK = 4
FLOAT_KIND, INTEGER_KIND = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """Describe an input or output of the network on the board."""

    name: str
    type: str
    """`uint8`, `int8`, `float32` and the like."""
    shape: tuple[int, ...]
    """Sizes in the order in which the values lie in memory."""
    scale: float
    zero_point: int
    flags: int = 0

    @property
    def size(self) -> int:
        """Return the number of values."""
        return prod(self.shape)

    @property
    def value_bytes(self) -> int:
        """Return the bytes of one value."""
        return int(self.type.lstrip("uintfloa")) // 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Describe a network on the board."""

    name: str
    signature: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """Hold a message from the board: which request it answers, its state, and one payload."""

    request: int
    state: int
    payload: str
    fields: dict[int, list[Field]]


def request(number: int, command: int, *, parameter: int = 0, name: str = "", option: int = 0) -> bytes:
    """Return a request."""
    return encode({1: number, 2: command, 3: parameter, 4: name, 5: option})


def data_message(data: bytes) -> bytes:
    """Return the message that carries the values of an input."""
    return encode({1: 0, 2: len(data), 3: 0, 4: data})


def acknowledgement() -> bytes:
    """Return the message that lets the board go on."""
    return encode({1: 0, 2: NO_ERROR})


def read_response(data: bytes) -> Response:
    """Read a message from the board.

    Raises:
        WireError: When it is none.
    """
    fields = decode(data)
    payload = next(((PAYLOADS[number], values[-1]) for number, values in fields.items() if number in PAYLOADS), None)
    if payload is None or not isinstance(payload[1], bytes):
        msg = "it carries nothing that is known"
        raise WireError(msg)
    return Response(
        request=_integer(fields, 1), state=_integer(fields, 2), payload=payload[0], fields=decode(payload[1])
    )


def read_network(fields: dict[int, list[Field]]) -> Network:
    """Read the description of a network.

    Raises:
        WireError: When it is incomplete.
    """
    return Network(
        name=_text(fields, 1),
        signature=_text(fields, 3),
        inputs=tuple(read_tensor(_bytes(value)) for value in fields.get(11, [])),
        outputs=tuple(read_tensor(_bytes(value)) for value in fields.get(13, [])),
    )


def read_tensor(data: bytes) -> Tensor:
    """Read the description of a tensor.

    Raises:
        WireError: When it is incomplete or of an unknown number format.
    """
    fields = decode(data)
    return Tensor(
        name=_text(fields, 1),
        type=_number_format(_integer(fields, 2)),
        shape=_memory_shape(_integer(fields, 4), unpack_integers(fields.get(5, []))),
        scale=unpack_float(fields[6][-1]) if 6 in fields else 0.0,  # noqa: PLR2004 - field number
        zero_point=signed(_integer(fields, 7)),
        flags=_integer(fields, 9),
    )


def read_values(fields: dict[int, list[Field]]) -> tuple[Tensor, bytes]:
    """Read a tensor with its values.

    Raises:
        WireError: When it is incomplete.
    """
    if 1 not in fields or 2 not in fields:  # noqa: PLR2004 - field numbers
        msg = "a tensor lacks its description or its values"
        raise WireError(msg)
    values = decode(_bytes(fields[2][-1])).get(4, [b""])
    return read_tensor(_bytes(fields[1][-1])), _bytes(values[-1])


def error_text(response: Response) -> str:
    """Return in words why the board refused."""
    code = _integer(response.fields, 2) if response.payload == "ack" else 0
    return ERRORS.get(code, f"error {code}")


def integer(response: Response, number: int) -> int:
    """Return an integer of a payload; 0 when it is absent."""
    return _integer(response.fields, number)


def duration_ms(response: Response) -> float:
    """Return the time of an inference that the board states, in milliseconds."""
    values: list[Any] = response.fields.get(4, [])
    return unpack_float(values[-1]) if values else 0.0


def _number_format(code: int) -> str:
    """Read ST's buffer format: kind at bit 17, sign at bit 23, bits of a value at bit 7."""
    kind, is_signed, bits = code >> 17 & 0xF, code >> 23 & 1, code >> 7 & 0x7F
    if kind == FLOAT_KIND:
        return f"float{bits}"
    if kind == INTEGER_KIND and bits in (8, 16, 32):
        return f"{'int' if is_signed else 'uint'}{bits}"
    msg = f"the number format 0x{code:08X} is not known"
    raise WireError(msg)


def _memory_shape(described: int, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Return sizes in the order of memory; one of the formats lists them as batch, channels, width, height."""
    if described >> FORMAT_POSITION & FORMAT_MASK == BCWH and len(sizes) == IMAGE_RANK:
        return sizes[0], sizes[3], sizes[2], sizes[1]
    return sizes


def _integer(fields: dict[int, list[Field]], number: int) -> int:
    values = fields.get(number)
    if values is None:
        return 0
    if not isinstance(values[-1], int):
        msg = f"the field {number} is no integer"
        raise WireError(msg)
    return values[-1]


def _text(fields: dict[int, list[Field]], number: int) -> str:
    values = fields.get(number)
    return _bytes(values[-1]).decode("utf-8", "replace") if values else ""


def _bytes(value: Field) -> bytes:
    if not isinstance(value, bytes):
        msg = "bytes were expected"
        raise WireError(msg)
    return value
