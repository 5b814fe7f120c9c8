"""A header block that goes on in CONTINUATION frames. Bounded, since each of them costs the peer almost nothing."""

from pybernetes.base.http.h2_frames import ConnectionFault, ErrorCode

_MAX_FRAMES = 32


class PartialBlock:
    """What has come of it."""

    __slots__ = ("_bytes", "_pieces", "ends_stream", "stream_id")

    def __init__(self, stream_id: int, first: bytes, *, ends_stream: bool) -> None:
        self.stream_id = stream_id
        self.ends_stream = ends_stream
        self._pieces = [first]
        self._bytes = len(first)

    def add(self, piece: bytes, max_bytes: int) -> None:
        """One more piece. ConnectionFault when it gets too much."""
        self._pieces.append(piece)
        self._bytes += len(piece)
        if len(self._pieces) > _MAX_FRAMES or self._bytes > max_bytes:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "header block too large")

    def whole(self) -> bytes:
        """All of it."""
        return b"".join(self._pieces)
