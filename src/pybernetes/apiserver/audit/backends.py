"""Where audit events go: a file that rotates, or a webhook that gets them in batches."""

import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, Protocol

from ...base.clock import Clock
from ...base.log import logger
from ..remote_webhook import RemoteWebhook, WebhookError

log = logger(__name__)


class Backend(Protocol):
    """Takes encoded events. Never blocks and never raises: a request does not fail because of its record."""

    def write(self, event: bytes) -> None:
        """One event as JSON."""

    async def serve(self, ready: asyncio.Event) -> None:
        """Run until cancelled; on the way down what is left is written."""


class LogFile:
    """One event a line. Events of one turn of the event loop are written together, one system call for all.

    At `max_bytes` the file is renamed `NAME-TIME.EXT`; of the renamed ones `max_backups` are kept, none older than
    `max_age_days` (0: no limit). `-` is the standard output."""

    def __init__(self, path: str, clock: Clock, *, max_bytes: int, max_backups: int = 0, max_age_days: int = 0) -> None:
        self._path = Path(path)
        self._to_output = path == "-"
        self._clock = clock
        self._max_bytes = max_bytes
        self._max_backups = max_backups
        self._max_age = timedelta(days=max_age_days)
        self._lines: list[bytes] = []
        self._file: BinaryIO | None = None
        self._size = 0
        self._torn = False
        """The last line is not whole: the disk was full, or the process was killed."""

    def write(self, event: bytes) -> None:
        """See Backend."""
        if not self._lines:
            asyncio.get_running_loop().call_soon(self._flush)
        self._lines.append(event)

    async def serve(self, ready: asyncio.Event) -> None:
        """See Backend."""
        ready.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self._flush()
            if self._file is not None and not self._to_output:
                self._file.close()
                self._file = None

    def _flush(self) -> None:
        if not self._lines:
            return
        data = b"\n".join([*self._lines, b""])
        self._lines.clear()
        try:
            if self._file is not None and self._max_bytes and self._size + len(data) > self._max_bytes:
                self._rotate()
            if self._file is None:
                self._open()
            assert self._file is not None
            self._append(self._file, b"\n" + data if self._torn else data)
        except OSError as error:
            log.error("Audit events could not be written", path=str(self._path), err=error)

    def _append(self, file: BinaryIO, data: bytes) -> None:
        """All of it; where there is room for a part only, that is written before OSError tells."""
        while data:
            written = file.write(data)
            self._size += written
            self._torn = written > 0 and data[written - 1 : written] != b"\n"
            data = data[written:]

    def _open(self) -> None:
        if self._to_output:
            self._file = sys.stdout.buffer.raw if hasattr(sys.stdout.buffer, "raw") else sys.stdout.buffer
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._file = os.fdopen(descriptor, "wb", buffering=0)
        self._size = os.fstat(descriptor).st_size
        self._torn = self._size > 0 and os.pread(descriptor, 1, self._size - 1) != b"\n"

    def _rotate(self) -> None:
        if self._to_output or self._file is None:
            return
        self._file.close()
        self._file = None
        moment = self._clock.now()
        stamp = f"{moment:%Y-%m-%dT%H-%M-%S}.{moment.microsecond // 1000:03}"
        self._path.rename(self._path.with_name(f"{self._path.stem}-{stamp}{self._path.suffix}"))
        backups = sorted(self._path.parent.glob(f"{self._path.stem}-*{self._path.suffix}"), reverse=True)
        oldest = (moment - self._max_age).timestamp() if self._max_age else 0.0
        for position, backup in enumerate(backups):
            too_many = self._max_backups and position >= self._max_backups
            if too_many or (oldest and backup.stat().st_mtime < oldest):
                backup.unlink(missing_ok=True)


class WebhookBatches:
    """EventLists to a webhook: a batch when it is full or has waited long enough; beyond the buffer events are lost."""

    def __init__(
        self,
        webhook: RemoteWebhook,
        *,
        buffer_size: int = 10_000,
        max_batch_size: int = 400,
        max_wait_seconds: float = 30.0,
    ) -> None:
        self._webhook = webhook
        self._buffer_size = buffer_size
        self._max_batch_size = max_batch_size
        self._max_wait_seconds = max_wait_seconds
        self._events: list[bytes] = []
        self._some = asyncio.Event()
        self._full = asyncio.Event()
        self.dropped = 0

    def write(self, event: bytes) -> None:
        """See Backend."""
        if len(self._events) >= self._buffer_size:
            self.dropped += 1
            if self.dropped == 1:
                log.error("Audit buffer is full, events are lost", size=self._buffer_size)
            return
        self._events.append(event)
        self._some.set()
        if len(self._events) >= self._max_batch_size:
            self._full.set()

    async def serve(self, ready: asyncio.Event) -> None:
        """See Backend."""
        ready.set()
        try:
            while True:
                await self._some.wait()
                try:
                    async with asyncio.timeout(self._max_wait_seconds):
                        await self._full.wait()
                except TimeoutError:
                    pass  # what there is goes now
                await self._send()
        finally:
            try:
                async with asyncio.timeout(1.0):
                    while self._events:
                        await self._send()
            except TimeoutError:
                log.error("Audit events were lost at the end", count=len(self._events))
            await self._webhook.close()

    async def _send(self) -> None:
        batch, self._events = self._events[: self._max_batch_size], self._events[self._max_batch_size :]
        if not self._events:
            self._some.clear()
        if len(self._events) < self._max_batch_size:
            self._full.clear()
        if not batch:
            return
        head = b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":['
        try:
            await self._webhook.post(head + b",".join(batch) + b"]}")
        except WebhookError as error:
            log.error("Audit events could not be sent", count=len(batch), err=error)
