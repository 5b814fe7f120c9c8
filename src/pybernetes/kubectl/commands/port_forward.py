"""`kubectl port-forward`: local ports that lead to ports of a pod.

Each local connection has an upgraded connection of its own to the pod's `portforward` subresource (`v4.channel.k8s.io`:
channel 0 is data, 1 errors, each opened by two bytes with the port; or SPDY), so that one broken connection harms no
other.
"""

from __future__ import annotations

import _socket
import select

from ..errors import CommandError, StatusFailure, Unreachable, UsageError, reason_of, text_of
from ..objects.builder import collect
from ..objects.item import Item
from ..objects.pods import containers, first_pod
from ..transport.channels import open_port
from ..transport.connection import Socket

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
    found = collect(session, [session.args[0]], default_resource="pods")
    found.raise_errors()
    item = found.items[0]
    pod = item if item.resource.kind == "Pod" else first_pod(session, item, flags.seconds("pod-running-timeout"))
    ports = [_port(text, item, pod.obj) for text in session.args[1:]]
    if (pod.obj.get("status") or {}).get("phase") != "Running":
        phase = (pod.obj.get("status") or {}).get("phase")
        raise CommandError(f"unable to forward port because pod is not running. Current status={phase}")
    # Ask once before listening, so that a refusal is an error of the command.
    _open(session, pod, ports[0][1]).close()
    return _serve(session, pod, ports, _addresses(flags.many("address")))


def _addresses(given: list[str]) -> list[str]:
    found: list[str] = []
    for address in given:
        found += ["127.0.0.1", "::1"] if address == "localhost" else [address]
    return list(dict.fromkeys(found))


def _port(text: str, item: Item, pod: dict[str, Any]) -> tuple[int, int]:
    """Local and remote port of `5000`, `5000:6000`, `:6000`, `5000:http`. CommandError."""
    local, colon, remote = text.partition(":")
    if not colon:
        remote = local
    if text.count(":") > 1:
        raise CommandError(f"invalid port format '{text}'")
    target = _remote(remote, item, pod)
    if not colon and not local.isdigit():
        local = str(target)
    if colon and not local:
        local = "0"
    if not local.isdigit() or int(local) > 65535:
        raise CommandError(
            f"error parsing local port '{local}': strconv.ParseUint: parsing \"{local}\": invalid syntax"
        )
    return int(local), target


def _remote(text: str, item: Item, pod: dict[str, Any]) -> int:
    if item.resource.kind == "Service":
        return _of_service(text, item.obj, pod)
    if text.isdigit():
        if not 0 < int(text) < 65536:
            raise CommandError(
                "remote port must be > 0"
                if int(text) == 0
                else f"error parsing remote port '{text}': strconv.ParseUint: parsing \"{text}\": value out of range"
            )
        return int(text)
    for container in containers(pod):
        for port in container.get("ports") or ():
            if port.get("name") == text:
                return int(port["containerPort"])
    raise CommandError(f"Pod '{pod['metadata']['name']}' does not have a named port '{text}'")


def _of_service(text: str, service: dict[str, Any], pod: dict[str, Any]) -> int:
    """The pod's port behind a service's port, by number or name."""
    spec = service.get("spec") or {}
    for port in spec.get("ports") or ():
        if str(port.get("port")) != text and port.get("name") != text:
            continue
        target = port.get("targetPort", port["port"])
        if spec.get("clusterIP") == "None":
            return int(port["port"]) if not target else int(target) if str(target).isdigit() else int(port["port"])
        if isinstance(target, int) or str(target).isdigit():
            return int(target) or int(port["port"])
        for container in containers(pod):
            for known in container.get("ports") or ():
                if known.get("name") == target:
                    return int(known["containerPort"])
        raise CommandError(f"Pod '{pod['metadata']['name']}' does not have a named port '{target}'")
    name = service["metadata"]["name"]
    if text.isdigit():
        raise CommandError(f"Service {name} does not have a service port {text}")
    raise CommandError(f"Service '{name}' does not have a named port '{text}'")


def _open(session: Session, pod: Item, port: int) -> Channels:
    return open_port(session.client, pod.path("portforward"), port)


def _serve(session: Session, pod: Item, ports: list[tuple[int, int]], addresses: list[str]) -> int:
    listening: dict[int, tuple[Any, int, int]] = {}
    for local, remote in ports:
        for address in addresses:
            try:
                sock = _listen(address, local)
            except OSError as error:
                if len(addresses) > 1 and address == "::1":
                    continue
                where = f"{address}:{local}" if ":" not in address else f"[{address}]:{local}"
                network = "tcp6" if ":" in address else "tcp4"
                session.tell(
                    f"Unable to listen on port {local}: Listeners failed to create with the following errors: "
                    f"[unable to create listener: Error listen {network} {where}: bind: {reason_of(error)}]"
                )
                continue
            local = sock.getsockname()[1]
            shown = f"[{address}]:{local}" if ":" in address else f"{address}:{local}"
            session.print(f"Forwarding from {shown} -> {remote}")
            listening[sock.fileno()] = (sock, local, remote)
    session.out.flush()
    if not listening:
        shown = " ".join(f"{{{local} {remote}}}" for local, remote in ports)
        raise CommandError(f"unable to listen on any of the requested ports: [{shown}]")
    import _thread

    poll = select.poll()
    for descriptor in listening:
        poll.register(descriptor, select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
            listener, local, remote = listening[descriptor]
            accepted, _ = listener._accept()
            client = Socket(fileno=accepted)
            client.settimeout(None)
            session.print(f"Handling connection for {local}")
            session.out.flush()
            _thread.start_new_thread(_carry, (session, pod, client, remote))


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


def _carry(session: Session, pod: Item, client: Any, port: int) -> None:
    """Bytes both ways until either side has closed."""
    try:
        socket = _open(session, pod, port)
    except (StatusFailure, Unreachable, CommandError) as error:
        session.tell(f"error: error upgrading connection: {text_of(error)}")
        client.close()
        return
    import _thread

    def upwards() -> None:
        try:
            while data := client.recv(_CHUNK):
                socket.send_channel(0, data)
            if socket.end_channel(0):
                return
        except OSError:
            pass
        socket.close()

    _thread.start_new_thread(upwards, ())
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
            session.tell(f"error: an error occurred forwarding {port} -> {port}: {data.decode('utf-8', 'replace')}")
            break
    socket.close()
    try:
        client.shutdown(2)
    except OSError:
        pass
    client.close()
