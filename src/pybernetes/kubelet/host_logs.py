"""The lines of one component in the log of a process that several components share.

    2026-01-02T03:04:05.678 INFO scheduler.cycle Pod scheduled pod=default/web-1     base/log.py: local time, logger
    {"level":"warn","ts":"2026-01-02T03:04:05.678Z", ...}                            etcd: a file of its own

A line belongs to the component whose packages its logger is in, else to the one it names (`component=`): code that all
of them use logs under its own name. Lines that begin otherwise, as those of a traceback, belong to the line before.
"""

import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

from .host_component import ComponentLog
from .logs import LogLine, LogOptions, read_log

_OURS = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}) [A-Z]+ ([\w.]+) ")
_JSON = re.compile(rb'\{.*?"ts":"([^"]+)"')


def is_of(log: ComponentLog, logger: str, line: bytes) -> bool:
    """Whether a line by this logger belongs to the component. Pure."""
    package = logger.partition(".")[0]
    if package in log.loggers:
        return True
    return package not in log.others and f" component={log.component} ".encode() in line + b" "


def utc(text: bytes) -> bytes:
    """An instant as written, in local time where it has no zone, as the API writes instants; b"" for none."""
    try:
        instant = datetime.fromisoformat(text.decode("ascii", "replace"))
    except ValueError:
        return b""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode()


class ComponentLines:
    """A LogFormat (logs.py)."""

    def __init__(self, log: ComponentLog) -> None:
        self._log = log
        self._is_alone = not log.component
        self._within = b""
        """The instant of the wanted line that the next ones may belong to; b"" when that line is not wanted."""

    def parse(self, raw: bytes) -> LogLine | None:
        begins = self._beginning(raw)
        if begins is not None:
            self._within = begins
        return self._line(raw) if self._within or self._is_alone else None

    def backwards(self, lines: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, LogLine]]:
        following: list[tuple[int, bytes]] = []
        for offset, raw in lines:
            begins = self._beginning(raw)
            if begins is None:
                following.append((offset, raw))
                continue
            if begins:
                self._within = begins
                for later, text in following:
                    yield later, self._line(text)
                yield offset, self._line(raw)
            following.clear()
        self._within = b""
        if self._is_alone:
            for later, text in following:
                yield later, self._line(text)

    def _line(self, raw: bytes) -> LogLine:
        return LogLine(self._within, b"stderr", False, raw)

    def _beginning(self, raw: bytes) -> bytes | None:
        """The instant of a wanted line, b"" for one of somebody else; None for one that belongs to the line before."""
        if self._is_alone:
            found = _JSON.match(raw)
            return utc(found[1]) or None if found is not None else None
        found = _OURS.match(raw)
        if found is None:
            return None
        return utc(found[1]) if is_of(self._log, found[2].decode(), raw) else b""


def read_component_log(log: ComponentLog, options: LogOptions) -> AsyncIterator[bytes]:
    """The component's lines; with `follow` for as long as somebody reads. FileNotFoundError when there is no log."""
    return read_log(log.path, options, form=ComponentLines(log))
