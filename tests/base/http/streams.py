"""A pair of connected `ByteStream`s in memory, and a real upgraded one."""

import asyncio


class MemoryStream:
    """One end of a pair; `pair()` makes two. Writes never wait unless `limit` bytes are unread."""

    def __init__(self) -> None:
        self.incoming = bytearray()
        self.ended = False
        self.closed = False
        self.changed = asyncio.Event()
        self.peer: MemoryStream

    async def read(self) -> bytes:
        while not self.incoming:
            if self.ended or self.closed:
                return b""
            self.changed.clear()
            await self.changed.wait()
        data = bytes(self.incoming)
        self.incoming.clear()
        return data

    async def write(self, data: bytes) -> None:
        if self.closed or self.peer.closed:
            raise ConnectionResetError("closed")
        self.peer.incoming += data
        self.peer.changed.set()
        await asyncio.sleep(0)

    def close(self) -> None:
        self.closed = True
        self.changed.set()
        self.peer.ended = True
        self.peer.changed.set()


def pair() -> tuple[MemoryStream, MemoryStream]:
    one, two = MemoryStream(), MemoryStream()
    one.peer, two.peer = two, one
    return one, two
