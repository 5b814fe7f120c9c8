"""File changes as events: inotify(7) through libc, read by the event loop.

One watch of one directory tells when something in it was written, made, moved or deleted; which file it was is not
kept, since the reader looks for itself anyway. Nothing polls.
"""

import asyncio
import ctypes
import os
import struct
from functools import cache

IN_MODIFY = 0x2
IN_CLOSE_WRITE = 0x8
IN_MOVED_FROM = 0x40
IN_MOVED_TO = 0x80
IN_CREATE = 0x100
IN_DELETE = 0x200
IN_IGNORED = 0x8000
"""The watched directory is gone."""

LOG_EVENTS = IN_MODIFY | IN_MOVED_TO | IN_CREATE | IN_CLOSE_WRITE
FILE_SET_EVENTS = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE

_EVENT = struct.Struct("iIII")


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


class DirectoryWatch:
    """Events below one directory (not in its subdirectories). Close it when done."""

    def __init__(self, directory: str, events: int) -> None:
        """OSError when the directory cannot be watched (ENOSPC: fs.inotify.max_user_watches)."""
        self._changed = asyncio.Event()
        self._seen = 0
        self._loop = asyncio.get_running_loop()
        self._handle: int = _libc().inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._handle < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        if _libc().inotify_add_watch(self._handle, os.fsencode(directory), ctypes.c_uint32(events)) < 0:
            code = ctypes.get_errno()
            os.close(self._handle)
            raise OSError(code, os.strerror(code), directory)
        self._loop.add_reader(self._handle, self._readable)

    def _readable(self) -> None:
        try:
            data = os.read(self._handle, 65536)
        except BlockingIOError:
            return
        offset = 0
        while offset < len(data):
            _, mask, _, length = _EVENT.unpack_from(data, offset)
            self._seen |= mask
            offset += _EVENT.size + length
        self._changed.set()

    async def wait(self, timeout_seconds: float | None = None) -> int:
        """The kinds of events (joined bits) since the last call, waiting for one; 0 when the time is over."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._changed.wait()
        except TimeoutError:
            return 0
        self._changed.clear()
        seen, self._seen = self._seen, 0
        return seen

    def close(self) -> None:
        """End the watch; idempotent."""
        if self._handle >= 0:
            self._loop.remove_reader(self._handle)
            os.close(self._handle)
            self._handle = -1
