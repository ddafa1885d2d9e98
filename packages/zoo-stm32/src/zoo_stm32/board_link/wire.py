"""Own the encoding of messages: the part of Protocol Buffers, version 2, that the validation firmware uses.

Method: https://protobuf.dev/programming-guides/encoding/ - variable-length integers, 32-bit values, byte strings.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
LAST_BITS = 0x7F
MORE = 0x80
MAX_VARINT_BYTES = 10
MASK_64 = (1 << 64) - 1
SIGN_64 = 1 << 63

Field = int | bytes | float


class WireError(ValueError):
    """Report bytes that are no message."""


def encode_varint(value: int) -> bytes:
    """Return an integer in groups of seven bits, the lowest first; negative ones as 64-bit two's complement."""
    value &= MASK_64
    out = bytearray()
    while value > LAST_BITS:
        out.append((value & LAST_BITS) | MORE)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode(fields: Mapping[int, Field | str]) -> bytes:
    """Return a message of the fields by their numbers: integers, floats of 32 bits, texts and bytes."""
    return b"".join(_encode_field(number, value) for number, value in fields.items())


def decode(data: bytes) -> dict[int, list[Field]]:
    """Return the fields of a message by their numbers; floats and fixed integers are left as bytes.

    Raises:
        WireError: When the bytes are no message.
    """
    found: dict[int, list[Field]] = {}
    for number, value in _fields(data):
        found.setdefault(number, []).append(value)
    return found


def signed(value: int) -> int:
    """Return a decoded integer as a signed one."""
    return value - (1 << 64) if value & SIGN_64 else value


def unpack_float(value: Field) -> float:
    """Return a field of 32 bits as a float.

    Raises:
        WireError: When it is no such field.
    """
    if not isinstance(value, bytes) or len(value) != struct.calcsize("<f"):
        msg = "a number of 32 bits was expected"
        raise WireError(msg)
    return float(struct.unpack("<f", value)[0])


def unpack_integers(values: list[Field]) -> tuple[int, ...]:
    """Return a repeated integer field, whether it was packed or not.

    Raises:
        WireError: When a value is no integer.
    """
    found: list[int] = []
    for value in values:
        if isinstance(value, int):
            found.append(value)
        elif isinstance(value, bytes):
            place = 0
            while place < len(value):
                number, place = _read_varint(value, place)
                found.append(number)
    return tuple(found)


def _encode_field(number: int, value: Field | str) -> bytes:
    if isinstance(value, float):
        return encode_varint(number << 3 | FIXED32) + struct.pack("<f", value)
    if isinstance(value, int):
        return encode_varint(number << 3 | VARINT) + encode_varint(value)
    data = value.encode() if isinstance(value, str) else value
    return encode_varint(number << 3 | BYTES) + encode_varint(len(data)) + data


def _fields(data: bytes) -> Iterator[tuple[int, Field]]:
    place = 0
    while place < len(data):
        key, place = _read_varint(data, place)
        number, kind = key >> 3, key & 7
        if number == 0:
            msg = "a field has the number 0"
            raise WireError(msg)
        if kind == VARINT:
            value, place = _read_varint(data, place)
            yield number, value
            continue
        if kind == BYTES:
            size, place = _read_varint(data, place)
        elif kind in (FIXED32, FIXED64):
            size = 4 if kind == FIXED32 else 8
        else:
            msg = f"a field is of the unknown kind {kind}"
            raise WireError(msg)
        if place + size > len(data):
            msg = "a field is longer than its message"
            raise WireError(msg)
        yield number, data[place : place + size]
        place += size


def _read_varint(data: bytes, place: int) -> tuple[int, int]:
    value = 0
    for index in range(MAX_VARINT_BYTES):
        if place + index >= len(data):
            break
        byte = data[place + index]
        value |= (byte & LAST_BITS) << (7 * index)
        if not byte & MORE:
            return value & MASK_64, place + index + 1
    msg = "a number does not end"
    raise WireError(msg)
