"""Reading container logs: the runtime's files, as a client asked for them.

    2026-11-23T02:56:04.349843489Z stdout F hello          one line of a CRI log; P marks a piece of a longer line

`LogOptions` say which lines; `read_log` yields the text in pieces. Tailing starts from the end of the file and does not
read what comes before. Following waits on inotify events of the log's directory: the file grew, or it was rotated away
(its rest is read, then the new file from its start), or the runtime closed it: then the caller is asked whether the
container still runs.
"""

import asyncio
import io
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from ..base.inotify import IN_CLOSE_WRITE, IN_IGNORED, LOG_EVENTS, DirectoryWatch

BLOCK_BYTES = 64 * 1024
RECHECK_SECONDS = (0.02, 0.1, 0.5, 2.0, 10.0)
"""The runtime closes a log (an event) shortly before it reports the end of the container: ask again after these."""


class LogOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What to read: the fields of the API's PodLogOptions."""

    follow: bool = False
    tail_lines: int | None = None
    limit_bytes: int | None = None
    since: datetime | None = None
    """Lines written at or after this instant."""
    timestamps: bool = False
    stream: str = "All"
    """`All`, `Stdout` or `Stderr`."""


class LogLine(msgspec.Struct, frozen=True):
    """One line of a CRI log. A partial one has no newline of its own."""

    timestamp: bytes
    stream: bytes
    partial: bool
    text: bytes


def parse_line(line: bytes) -> LogLine | None:
    """One raw line without its newline; None when it is not in the CRI format."""
    parts = line.split(b" ", 3)
    if len(parts) < 3 or parts[1] not in (b"stdout", b"stderr"):
        return None
    # Tags are joined by colons; the first one says whether the line goes on.
    return LogLine(parts[0], parts[1], parts[2].split(b":")[0] == b"P", parts[3] if len(parts) == 4 else b"")


def instant_of(timestamp: bytes) -> datetime | None:
    """The instant of an RFC 3339 timestamp with up to nanoseconds; None for anything else."""
    text = timestamp.decode("ascii", "replace")
    head, dot, rest = text.partition(".")
    digits = len(rest) - len(rest.lstrip("0123456789"))
    zone = rest[digits:] if dot else ""
    if not dot:
        head, zone = (text[:-1], "Z") if text.endswith("Z") else (text, "")
    try:
        found = datetime.fromisoformat(head + ("." + rest[:digits][:6].ljust(6, "0") if dot else "") + zone)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


class LogFormat(Protocol):
    """What the lines of a file mean. One object reads one file; it may remember where it is."""

    def parse(self, raw: bytes) -> LogLine | None:
        """The next raw line, without its newline; None when it is not wanted."""

    def backwards(self, lines: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, LogLine]]:
        """(offset, line) of those wanted among (offset, raw line), from the last to the first. Afterwards `parse` goes
        on from wherever the caller stopped."""


class CriLog:
    """The runtime's files, in which each line stands for itself."""

    def parse(self, raw: bytes) -> LogLine | None:
        return parse_line(raw)

    def backwards(self, lines: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, LogLine]]:
        for offset, raw in lines:
            line = parse_line(raw)
            if line is not None:
                yield offset, line


class LineFilter:
    """Turns raw lines into the text a client sees: the chosen stream and time, with or without timestamps, limited."""

    def __init__(self, options: LogOptions, form: LogFormat) -> None:
        self._options = options
        self._form = form
        self._stream = {"Stdout": b"stdout", "Stderr": b"stderr"}.get(options.stream)
        self._left = options.limit_bytes
        self._waiting_for_since = options.since is not None
        self._in_line: dict[bytes, bool] = {}

    @property
    def full(self) -> bool:
        """Whether limit_bytes is used up."""
        return self._left is not None and self._left <= 0

    def feed(self, raw: bytes) -> bytes:
        """The text of one raw line (without newline), b"" when it is not wanted."""
        line = self._form.parse(raw)
        if line is None or (self._stream is not None and line.stream != self._stream):
            return b""
        if self._waiting_for_since:
            moment = instant_of(line.timestamp)
            assert self._options.since is not None
            if moment is None or moment < self._options.since:
                return b""
            self._waiting_for_since = False  # lines are in the order of time
        begins = not self._in_line.get(line.stream, False)
        self._in_line[line.stream] = line.partial
        text = line.text if line.partial else line.text + b"\n"
        if self._options.timestamps and begins:
            text = line.timestamp + b" " + text
        if self._left is not None:
            text = text[: self._left]
            self._left -= len(text)
        return text


def tail_offset(source: io.FileIO, lines: int, form: LogFormat, stream: str = "All") -> int:
    """Where the last `lines` whole lines begin, counting only those of the stream and pieces of one line as one."""
    wanted = {"Stdout": b"stdout", "Stderr": b"stderr"}.get(stream)
    end = source.seek(0, os.SEEK_END)
    if lines <= 0:
        return end
    found, start = 0, end
    for offset, line in form.backwards(_lines_backwards(source, end)):
        if wanted is not None and line.stream != wanted:
            continue
        if not line.partial or start == end:
            found += 1
            if found > lines:
                return start
        start = offset
    return 0


def _lines_backwards(source: io.FileIO, end: int) -> Iterator[tuple[int, bytes]]:
    """(offset, raw line) from the last to the first."""
    rest = b""
    position = end
    first = True
    while position > 0:
        size = min(BLOCK_BYTES, position)
        position -= size
        source.seek(position)
        block = source.read(size) + rest
        pieces = block.split(b"\n")
        rest = pieces[0]
        offset = position + len(block)
        for piece in reversed(pieces[1:]):
            offset -= len(piece)
            if not (first and not piece):
                yield offset, piece
            first = False
            offset -= 1
    if rest:
        yield 0, rest


class _LogFile:
    """The open file of a log and the unfinished line at its end."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.source = io.FileIO(path)
        self._rest = b""

    def close(self) -> None:
        self.source.close()

    def read(self, lines: LineFilter) -> bytes | None:
        """The text of the next block's whole lines (maybe none of it wanted); None at the end of the file."""
        data = self.source.read(BLOCK_BYTES)
        if not data:
            return None
        *whole, self._rest = (self._rest + data).split(b"\n")
        pieces: list[bytes] = []
        for raw in whole:
            pieces.append(lines.feed(raw))
            if lines.full:
                break
        return b"".join(pieces)

    def unfinished(self, lines: LineFilter) -> bytes:
        """The text of a last line that has no newline."""
        rest, self._rest = self._rest, b""
        return lines.feed(rest) if rest else b""

    def was_rotated(self) -> bool:
        """Whether the path is another file by now, or the file was emptied."""
        try:
            now = os.stat(self._path)
        except FileNotFoundError:
            return False
        mine = os.fstat(self.source.fileno())
        return (now.st_dev, now.st_ino) != (mine.st_dev, mine.st_ino) or mine.st_size < self.source.tell()

    def reopen(self) -> None:
        """Go on with the file that is at the path now."""
        self.source.close()
        self.source = io.FileIO(self._path)
        self._rest = b""


async def read_log(
    path: str,
    options: LogOptions,
    running: "Callable[[], Awaitable[bool]] | None" = None,
    form: LogFormat | None = None,
) -> AsyncIterator[bytes]:
    """The log at path as text, in pieces; with `follow` also what is written until the container ends.

    form: None for the runtime's. running() tells whether the container still does; without it a followed log never ends
    by itself. FileNotFoundError when there is no log."""
    watch = DirectoryWatch(os.path.dirname(path), LOG_EVENTS) if options.follow else None
    form = form or CriLog()
    lines = LineFilter(options, form)
    log: _LogFile | None = None
    checks = iter((0.0,))  # ask once at the first end of the file: the container may be over already
    over = False
    try:
        log = _LogFile(path)
        if options.tail_lines is not None:
            log.source.seek(await asyncio.to_thread(tail_offset, log.source, options.tail_lines, form, options.stream))
        while not lines.full:
            rotated = watch is not None and log.was_rotated()
            text = log.read(lines)
            if text:
                yield text
            elif text is not None:
                await asyncio.sleep(0)  # a long stretch of unwanted lines must not hold up everybody else
            elif rotated:
                log.reopen()
            elif watch is None or over:
                break
            else:
                events = await watch.wait(next(checks, None))
                if events & (IN_CLOSE_WRITE | IN_IGNORED):
                    checks = iter(RECHECK_SECONDS)
                    events = 0
                if not events and running is not None:
                    over = not await running()
        if not lines.full and (text := log.unfinished(lines)):
            yield text
    finally:
        if log is not None:
            log.close()
        if watch is not None:
            watch.close()
