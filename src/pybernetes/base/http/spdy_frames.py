"""SPDY/3.1 frames as bytes and back: pure, no I/O.

A data frame is `stream(31 bits) flags(8) length(24)`; a control frame has its top bit set, then version, kind, flags
and length. Header blocks run through one zlib stream per direction, primed with the dictionary of the specification.
"""

import struct
import zlib

from pybernetes.base.http.message import Headers

VERSION = 3
SYN_STREAM, SYN_REPLY, RST_STREAM, SETTINGS, PING, GOAWAY, HEADERS, WINDOW_UPDATE = 1, 2, 3, 4, 6, 7, 8, 9
DATA = 0
"""Not a number of the protocol: how `Frame.kind` names a data frame."""

FIN = 0x01
UNIDIRECTIONAL = 0x02

SETTINGS_INITIAL_WINDOW_SIZE = 7
DEFAULT_WINDOW = 65536

PROTOCOL_ERROR, INVALID_STREAM, REFUSED_STREAM, UNSUPPORTED_VERSION, CANCEL, INTERNAL_ERROR = 1, 2, 3, 4, 5, 6

MAX_FRAME = 4 * 1024 * 1024
_MAX_HEADERS = 256 * 1024

_WORDS = """options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age
allow authorization cache-control connection content-base content-encoding content-language content-length
content-location content-md5 content-range content-type date etag expect expires from host if-match if-modified-since
if-none-match if-range if-unmodified-since last-modified location max-forwards pragma proxy-authenticate
proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade user-agent vary via warning
www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie keep-alive origin""".split()
_TAIL = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative "
    "Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 "
    "Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec "
    "00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,"
    "application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset="
    "iso-8859-1,utf-,*,enq=0."
)
DICTIONARY = b"".join([struct.pack(">I", len(word)) + word.replace("_", " ").encode() for word in _WORDS])
DICTIONARY += _TAIL.encode()
"""SPDY/3 section 2.6.10.1; its Adler-32 is 0xe3c6a7c2."""


class SpdyError(Exception):
    """The peer sent something that is not SPDY/3.1; the connection is beyond repair."""


class Frame:
    """One frame. `stream_id` is 0 for frames of the connection; `payload` is the rest after it."""

    __slots__ = ("flags", "kind", "payload", "stream_id")

    def __init__(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        self.kind = kind
        self.flags = flags
        self.stream_id = stream_id
        self.payload = payload


_OF_STREAM = {SYN_STREAM: 10, SYN_REPLY: 4, RST_STREAM: 8, HEADERS: 4, WINDOW_UPDATE: 8}
"""Control frames that begin with a stream, and their least length."""


class FrameParser:
    """Cuts frames out of bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete. SpdyError for what cannot be one."""
        buffer = self._buffer
        buffer += data
        frames = []
        while len(buffer) >= 8:
            length = int.from_bytes(buffer[5:8], "big")
            if length > MAX_FRAME:
                raise SpdyError(f"frame of {length} bytes")
            if len(buffer) < 8 + length:
                break
            frames.append(_frame(bytes(buffer[:8]), bytes(buffer[8 : 8 + length])))
            del buffer[: 8 + length]
        return frames


def _frame(head: bytes, payload: bytes) -> Frame:
    if not head[0] & 0x80:
        return Frame(DATA, head[4], int.from_bytes(head[:4], "big"), payload)
    version = int.from_bytes(head[:2], "big") & 0x7FFF
    kind = int.from_bytes(head[2:4], "big")
    if version != VERSION:
        raise SpdyError(f"SPDY version {version}")
    least = _OF_STREAM.get(kind)
    if least is None:
        return Frame(kind, head[4], 0, payload)
    if len(payload) < least:
        raise SpdyError(f"control frame {kind} too short")
    return Frame(kind, head[4], int.from_bytes(payload[:4], "big") & 0x7FFFFFFF, payload[4:])


def data(stream_id: int, payload: bytes, *, fin: bool = False) -> bytes:
    """A data frame."""
    return struct.pack(">II", stream_id, (FIN if fin else 0) << 24 | len(payload)) + payload


def control(kind: int, payload: bytes, flags: int = 0) -> bytes:
    """A control frame."""
    return struct.pack(">HHI", 0x8000 | VERSION, kind, flags << 24 | len(payload)) + payload


def numbers(kind: int, *values: int) -> bytes:
    """A control frame that consists of 32-bit numbers."""
    return control(kind, struct.pack(f">{len(values)}I", *values))


def settings(payload: bytes) -> dict[int, int]:
    """The values of a SETTINGS frame, by id. SpdyError if it is malformed."""
    if len(payload) < 4 or len(payload) - 4 != 8 * int.from_bytes(payload[:4], "big"):
        raise SpdyError("malformed SETTINGS")
    return {flagged & 0xFFFFFF: value for flagged, value in struct.iter_unpack(">II", payload[4:])}


class HeaderCompressor:
    """Header blocks of one direction, sending."""

    def __init__(self) -> None:
        self._zlib = zlib.compressobj(level=6, zdict=DICTIONARY)

    def encode(self, headers: Headers) -> bytes:
        """A block; headers of the same name become one with several values."""
        merged: dict[str, list[str]] = {}
        for name, value in headers:
            merged.setdefault(name.lower(), []).append(value)
        parts = [struct.pack(">I", len(merged))]
        for name, values in merged.items():
            for text in (name, "\0".join(values)):
                raw = text.encode()
                parts += (struct.pack(">I", len(raw)), raw)
        return self._zlib.compress(b"".join(parts)) + self._zlib.flush(zlib.Z_SYNC_FLUSH)


class HeaderDecompressor:
    """Header blocks of one direction, receiving. Blocks must be decoded in the order in which they arrive."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(zdict=DICTIONARY)

    def decode(self, block: bytes) -> Headers:
        """The headers of a block. SpdyError if it is malformed or too large."""
        try:
            raw = self._zlib.decompress(block, _MAX_HEADERS)
        except zlib.error as error:
            raise SpdyError(f"malformed header block: {error}") from None
        if self._zlib.unconsumed_tail:
            raise SpdyError("header block too large")
        position = 4
        count = int.from_bytes(raw[:4], "big")
        headers: Headers = []
        texts: list[str] = []
        while position < len(raw):
            end = position + 4 + int.from_bytes(raw[position : position + 4], "big")
            if end > len(raw):
                raise SpdyError("malformed header block")
            texts.append(raw[position + 4 : end].decode("utf-8", "surrogateescape"))
            position = end
        if len(raw) < 4 or len(texts) != 2 * count:
            raise SpdyError("malformed header block")
        for name, values in zip(texts[::2], texts[1::2], strict=True):
            headers += [(name.lower(), value) for value in values.split("\0")]
        return headers
