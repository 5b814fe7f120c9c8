"""Pods of a machine as bare network namespaces, and sockets in any namespace of it, without a process for each.

    with network() as net:
        pod = net.pod("a", "10.244.0.10")           # a veth pair and a route, as the ptp plugin makes them
        server = net.serve(pod, 8080, "a")          # answers with its name and the client's address, TCP and UDP
        net.nft(text)
        ask(net.outside, ("172.30.0.10", 30080))    # Reply(name="a", peer="172.30.0.10")

A pod's address may be of either family, 10.244.0.N or fd00:10:244::N. A thread enters the namespace, makes the socket
and ends; the socket stays where it was made.
"""

import contextlib
import ctypes
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
from tests.support.machine import HAS_IPV6, Machine, machine
from tests.support.waiting import until

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """A network namespace by the path of its file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def socket(self, kind: socket.SocketKind = socket.SOCK_STREAM, *, ipv6: bool = False) -> socket.socket:
        """A socket that lives in the namespace."""
        made: list[socket.socket] = []

        def make() -> None:
            with open(self._path, "rb") as file:
                if _libc.setns(file.fileno(), _CLONE_NEWNET):
                    return
            made.append(socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, kind))

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        if not made:
            raise OSError(f"cannot enter {self._path}")
        return made[0]


def namespace_of(host: Machine, pattern: str) -> Namespace:
    """The network namespace of the one process on the machine whose command line matches, once it runs."""
    (number,) = until(lambda: host.processes(pattern))
    return Namespace(Path(f"/proc/{host.init}/root/proc/{number}/ns/net"))


@contextlib.contextmanager
def udp_server(place: Namespace, port: int, name: str) -> Iterator[None]:
    """Answers datagrams with its name and the client's address."""
    server = place.socket(socket.SOCK_DGRAM)
    server.bind(("0.0.0.0", port))
    thread = threading.Thread(target=_serve_udp, args=(server, name), daemon=True)
    thread.start()
    try:
        yield
    finally:
        _end(server, thread)


class Pod(msgspec.Struct, frozen=True):
    """A namespace with one address."""

    name: str
    ip: str
    namespace: Namespace

    def socket(self, kind: socket.SocketKind = socket.SOCK_STREAM, *, ipv6: bool = False) -> socket.socket:
        return self.namespace.socket(kind, ipv6=ipv6)


class Reply(msgspec.Struct, frozen=True):
    """Who answered, and the address it saw the client at."""

    name: str
    peer: str


def ask(
    place: Namespace | Pod,
    to: tuple[str, int],
    *,
    kind: socket.SocketKind = socket.SOCK_STREAM,
    timeout: float = 10.0,
    source: tuple[str, int] | None = None,
) -> Reply:
    """One connection (or datagram). ConnectionRefusedError and TimeoutError as the kernel says."""
    with place.socket(kind, ipv6=":" in to[0]) as client:
        client.settimeout(timeout)
        if source:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.bind(source)
        client.connect(to)
        if kind == socket.SOCK_DGRAM:
            client.send(b"?")
        name, peer = client.recv(200).decode().split()
        return Reply(name, peer)


class Network:
    """A machine with pods and servers."""

    def __init__(self, host: Machine, stack: contextlib.ExitStack) -> None:
        self.machine = host
        self._stack = stack
        self.node = Namespace(Path(f"/proc/{host.init}/ns/net"))
        self.outside = self._named("outside")
        self._count = 0
        switches = {"ipv4/ip_forward": 1, "ipv4/conf/all/route_localnet": 1}
        if HAS_IPV6:
            switches |= {"ipv6/conf/all/forwarding": 1, "ipv6/conf/default/accept_dad": 0}
        for key, value in switches.items():
            host.run("sh", "-c", f"echo {value} > /proc/sys/net/{key}")

    def _named(self, name: str) -> Namespace:
        return Namespace(Path(f"/proc/{self.machine.init}/root/run/netns/{name}"))

    def pod(self, name: str, ip: str) -> Pod:
        """A namespace joined to the machine by a veth pair."""
        self._count += 1
        veth = f"veth{self._count}"
        self.machine.run("sh", "-ec", (_POD6 if ":" in ip else _POD).format(name=name, ip=ip, veth=veth))
        return Pod(name, ip, self._named(name))

    def serve(self, place: Pod | Namespace, port: int, name: str, *, ipv6: bool = False) -> None:
        """TCP and UDP servers on all addresses of a family until the network is closed."""
        for kind, serve in ((socket.SOCK_STREAM, _serve_tcp), (socket.SOCK_DGRAM, _serve_udp)):
            server = place.socket(kind, ipv6=ipv6)
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(("::" if ipv6 else "0.0.0.0", port))
            if kind == socket.SOCK_STREAM:
                server.listen(64)
            thread = threading.Thread(target=serve, args=(server, name), daemon=True)
            thread.start()
            self._stack.callback(_end, server, thread)

    def nft(self, commands: str) -> None:
        """Apply a transaction on the machine."""
        self.machine.run("nft", "-f", "-", given=commands)


_POD = """
ip netns add {name}
ip link add {veth} type veth peer name eth0 netns {name}
ip addr add 10.244.0.1/32 dev {veth}
ip link set {veth} up
ip route add {ip}/32 dev {veth} scope host
ip -n {name} link set lo up
ip -n {name} link set eth0 up
ip -n {name} addr add {ip}/24 dev eth0
ip -n {name} route del 10.244.0.0/24
ip -n {name} route add 10.244.0.1/32 dev eth0
ip -n {name} route add 10.244.0.0/24 via 10.244.0.1
ip -n {name} route add default via 10.244.0.1
"""


_POD6 = """
ip netns add {name}
ip netns exec {name} sh -c 'echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad'
ip link add {veth} type veth peer name eth0 netns {name}
ip addr add fd00:10:244::1/128 dev {veth} nodad
ip link set {veth} up
ip route add {ip}/128 dev {veth}
ip -n {name} link set lo up
ip -n {name} link set eth0 up
ip -n {name} addr add {ip}/128 dev eth0 nodad
ip -n {name} route add fd00:10:244::1/128 dev eth0
ip -n {name} route add default via fd00:10:244::1
"""


def _serve_tcp(server: socket.socket, name: str) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, address = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(f"{name} {address[0]}".encode())


def _serve_udp(server: socket.socket, name: str) -> None:
    with contextlib.suppress(OSError):
        while True:
            data, address = server.recvfrom(100)
            if not data:
                return
            server.sendto(f"{name} {address[0]}".encode(), address)


def _end(server: socket.socket, thread: threading.Thread) -> None:
    with contextlib.suppress(OSError):
        server.shutdown(socket.SHUT_RDWR)
    thread.join(1)
    server.close()


@contextlib.contextmanager
def network() -> Iterator[Network]:
    """A machine for packet tests."""
    with machine("net") as host, contextlib.ExitStack() as stack:
        yield Network(host, stack)
