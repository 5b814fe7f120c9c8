"""Tags, variable-length integers and length-delimited fields (the protobuf encoding page)."""

from collections.abc import Iterator

VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5
_LIMIT = 2**64


class ProtobufError(ValueError):
    """The bytes are no message of the wanted type."""


def write_varint(out: bytearray, number: int) -> None:
    """Seven bits a byte, lowest first; negative numbers as 64-bit two's complement."""
    if number < 0:
        number += _LIMIT
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)


def write_integer(out: bytearray, field: int, number: int) -> None:
    write_varint(out, field << 3 | VARINT)
    write_varint(out, number)


def _tags(kind: int) -> dict[int, bytes]:
    found = {}
    for field in range(1, 256):
        tag = bytearray()
        write_varint(tag, field << 3 | kind)
        found[field] = bytes(tag)
    return found


def write_delimited(out: bytearray, field: int, data: bytes | bytearray) -> None:
    """Nearly all there is to write: tags are looked up, and most lengths fit one byte."""
    tag = _DELIMITED_TAGS.get(field)
    if tag is None:
        write_varint(out, field << 3 | DELIMITED)
    else:
        out += tag
    size = len(data)
    if size < 0x80:
        out.append(size)
    else:
        write_varint(out, size)
    out += data


_DELIMITED_TAGS = _tags(DELIMITED)


def write_fixed64(out: bytearray, field: int, data: bytes) -> None:
    write_varint(out, field << 3 | FIXED64)
    out += data


def read_varint(data: memoryview, at: int) -> tuple[int, int]:
    """The number that starts at `at`, and where the next byte is."""
    number = shift = 0
    while at < len(data):
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number % _LIMIT, at
        shift += 7
        if shift > 63:
            break
    raise ProtobufError("broken varint")


def signed(number: int) -> int:
    """An unsigned 64-bit number read as two's complement."""
    return number - _LIMIT if number >= 2**63 else number


def fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Field numbers with their values: a number for varints, the bytes for all others."""
    at, end = 0, len(data)
    while at < end:
        tag = data[at]
        if tag < 0x80:
            at += 1
        else:
            tag, at = read_varint(data, at)
        field, kind = tag >> 3, tag & 7
        if kind == VARINT:
            number, at = read_varint(data, at)
            yield field, number
            continue
        if kind == DELIMITED:
            if at < end and data[at] < 0x80:
                length = data[at]
                at += 1
            else:
                length, at = read_varint(data, at)
        elif kind == FIXED64:
            length = 8
        elif kind == FIXED32:
            length = 4
        else:
            raise ProtobufError(f"unknown wire type {kind}")
        if at + length > end:
            raise ProtobufError("unexpected end of message")
        yield field, data[at : at + length]
        at += length
