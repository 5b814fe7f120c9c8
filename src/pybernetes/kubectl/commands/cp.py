"""`kubectl cp`: files and directories, as tar streams through `exec`."""

from __future__ import annotations

import os
import tarfile
import threading

from ..errors import CommandError
from ..objects.item import Item
from ..objects.pods import container_for
from ..streams import exit_code
from ..transport.channels import open_process
from ..transport.websocket import ERROR, STDERR, STDIN, STDOUT
from .exec import ordered_query

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

    from ..session import Session
    from ..transport.channels import Channels

FLAGS = "-c,container='' no-preserve=false retries=0"
_CHUNK = 32768


class Spec:
    """One side: a local path, or a path in a pod."""

    __slots__ = ("namespace", "path", "pod")

    def __init__(self, text: str) -> None:
        self.namespace = self.pod = ""
        self.path = text
        colon = text.find(":")
        if colon < 0 or (text[0] in "./" and not os.path.splitdrive(text)[0]):
            return
        if colon == 0:
            raise CommandError("filespec must match the canonical format: [[namespace/]pod:]file/path")
        where, self.path = text[:colon], text[colon + 1 :]
        parts = where.split("/")
        if len(parts) > 2:
            raise CommandError("filespec must match the canonical format: [[namespace/]pod:]file/path")
        self.pod = parts[-1]
        self.namespace = parts[0] if len(parts) == 2 else ""
        if not self.pod or (len(parts) == 2 and not self.namespace):
            raise CommandError("filespec must match the canonical format: [[namespace/]pod:]file/path")


def run(session: Session) -> int:
    if len(session.args) != 2:
        raise CommandError("source and destination are required")
    source, target = Spec(session.args[0]), Spec(session.args[1])
    if source.pod and target.pod:
        raise CommandError("one of src or dest must be a local file specification")
    if not source.path or not target.path:
        raise CommandError("filepath can not be empty")
    if source.pod:
        _from_pod(session, source, target)
    elif target.pod:
        _to_pod(session, source, target)
    else:
        raise CommandError("one of src or dest must be a remote file specification")
    return 0


def _pod(session: Session, spec: Spec) -> tuple[Item, str]:
    resource = session.mapper.builtin("v1", "Pod")
    item = Item(session.client, resource, spec.namespace or session.namespace, spec.pod)
    item.get()
    return item, container_for(session, item.obj, session.flags.text("container"))


def _exec(pod: Item, container: str, command: list[str], *, stdin: bool) -> Channels:
    query = [
        ("container", container),
        *(("command", word) for word in command),
        ("stdin", "true" if stdin else ""),
        ("stdout", "true"),
        ("stderr", "true"),
    ]
    return open_process(pod.client, pod.path("exec") + ordered_query(query), stdin=stdin, tty=False)


class _Upload:
    """A file object for tarfile that sends what is written."""

    def __init__(self, socket: Channels) -> None:
        self._socket = socket

    def write(self, data: bytes) -> int:
        for start in range(0, len(data), _CHUNK):
            self._socket.send_channel(STDIN, data[start : start + _CHUNK])
        return len(data)


def _to_pod(session: Session, source: Spec, target: Spec) -> None:
    if not os.path.lexists(source.path):
        raise CommandError(f"{source.path} doesn't exist in local filesystem")
    pod, container = _pod(session, target)
    destination = target.path
    if destination.endswith("/") and len(destination) > 1:
        destination = destination.rstrip("/")
    if _is_directory(pod, container, destination):
        destination = destination.rstrip("/") + "/" + os.path.basename(os.path.abspath(source.path))
    command = ["tar", "-xmf", "-"]
    if session.flags.on("no-preserve"):
        command = ["tar", "--no-same-permissions", "--no-same-owner", "-xmf", "-"]
    directory, _, name = destination.rpartition("/")
    if directory or destination.startswith("/"):
        command += ["-C", directory or "/"]
    socket = _exec(pod, container, command, stdin=True)
    failed: list[OSError] = []

    def send() -> None:
        """Beside the reading: a `tar` that complains much would otherwise wait for us, and we for it."""
        try:
            with tarfile.open(fileobj=_Upload(socket), mode="w|", format=tarfile.GNU_FORMAT) as archive:  # type: ignore[call-overload]
                archive.add(source.path, arcname=name)
            socket.end_channel(STDIN)
        except OSError as error:
            failed.append(error)
            socket.close()

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    _finish(session, socket)
    sender.join()
    if failed and failed[0].filename:
        raise failed[0]


def _is_directory(pod: Item, container: str, path: str) -> bool:
    socket = _exec(pod, container, ["test", "-d", path], stdin=False)
    status = b"".join(message[1:] for message in socket.messages() if message[:1] == bytes((ERROR,)))
    socket.close()
    try:
        return exit_code(status) == 0
    except CommandError:
        return False


def _finish(session: Session, socket: Channels) -> None:
    """Wait for the end; what the process complains about is shown."""
    status = b""
    for message in socket.messages():
        if message[0] == STDERR:
            session.err.write(message[1:].decode("utf-8", "replace"))
        elif message[0] == ERROR:
            status += message[1:]
            break
    socket.close()
    exit_code(status)


class _Download:
    """A file object for tarfile that reads what comes."""

    def __init__(self, session: Session, socket: Channels) -> None:
        self._session = session
        self._socket = socket
        self._buffer = b""
        self.status = b""
        self._ended = False

    def read(self, size: int = -1) -> bytes:
        while (size < 0 or len(self._buffer) < size) and not self._ended:
            message = self._socket.receive()
            if message is None:
                self._ended = True
            elif message[0] == STDOUT:
                self._buffer += message[1:]
            elif message[0] == STDERR:
                self._session.err.write(message[1:].decode("utf-8", "replace"))
            elif message[0] == ERROR:
                # Output may still be on its way: the end is the other side's close.
                self.status += message[1:]
        data, self._buffer = (self._buffer, b"") if size < 0 else (self._buffer[:size], self._buffer[size:])
        return data


def _from_pod(session: Session, source: Spec, target: Spec) -> None:
    pod, container = _pod(session, source)
    download = _Download(session, _exec(pod, container, ["tar", "cf", "-", source.path], stdin=False))
    prefix = source.path.lstrip("/").rstrip("/")
    while prefix.startswith(("../", "./")):
        prefix = prefix.partition("/")[2]
    local = target.path
    if os.path.isdir(local):
        local = os.path.join(local, os.path.basename(prefix))
    count = 0
    try:
        with tarfile.open(fileobj=download, mode="r|") as archive:  # type: ignore[call-overload]
            for member in archive:
                count += 1
                _extract(session, archive, member, prefix, local)
    except tarfile.ReadError:
        # Nothing came; why, says the status.
        pass
    download.read()
    exit_code(download.status)
    if not count:
        raise CommandError(f"{source.path} no such file or directory")


def _extract(session: Session, archive: tarfile.TarFile, member: tarfile.TarInfo, prefix: str, local: str) -> None:
    """One member below the destination; nothing is written outside it."""
    name = member.name.lstrip("/")
    if name != prefix and not name.startswith(prefix + "/"):
        raise CommandError("tar contents corrupted")
    path = os.path.normpath(local + name[len(prefix) :])
    root = os.path.normpath(local)
    if path != root and not path.startswith(root + os.sep):
        session.tell(f"warning: file {path!r} is outside target destination, skipping".replace("'", '"'))
        return
    if member.isdir():
        os.makedirs(path, exist_ok=True)
    elif member.issym() or member.islnk():
        session.tell(f'warning: skipping symlink: "{path}" -> "{member.linkname}"')
    elif member.isfile():
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        content: IO[bytes] | None = archive.extractfile(member)
        with open(path, "wb") as file:
            while content is not None and (data := content.read(_CHUNK)):
                file.write(data)
        if not session.flags.on("no-preserve"):
            os.chmod(path, member.mode & 0o777)
