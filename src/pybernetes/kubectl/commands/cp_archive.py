"""Archives of `cp`: written member by member as the stock client does, read as Go's archive/tar does.

Both are streams. Of directories only empty ones are members.
"""

from __future__ import annotations

import os
import tarfile

from ..errors import CommandError
from .cp_paths import clean, join

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    Read = Callable[[int], bytes]

BLOCK = 512
_CHUNK = 65536
_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL = b"L", b"K", b"x", b"g"
_WITHOUT_DATA = (tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE)


class Member:
    """A member; `content` gives its data once, and raises CommandError where the archive ends too early."""

    def __init__(self, info: tarfile.TarInfo, read: Read) -> None:
        self.name = info.name
        self.link = info.linkname
        self.is_link = info.issym()
        self.is_directory = info.isdir()
        self.left = 0 if info.type in _WITHOUT_DATA else info.size
        self._padding = -self.left % BLOCK
        self._read = read

    def content(self) -> Iterator[bytes]:
        while self.left:
            data = self._read(min(self.left, _CHUNK))
            if not data:
                raise CommandError("unexpected EOF")
            self.left -= len(data)
            yield data
        _exactly(self._read, self._padding)
        self._padding = 0


def members(read: Read) -> Iterator[Member]:
    """The members of an archive. `read` gives at most so many bytes, none at the end. CommandError."""
    changes: dict[str, Any] = {}
    while (info := _header(read)) is not None:
        if info.type in (_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL):
            data = _exactly(read, info.size + -info.size % BLOCK)[: info.size]
            if info.type == _PAX:
                changes |= _pax(data)
            elif info.type != _PAX_GLOBAL:
                changes["path" if info.type == _LONG_NAME else "linkpath"] = os.fsdecode(data.rstrip(b"\0"))
            continue
        info.name, info.linkname = changes.get("path", info.name), changes.get("linkpath", info.linkname)
        info.size = int(changes.get("size", info.size))
        changes = {}
        member = Member(info, read)
        yield member
        for _ in member.content():
            pass


def _header(read: Read) -> tarfile.TarInfo | None:
    """The next header; none at the end."""
    block = _up_to(read, BLOCK)
    if not block:
        return None
    if len(block) < BLOCK:
        raise CommandError("unexpected EOF")
    if not block.strip(b"\0"):
        after = _up_to(read, BLOCK)
        if 0 < len(after) < BLOCK:
            raise CommandError("unexpected EOF")
        if after.strip(b"\0"):
            raise CommandError("archive/tar: invalid tar header")
        return None
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        raise CommandError("archive/tar: invalid tar header") from None


def _pax(data: bytes) -> dict[str, str]:
    """The records of an extended header: `LENGTH KEY=VALUE`, each with a line's end."""
    found = {}
    while data:
        size, _, _ = data.partition(b" ")
        if not size.isdigit() or not 0 < int(size) <= len(data):
            raise CommandError("archive/tar: invalid tar header")
        key, _, value = data[len(size) + 1 : int(size) - 1].partition(b"=")
        found[key.decode()] = os.fsdecode(value)
        data = data[int(size) :]
    return found


def _up_to(read: Read, size: int) -> bytes:
    found = b""
    while len(found) < size and (data := read(size - len(found))):
        found += data
    return found


def _exactly(read: Read, size: int) -> bytes:
    found = _up_to(read, size)
    if len(found) < size:
        raise CommandError("unexpected EOF")
    return found


def write(source: str, target: str, write: Callable[[bytes], None]) -> None:
    """Write an archive of a local path whose names begin with the last part of `target`. OSError, CommandError."""
    source, name = clean(source), os.path.basename(clean(target)) or "/"
    _write_below(os.path.dirname(source) or ".", os.path.basename(source) or ".", name, write)
    write(bytes(2 * BLOCK))


def _write_below(directory: str, path: str, name: str, write: Callable[[bytes], None]) -> None:
    for found in _matching(join(directory, path)):
        status = os.lstat(found)
        info = _info(found, name)
        if info.isdir():
            names = sorted(os.listdir(found))
            if not names:
                write(_encoded(info))
            for below in names:
                _write_below(directory, join(path, below), join(name, below), write)
            return
        if not info.isreg():
            write(_encoded(info))
            if info.issym():
                continue
            return
        info.size = status.st_size
        with open(found, "rb") as file:
            write(_encoded(info))
            left = info.size
            while left:
                data = file.read(min(left, _CHUNK))
                if not data:
                    raise CommandError("archive/tar: missed writing " + f"{left} bytes")
                left -= len(data)
                write(data)
        write(bytes(-info.size % BLOCK))
        return


def _matching(path: str) -> list[str]:
    """What a name stands for: itself, or what it matches if it has the signs of a pattern."""
    if not any(sign in path for sign in "*?[\\"):
        return [path] if os.path.lexists(path) else []
    from glob import glob

    return sorted(glob(path, include_hidden=True))


def _info(path: str, name: str) -> tarfile.TarInfo:
    with tarfile.TarFile(os.devnull, "w") as archive:
        info = archive.gettarinfo(path, name)
    if info is None:
        raise CommandError("archive/tar: sockets not supported")
    if info.islnk():
        info.type = tarfile.REGTYPE
    info.name = name
    info.mtime = int(info.mtime)
    return info


def _encoded(info: tarfile.TarInfo) -> bytes:
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
