"""`kubectl cp`: files and directories, as tar streams through `exec`.

To a pod:    test -d PATH; an archive of the source  ──stdin──▶  tar -xmf - -C DIRECTORY
From a pod:  tar cf - PATH  ──stdout──▶  members below the destination; links are left out, nothing is written elsewhere
"""

from __future__ import annotations

import os
import threading

from ..errors import CommandError, quoted, reason_of
from ..objects.item import Item
from ..objects.pods import container_for
from ..streams import exit_code, torn
from ..transport.channels import open_process
from ..transport.websocket import ERROR, STDERR, STDIN, STDOUT
from .cp_archive import members, write
from .cp_paths import Spec, bare, is_within, join, prefix_of, remote
from .exec import ordered_query

TYPE_CHECKING = False
if TYPE_CHECKING:
    from io import RawIOBase
    from typing import TextIO

    from ..session import Session
    from ..transport.channels import Channels
    from .cp_archive import Member

FLAGS = "-c,container='' no-preserve=false retries=0"
_CHUNK = 32768


def run(session: Session) -> int:
    if len(session.args) != 2:
        raise CommandError("source and destination are required")
    source, target = Spec(session.args[0]), Spec(session.args[1])
    if source.pod and target.pod:
        raise CommandError("one of src or dest must be a local file specification")
    if not source.path or not target.path:
        raise CommandError("filepath can not be empty")
    if source.pod:
        _from_pod(session, source, target.path)
    elif target.pod:
        _to_pod(session, source.path, target)
    else:
        raise CommandError("one of src or dest must be a remote file specification")
    return 0


class _Process:
    """A command in the pod of a spec. What it says of itself goes to `complaints`."""

    def __init__(self, session: Session, spec: Spec, complaints: TextIO | None) -> None:
        self._session = session
        self._complaints = complaints
        self._item = Item(
            session.client, session.mapper.builtin("v1", "Pod"), spec.namespace or session.namespace, spec.pod
        )
        self._channels: Channels | None = None
        self._status = b""

    def start(self, command: list[str], *, stdin: bool = False) -> Channels:
        """StatusFailure, CommandError."""
        session, item = self._session, self._item
        item.get()
        phase = (item.obj.get("status") or {}).get("phase")
        if phase in ("Succeeded", "Failed"):
            raise CommandError(f"cannot exec into a container in a completed pod; current phase is {phase}")
        container = session.flags.text("container")
        if not container:
            container = container_for(session, item.obj, "", quiet=self._complaints is None, to=self._complaints)
        query = [
            ("container", container),
            *(("command", word) for word in command),
            ("stdin", "true" if stdin else ""),
            ("stdout", "true"),
            ("stderr", "true"),
        ]
        self._status = b""
        self._channels = open_process(item.client, item.path("exec") + ordered_query(query), stdin=stdin, tty=False)
        return self._channels

    def output(self) -> bytes:
        """Some of what it prints; nothing at the end. CommandError when it failed."""
        if self._channels is None:
            return b""
        while (message := self._message(self._channels)) is not None:
            if message[0] == STDOUT and len(message) > 1:
                return message[1:]
            if message[0] == STDERR and self._complaints is not None:
                self._complaints.write(message[1:].decode("utf-8", "replace"))
            elif message[0] == ERROR:
                # Output may still be on its way: the end is the other side's close.
                self._status += message[1:]
        self.close()
        exit_code(self._status)
        return b""

    def _message(self, channels: Channels) -> bytes | None:
        try:
            return channels.receive()
        except OSError as error:
            if self._status:
                return None
            raise torn(error) from None

    def close(self) -> None:
        """Leave it."""
        if self._channels is not None:
            self._channels.close()
            self._channels = None


def _to_pod(session: Session, source: str, target: Spec) -> None:
    if not os.path.exists(source):
        raise CommandError(f"{source} doesn't exist in local filesystem")
    path = target.path
    if _is_directory(session, target):
        path = remote(join(path, os.path.basename(source) or source))
    command = ["tar", "-xmf", "-", "-C", remote(os.path.dirname(join(path, ""))) or "."]
    if session.flags.on("no-preserve"):
        command[1:1] = ["--no-same-permissions", "--no-same-owner"]
    process = _Process(session, target, session.err)
    channels = process.start(command, stdin=True)
    failed: list[Exception] = []

    def send() -> None:
        """Beside the reading: a `tar` that complains much would otherwise wait for us, and we for it."""
        try:
            write(source, path, lambda data: _send(channels, data))
            channels.end_channel(STDIN)
        except (OSError, CommandError) as error:
            failed.append(error)
            channels.close()

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    try:
        while data := process.output():
            session.out.write(data.decode("utf-8", "replace"))
    finally:
        process.close()
        sender.join()
    if failed and (isinstance(failed[0], CommandError) or getattr(failed[0], "filename", None)):
        raise failed[0]


def _send(channels: Channels, data: bytes) -> None:
    for start in range(0, len(data), _CHUNK):
        channels.send_channel(STDIN, data[start : start + _CHUNK])


def _is_directory(session: Session, spec: Spec) -> bool:
    process = _Process(session, spec, None)
    try:
        process.start(["test", "-d", spec.path])
        while process.output():
            pass
    except CommandError:
        return False
    return True


class _Archive:
    """What `tar` prints in the pod. Ended too early, it is begun again behind what has come, `--retries` times."""

    def __init__(self, session: Session, source: Spec) -> None:
        self._session = session
        self._path = source.path
        self._retries = session.flags.number("retries")
        self._tried = self._count = 0
        self._buffer = b""
        # What tar complains of is shown with the output, as it always was.
        self._process = _Process(session, source, session.out)
        self._start(0)

    def _start(self, first: int) -> None:
        command = ["tar", "cf", "-", self._path]
        if self._retries:
            command = ["sh", "-c", f"tar cf - {self._path} | tail -c+{first}"]
        self._process.start(command)

    def read(self, size: int) -> bytes:
        """At most so many bytes; none at the end. CommandError."""
        while not self._buffer:
            self._buffer = self._process.output()
            if self._buffer:
                break
            if 0 <= self._retries <= self._tried:
                self._session.print(f"Dropping out copy after {self._tried} retries")
                return b""
            self._tried += 1
            self._session.print(f"Resuming copy at {self._count} bytes, retry {self._tried}/{self._retries}")
            self._start(self._count + 1)
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        self._count += len(data)
        return data

    def close(self) -> None:
        """Leave it."""
        self._process.close()

    def finish(self) -> None:
        """Wait for the end of the process. CommandError when it failed."""
        while self._process.output():
            pass


def _from_pod(session: Session, source: Spec, target: str) -> None:
    archive = _Archive(session, source)
    try:
        links = 0
        for member in members(archive.read):
            links += member.is_link
            _take(session, source, target, member, first=links == 1)
        archive.finish()
    finally:
        archive.close()


def _take(session: Session, source: Spec, target: str, member: Member, *, first: bool) -> None:
    """Write a member below the target; `first` is the first link of all."""
    prefix = prefix_of(source.path)
    if not member.name.startswith(prefix):
        raise CommandError("tar contents corrupted")
    path = bare(join(target, remote(member.name[len(prefix) :])))
    if not is_within(target, path):
        session.tell(f"warning: file {quoted(path)} is outside target destination, skipping")
    elif member.is_link:
        _make_directories(os.path.dirname(path))
        hint = _hint(source) if first else ""
        session.tell(f"warning: skipping symlink: {quoted(path)} -> {quoted(member.link)}{hint}")
    else:
        _extract(member, path)


def _hint(source: Spec) -> str:
    """How to get links after all."""
    command = f"kubectl exec -n {quoted(source.namespace)} {quoted(source.pod)} -- tar cf - {quoted(source.path)}"
    return f' (consider using "{command} | tar xf -")'


def _extract(member: Member, path: str) -> None:
    _make_directories(path if member.is_directory else os.path.dirname(path))
    if not member.is_directory:
        with open(path, "wb", buffering=0) as file:
            for data in member.content():
                _put(file, path, data)


def _put(file: RawIOBase, path: str, data: bytes) -> None:
    """CommandError for a disk that is full."""
    try:
        while data:
            data = data[file.write(data) or 0 :]
    except OSError as error:
        raise CommandError(f"write {path}: {reason_of(error)}") from None


def _make_directories(path: str) -> None:
    """CommandError as Go's `os.MkdirAll`."""
    if not path or os.path.isdir(path):
        return
    if os.path.exists(path):
        raise CommandError(f"mkdir {path}: not a directory")
    _make_directories(os.path.dirname(path))
    try:
        os.mkdir(path, 0o755)
    except OSError as error:
        raise CommandError(f"mkdir {path}: {reason_of(error)}") from None
