"""The encoding of messages against Google's own implementation of Protocol Buffers."""

from __future__ import annotations

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo_stm32.board_link import messages
from zoo_stm32.board_link.wire import WireError, decode, encode, encode_varint, signed, unpack_float, unpack_integers

KIND = descriptor_pb2.FieldDescriptorProto
FEW = settings(max_examples=40)


def _message(file, name: str, fields) -> None:
    message = file.message_type.add(name=name)
    for number, field_name, kind, label, other in fields:
        field = message.field.add(name=field_name, number=number, type=kind, label=label)
        if other:
            field.type_name = f".t.{other}"


ONE, MANY = KIND.LABEL_REQUIRED, KIND.LABEL_REPEATED
NUMBER, TEXT, REAL = (KIND.TYPE_UINT32, ONE, ""), (KIND.TYPE_STRING, ONE, ""), (KIND.TYPE_FLOAT, ONE, "")
FILE = descriptor_pb2.FileDescriptorProto(name="t.proto", package="t", syntax="proto2")
REQUEST = [(1, "reqid", *NUMBER), (2, "cmd", *NUMBER), (3, "param", *NUMBER), (4, "name", *TEXT), (5, "opt", *NUMBER)]
TENSOR = [
    (1, "name", *TEXT),
    (2, "format", *NUMBER),
    (3, "size", *NUMBER),
    (4, "n_dims", *NUMBER),
    (5, "dims", KIND.TYPE_UINT32, MANY, ""),
    (6, "scale", *REAL),
    (7, "zeropoint", KIND.TYPE_INT32, ONE, ""),
    (8, "addr", *NUMBER),
    (9, "flags", *NUMBER),
]
_message(FILE, "Req", REQUEST)
_message(FILE, "Desc", TENSOR)
POOL = descriptor_pool.DescriptorPool()
POOL.Add(FILE)


def google(name: str):
    return message_factory.GetMessageClass(POOL.FindMessageTypeByName(f"t.{name}"))()


@FEW
@given(st.integers(0, 2**32 - 1), st.integers(0, 255), st.integers(0, 2**32 - 1), st.text(max_size=40))
def test_requests_are_what_google_reads(number: int, command: int, parameter: int, name: str) -> None:
    message = google("Req")
    message.ParseFromString(messages.request(number, command, parameter=parameter, name=name))
    assert (message.reqid, message.cmd, message.param, message.name, message.opt) == (
        number,
        command,
        parameter,
        name,
        0,
    )


@FEW
@given(
    st.lists(st.integers(1, 10_000), min_size=1, max_size=6),
    st.floats(2**-10, 10, width=32),
    st.integers(-128, 255),
)
def test_tensors_that_google_writes_are_read(dims: list[int], scale: float, zero: int) -> None:
    message = google("Desc")
    message.name, message.format, message.size, message.n_dims = "in", 0x00840440, 1, len(dims)
    message.dims.extend(dims)
    message.scale, message.zeropoint, message.addr, message.flags = scale, zero, 0x34000000, 257
    tensor = messages.read_tensor(message.SerializeToString())
    assert tensor == messages.Tensor(name="in", type="int8", shape=tuple(dims), scale=scale, zero_point=zero, flags=257)


def test_one_format_lists_width_before_height() -> None:
    message = google("Desc")
    message.name, message.format, message.size, message.n_dims = "in", 0x00040440, 60, 1 << 24 | 4
    message.dims.extend([1, 3, 5, 4])  # batch, channels, width, height
    message.scale, message.zeropoint, message.addr, message.flags = 1.0, 0, 0, 1
    assert messages.read_tensor(message.SerializeToString()).shape == (1, 4, 5, 3)


@FEW
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for read in (decode, messages.read_response, messages.read_tensor):
        try:
            read(data)
        except WireError:
            continue


def test_numbers_by_hand() -> None:
    assert encode_varint(300) == b"\xac\x02"  # the example of the format's own documentation
    assert encode_varint(-1) == b"\xff" * 9 + b"\x01"
    assert signed(decode(encode({7: -3}))[7][0]) == -3
    assert unpack_float(decode(encode({6: 0.5}))[6][0]) == 0.5
    assert unpack_integers([b"\x01\xac\x02", 7]) == (1, 300, 7)


@pytest.mark.parametrize("data", [b"\x08", b"\x0a\x05ab", b"\x00\x01", b"\x0f\x01", b"\xff" * 11])
def test_cut_off_messages_are_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        decode(data)
