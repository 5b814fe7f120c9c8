"""HTTP/2 frames (RFC 9113 section 6): the numbers, and bytes for the frames that a server sends."""

import struct
from enum import IntEnum

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)

END_STREAM = 0x1
ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITY_FLAG = 0x20

SETTINGS_HEADER_TABLE_SIZE = 1
SETTINGS_ENABLE_PUSH = 2
SETTINGS_MAX_CONCURRENT_STREAMS = 3
SETTINGS_INITIAL_WINDOW_SIZE = 4
SETTINGS_MAX_FRAME_SIZE = 5
SETTINGS_MAX_HEADER_LIST_SIZE = 6

MAX_WINDOW = 2**31 - 1
DEFAULT_WINDOW = 65535
STREAM_WINDOW = 256 * 1024
"""The window we give each stream."""
MAX_FRAME = 16384
"""The largest frame we accept, and the largest every peer accepts."""


class ErrorCode(IntEnum):
    """RFC 9113 section 7."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    CONNECT_ERROR = 10
    ENHANCE_YOUR_CALM = 11
    INADEQUATE_SECURITY = 12
    HTTP_1_1_REQUIRED = 13


class ConnectionFault(Exception):
    """The peer broke the protocol: GOAWAY with this code, then close."""

    def __init__(self, code: ErrorCode, text: str) -> None:
        super().__init__(text)
        self.code = code


class StreamFault(Exception):
    """One stream is in error: RST_STREAM with this code."""

    def __init__(self, stream_id: int, code: ErrorCode) -> None:
        super().__init__(f"stream {stream_id}: {code.name}")
        self.stream_id = stream_id
        self.code = code


HEADER = struct.Struct(">IBI")
"""Length and type in one number (length << 8 | type), flags, stream."""
UINT32 = struct.Struct(">I")
SETTING = struct.Struct(">HI")


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """A whole frame."""
    return HEADER.pack(len(payload) << 8 | kind, flags, stream_id) + payload


def settings(values: dict[int, int]) -> bytes:
    """A SETTINGS frame."""
    return frame(SETTINGS, 0, 0, b"".join([SETTING.pack(name, value) for name, value in values.items()]))


def greeting(*, max_streams: int, max_head_bytes: int, window: int) -> bytes:
    """What a server says first: its limits, and the connection's window for what it receives."""
    limits = {
        SETTINGS_HEADER_TABLE_SIZE: 0,
        SETTINGS_MAX_CONCURRENT_STREAMS: max_streams,
        SETTINGS_INITIAL_WINDOW_SIZE: STREAM_WINDOW,
        SETTINGS_MAX_HEADER_LIST_SIZE: max_head_bytes,
    }
    return settings(limits) + window_update(0, window - DEFAULT_WINDOW)


def rst_stream(stream_id: int, code: ErrorCode) -> bytes:
    """An RST_STREAM frame."""
    return frame(RST_STREAM, 0, stream_id, UINT32.pack(code))


def window_update(stream_id: int, increment: int) -> bytes:
    """A WINDOW_UPDATE frame; stream 0 is the connection."""
    return frame(WINDOW_UPDATE, 0, stream_id, UINT32.pack(increment))


def goaway(last_stream_id: int, code: ErrorCode, text: str = "") -> bytes:
    """A GOAWAY frame."""
    return frame(GOAWAY, 0, 0, UINT32.pack(last_stream_id) + UINT32.pack(code) + text.encode())


def headers(stream_id: int, block: bytes, *, end_stream: bool) -> bytes:
    """A HEADERS frame, with CONTINUATION frames if the block is long."""
    end = END_STREAM if end_stream else 0
    if len(block) <= MAX_FRAME:
        return HEADER.pack(len(block) << 8 | HEADERS, end | END_HEADERS, stream_id) + block
    frames = [frame(HEADERS, end, stream_id, block[:MAX_FRAME])]
    for start in range(MAX_FRAME, len(block), MAX_FRAME):
        flags = END_HEADERS if start + MAX_FRAME >= len(block) else 0
        frames.append(frame(CONTINUATION, flags, stream_id, block[start : start + MAX_FRAME]))
    return b"".join(frames)


# Payloads of a client's frames.


def without_padding(payload: bytes) -> bytes:
    """The payload of a frame with the PADDED flag. ConnectionFault if it is nothing but padding."""
    if not payload or payload[0] >= len(payload):
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "padding longer than its frame")
    return payload[1 : len(payload) - payload[0]]


def header_block(flags: int, stream_id: int, payload: bytes) -> bytes:
    """The block fragment of a HEADERS frame, without padding and priority. ConnectionFault."""
    if flags & PADDED:
        payload = without_padding(payload)
    if not flags & PRIORITY_FLAG:
        return payload
    if len(payload) < 5:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "HEADERS too short for its priority")
    if int.from_bytes(payload[:4], "big") & 0x7FFFFFFF == stream_id:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a stream that depends on itself")
    return payload[5:]


def read_settings(payload: bytes) -> dict[int, int]:
    """The values of a SETTINGS frame, checked. ConnectionFault."""
    if len(payload) % 6:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS")
    values = dict(SETTING.iter_unpack(payload))
    if values.get(SETTINGS_ENABLE_PUSH, 0) > 1:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "ENABLE_PUSH")
    if not MAX_FRAME <= values.get(SETTINGS_MAX_FRAME_SIZE, MAX_FRAME) < 2**24:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "MAX_FRAME_SIZE")
    if values.get(SETTINGS_INITIAL_WINDOW_SIZE, 0) > MAX_WINDOW:
        raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "INITIAL_WINDOW_SIZE")
    return values
