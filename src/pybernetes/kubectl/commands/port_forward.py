"""`kubectl port-forward`: local ports that lead to ports of a pod.

Each local connection has an upgraded connection of its own to the pod's `portforward` subresource (`v4.channel.k8s.io`:
channel 0 is data, 1 errors, each opened by two bytes with the port; or SPDY), so that one broken connection harms no
other. One more, on which nothing is sent, tells when the pod is lost.
"""

from __future__ import annotations

import _socket
import errno
import os
import select

from ..ending import INTERRUPT, interruptible
from ..errors import CommandError, StatusFailure, Unreachable, UsageError, quoted, reason_of
from ..objects.builder import collect
from ..objects.item import Item
from ..objects.pods import first_pod, running_timeout
from ..transport.channels import open_idle, open_port
from ..transport.connection import Socket
from .port_forward_ports import addresses, numbered, parsed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session
    from ..transport.channels import Channels

FLAGS = "address=[localhost] pod-running-timeout=1m0s"
_CHUNK = 65536


def run(session: Session) -> int:
    flags = session.flags
    if len(session.args) < 2:
        raise UsageError("TYPE/NAME and list of ports are required for port-forward", "port-forward")
    seconds = running_timeout(session)
    found = collect(session, [session.args[0]], default_resource="pods")
    found.raise_errors()
    item = found.items[0]
    pod = item if item.resource.kind == "Pod" else first_pod(session, item, seconds)
    words = numbered(session.args[1:], item.obj, pod.obj)
    phase = (pod.obj.get("status") or {}).get("phase")
    if phase != "Running":
        raise CommandError(f"unable to forward port because pod is not running. Current status={phase}")
    where = addresses(flags.many("address"))
    ports = parsed(words)
    try:
        watched = open_idle(session.client, pod.path("portforward"))
    except (StatusFailure, Unreachable) as error:
        raise CommandError(f"error upgrading connection: {error.message}") from None
    try:
        with interruptible((INTERRUPT,), KeyboardInterrupt):
            return _Forwarding(session, pod, watched).serve(ports, where)
    except KeyboardInterrupt:
        return 0
    finally:
        watched.close()


class _Forwarding:
    """What is listened on, until the pod is lost."""

    def __init__(self, session: Session, pod: Item, watched: Channels) -> None:
        self._session = session
        self._pod = pod
        self._watched = watched
        self._listening: dict[int, tuple[Any, int, int]] = {}
        self._lost_read, self._lost_write = os.pipe()

    def serve(self, ports: list[tuple[int, int]], where: list[tuple[str, bool]]) -> int:
        """Never returns but by CommandError: nothing to listen on, or the pod is lost."""
        session = self._session
        for local, remote in ports:
            self._listen(local, remote, where)
        session.out.flush()
        if not self._listening:
            shown = " ".join(f"{{{local} {remote}}}" for local, remote in ports)
            raise CommandError(f"unable to listen on any of the requested ports: [{shown}]")
        import _thread

        _thread.start_new_thread(self._watch, ())
        poll = select.poll()
        for descriptor in (*self._listening, self._lost_read):
            poll.register(descriptor, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == self._lost_read:
                    raise CommandError("lost connection to pod")
                listener, local, remote = self._listening[descriptor]
                accepted, _ = listener._accept()
                client = Socket(fileno=accepted)
                client.settimeout(None)
                session.print(f"Handling connection for {local}")
                session.out.flush()
                _thread.start_new_thread(self._carry, (client, local, remote))

    def _listen(self, local: int, remote: int, where: list[tuple[str, bool]]) -> None:
        """A port on every address; told of when one that must work does not."""
        errors: list[str] = []
        failed = False
        opened: list[tuple[Any, str]] = []
        wanted = local
        for address, needed in where:
            try:
                sock = _listen(address, wanted)
            except OSError as error:
                shown = f"[{address}]:{wanted}" if ":" in address else f"{address}:{wanted}"
                network = "tcp6" if ":" in address else "tcp4"
                errors.append(
                    f"unable to create listener: Error listen {network} {shown}: {_step(error)}: {reason_of(error)}"
                )
                failed = failed or needed
                continue
            wanted = sock.getsockname()[1]
            shown = f"[{address}]:{wanted}" if ":" in address else f"{address}:{wanted}"
            self._session.print(f"Forwarding from {shown} -> {remote}")
            opened.append((sock, address))
        alternatives = [address for address, needed in where if not needed]
        if alternatives and not any(address in alternatives for _, address in opened):
            failed = True
        if failed:
            self._session.tell(
                f"Unable to listen on port {wanted}: Listeners failed to create with the following errors: "
                f"[{' '.join(errors)}]"
            )
        for sock, _ in opened:
            self._listening[sock.fileno()] = (sock, wanted, remote)

    def _watch(self) -> None:
        """An idle connection to the pod ends when the pod, its node or the server does."""
        for _ in self._watched.messages():
            pass
        self._lost()

    def _lost(self) -> None:
        os.write(self._lost_write, b"x")

    def _carry(self, client: Any, local: int, remote: int) -> None:
        """Bytes both ways until either side has closed."""
        pod = self._pod
        try:
            socket = open_port(self._session.client, pod.path("portforward"), remote)
        except (StatusFailure, Unreachable, CommandError) as error:
            client.close()
            self._tell(f"error creating forwarding stream for port {local} -> {remote}: {error.message}")
            if isinstance(error, StatusFailure):
                self._lost()
            return
        import _thread

        _thread.start_new_thread(_upwards, (client, socket))
        opened: set[int] = set()
        for message in socket.messages():
            channel, data = message[0], message[1:]
            if channel not in opened:
                opened.add(channel)
                data = data[socket.port_prefix :]
            if channel == 0 and data:
                try:
                    client.sendall(data)
                except OSError:
                    break
            elif channel == 1 and data:
                self._tell(f"an error occurred forwarding {local} -> {remote}: {data.decode('utf-8', 'replace')}")
                break
        socket.close()
        try:
            client.shutdown(2)
        except OSError:
            pass
        client.close()

    def _tell(self, text: str) -> None:
        from ..wire_log import line

        self._session.tell(line("portforward.go:424", f'"Unhandled Error" err={quoted(text)}', "E"))


def _upwards(client: Any, socket: Channels) -> None:
    """What a client sends, to the pod."""
    try:
        while data := client.recv(_CHUNK):
            socket.send_channel(0, data)
        if socket.end_channel(0):
            return
    except OSError:
        pass
    socket.close()


def _step(error: OSError) -> str:
    """What failed, as Go names it: `socket` without IPv6, else `bind`."""
    return "socket" if error.errno == errno.EAFNOSUPPORT else "bind"


def _listen(address: str, port: int) -> Any:
    sock = Socket(_socket.AF_INET6 if ":" in address else _socket.AF_INET, _socket.SOCK_STREAM)
    sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    if ":" in address:
        sock.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, 1)
    try:
        sock.bind((address, port))
        sock.listen(128)
    except OSError:
        sock.close()
        raise
    return sock
