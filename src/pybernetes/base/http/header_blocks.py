"""HPACK (RFC 7541) as a server needs it: header blocks in, header blocks out, with memos.

Decoding in Python is dear, and clients send the same headers again and again. We announce a dynamic table of size 0;
from the moment the peer's table is empty a block means the same at any time, so blocks and Huffman strings can be
remembered. Until then the `hpack` package decodes: for the first requests of a connection, and for all of a peer that
does not know the setting (Go before 1.20, so every client of Kubernetes up to v1.24) and goes on with a table of 4096
bytes. The memos belong to one connection and are bounded: remembered headers contain bearer tokens, which must not
outlive their use.

Encoding uses the static table and literals only, so it needs no state at all.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Generic, TypeVar

from hpack import Decoder, HPACKError
from hpack.huffman_table import decode_huffman
from hpack.table import HeaderTable

from pybernetes.base.http.message import Headers

_MAX_BLOCKS = 64
_MAX_STRINGS = 128
_MAX_REMEMBERED = 8192
"""Bytes of one block or string that is still worth remembering."""

T = TypeVar("T")

_STATIC: list[tuple[str, str]] = [("", "")] + [(n.decode(), v.decode()) for n, v in HeaderTable.STATIC_TABLE]
_STATIC_NAMES: dict[str, int] = {}
for _index, (_name, _) in enumerate(_STATIC[1:], 1):
    _STATIC_NAMES.setdefault(_name, _index)
_STATIC_STATUS = {int(value): index for index, (name, value) in enumerate(_STATIC) if name == ":status"}


class BlockError(Exception):
    """The block cannot be decoded: the connection is beyond repair (COMPRESSION_ERROR)."""


class BlockTooLarge(Exception):
    """The headers exceed the limit. `fatal` tells whether decoder and peer are now out of step."""

    def __init__(self, fatal: bool) -> None:
        super().__init__("header list too large")
        self.fatal = fatal


class BlockDecoder(Generic[T]):
    """Decodes the header blocks of one connection, in order, and converts the headers to what the caller needs."""

    def __init__(self, max_list_bytes: int, convert: Callable[[Headers], T]) -> None:
        """`convert` is a pure function; its results are remembered with the blocks and must not be changed."""
        self._max_list_bytes = max_list_bytes
        self._convert = convert
        self._stateful: Decoder | None = Decoder(max_list_bytes)
        self._acknowledged = False
        self._blocks: dict[bytes, T] = {}
        self._strings: dict[bytes, str] = {}

    def table_size_acknowledged(self) -> None:
        """The peer has acknowledged a table size of 0; its next block tells whether it obeys."""
        self._acknowledged = True

    def decode(self, block: bytes) -> T:
        """The converted headers of a block. BlockError, BlockTooLarge."""
        try:
            return self._blocks[block]
        except KeyError:
            pass
        if self._stateful is not None:
            return self._convert(self._decode_stateful(self._stateful, block))
        converted = self._convert(self._decode_stateless(block))
        if len(block) <= _MAX_REMEMBERED:
            if len(self._blocks) >= _MAX_BLOCKS:
                self._blocks.clear()
            self._blocks[block] = converted
        return converted

    def _decode_stateful(self, decoder: Decoder, block: bytes) -> Headers:
        try:
            decoded = decoder.decode(block, raw=True)
        except HPACKError as error:
            if "header list larger" in str(error):
                raise BlockTooLarge(fatal=True) from None
            raise BlockError(str(error)) from None
        if self._acknowledged and decoder.header_table.maxsize == 0:
            self._stateful = None
        return [(_text(name), _text(value)) for name, value in decoded]

    def _decode_stateless(self, block: bytes) -> Headers:
        headers: Headers = []
        size = 0
        position, end = 0, len(block)
        while position < end:
            first = block[position]
            if first & 0x80:
                index, position = _integer(block, position, 0x7F)
                if not 0 < index < len(_STATIC):
                    raise BlockError(f"index {index} is outside of the table")
                header = _STATIC[index]
            elif first & 0xE0 == 0x20:
                table_size, position = _integer(block, position, 0x1F)
                if table_size or headers:
                    raise BlockError("table size update beyond what was announced")
                continue
            else:
                index, position = _integer(block, position, 0x3F if first & 0x40 else 0x0F)
                if index == 0:
                    name, position = self._string(block, position)
                elif index < len(_STATIC):
                    name = _STATIC[index][0]
                else:
                    raise BlockError(f"index {index} is outside of the table")
                value, position = self._string(block, position)
                header = (name, value)
            headers.append(header)
            size += len(header[0]) + len(header[1]) + 32
            if size > self._max_list_bytes:
                raise BlockTooLarge(fatal=False)
        return headers

    def _string(self, block: bytes, position: int) -> tuple[str, int]:
        if position >= len(block):
            raise BlockError("truncated block")
        huffman = block[position] & 0x80
        length, position = _integer(block, position, 0x7F)
        end = position + length
        if end > len(block):
            raise BlockError("truncated string")
        raw = block[position:end]
        if not huffman:
            return _text(raw), end
        text = self._strings.get(raw)
        if text is None:
            try:
                text = _text(decode_huffman(raw))
            except HPACKError as error:
                raise BlockError(str(error)) from None
            if length <= _MAX_REMEMBERED:
                if len(self._strings) >= _MAX_STRINGS:
                    self._strings.clear()
                self._strings[raw] = text
        return text, end


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _integer(block: bytes, position: int, mask: int) -> tuple[int, int]:
    """An integer whose first byte shares its bits with flags (RFC 7541 section 5.1)."""
    value = block[position] & mask
    position += 1
    if value < mask:
        return value, position
    shift = 0
    while True:
        if position >= len(block) or shift > 28:
            raise BlockError("malformed integer")
        byte = block[position]
        position += 1
        value += (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position


def _encoded_integer(value: int, mask: int, flags: int = 0) -> bytes:
    if value < mask:
        return bytes((flags | value,))
    encoded = bytearray((flags | mask,))
    value -= mask
    while value >= 128:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


@lru_cache(maxsize=64)
def encoded_status(status: int) -> bytes:
    """`:status` as the first field of a response block."""
    index = _STATIC_STATUS.get(status)
    if index is not None:
        return bytes((0x80 | index,))
    return bytes((_STATIC_NAMES[":status"], 3)) + b"%03d" % status


@lru_cache(maxsize=256)
def _encoded_name(name: str) -> bytes:
    index = _STATIC_NAMES.get(name)
    if index is not None:
        return _encoded_integer(index, 0x0F)
    if not name or any(c in name for c in "\r\n\0: ") or name != name.lower():
        raise ValueError(f"not a header name: {name!r}")
    raw = name.encode("utf-8", "surrogateescape")
    return b"\0" + _encoded_integer(len(raw), 0x7F) + raw


@lru_cache(maxsize=1024)
def encoded_header(name: str, value: str) -> bytes:
    """One field, as a literal without indexing. ValueError if it would be two lines in HTTP/1.1."""
    if "\n" in value or "\r" in value or "\0" in value:
        raise ValueError("a header value contains a line break")
    raw = value.encode("utf-8", "surrogateescape")
    length = len(raw)
    return _encoded_name(name) + (bytes((length,)) if length < 127 else _encoded_integer(length, 0x7F)) + raw
