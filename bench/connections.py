"""What does a connection cost that does nothing? Resident memory of the server per idle connection (plain HTTP/1.1, TLS
with HTTP/1.1, TLS with HTTP/2, each after one request), and what a request costs beside all of them.

    python bench/connections.py [--connections 10000] [--loop uvloop|asyncio]

The server is a process of its own, seen from the outside. Clients come from several loopback addresses, since one has
only some 28,000 ports.
"""

import argparse
import asyncio
import os
import resource
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PAGE = os.sysconf("SC_PAGESIZE")
GET = b"GET / HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer " + b"t" * 900 + b"\r\n\r\n"
AT_ONCE = 50


def serve(directory: str, loop: str, secure: str) -> None:
    """The server process: prints its port and runs until it is ended."""
    from pybernetes.base import x509
    from pybernetes.base.http.message import Request, Response
    from pybernetes.base.http.server import HttpServer, Limits
    from pybernetes.base.tasks import running

    async def app(request: Request) -> Response:
        return Response(200, [("content-type", "application/json")], b"{}")

    async def main() -> None:
        tls = None
        if secure == "tls":
            tls = x509.server_context(x509.KeyPair.load(f"{directory}/server.crt", f"{directory}/server.key"))
        server = HttpServer(app, tls=tls, limits=Limits(idle_seconds=3600))
        async with running("server", server.serve):
            print(server.port, flush=True)
            await asyncio.get_running_loop().create_future()

    if loop == "uvloop":
        import uvloop

        uvloop.run(main())
    else:
        asyncio.run(main())


def prepare(directory: str) -> None:
    from pybernetes.base import x509

    ca = x509.CertificateAuthority.create("bench-ca")
    pair = ca.issue("server", names=["localhost", "127.0.0.1"], usages=x509.SERVER)
    Path(directory, "ca.crt").write_bytes(ca.certificate_pem)
    Path(directory, "server.crt").write_bytes(pair.certificate_pem)
    Path(directory, "server.key").write_bytes(pair.key_pem)


def resident(pid: int) -> int:
    """Bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Client:
    """Holds connections."""

    def __init__(self, port: int, directory: str, kind: str) -> None:
        self._port = port
        self._kind = kind
        self._held: list[asyncio.StreamWriter] = []
        self._tls: ssl.SSLContext | None = None
        if kind != "plain":
            self._tls = ssl.create_default_context(cafile=f"{directory}/ca.crt")
            self._tls.set_alpn_protocols(["h2" if kind == "h2" else "http/1.1"])

    async def open(self, number: int) -> None:
        """One more connection, which has made one request and stays."""
        source = (f"127.0.0.{2 + number % 4}", 0)
        name = "localhost" if self._tls else None
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self._port, ssl=self._tls, server_hostname=name, local_addr=source
        )
        if self._kind == "h2":
            from hpack import Encoder

            from pybernetes.base.http import h2_frames as frames

            headers = [(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", "/")]
            block = Encoder().encode([*headers, ("authorization", "Bearer " + "t" * 900)])
            flags = frames.END_HEADERS | frames.END_STREAM
            writer.write(frames.PREFACE + frames.settings({}) + frames.frame(frames.HEADERS, flags, 1, block))
            while b"{}" not in await reader.read(65536):
                pass
        else:
            writer.write(GET)
            await reader.readuntil(b"{}")
        self._held.append(writer)

    async def fill(self, count: int) -> None:
        for first in range(0, count, AT_ONCE):
            await asyncio.gather(*(self.open(first + at) for at in range(min(AT_ONCE, count - first))))

    async def ask(self, seconds: float) -> int:
        """Requests on one connection; how many."""
        name = "localhost" if self._tls else None
        tls = self._tls
        if tls is not None:
            tls.set_alpn_protocols(["http/1.1"])
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, ssl=tls, server_hostname=name)
        until, count = time.monotonic() + seconds, 0
        while time.monotonic() < until:
            writer.write(GET)
            await reader.readuntil(b"{}")
            count += 1
        writer.close()
        return count

    def close(self) -> None:
        for writer in self._held:
            writer.transport.abort()


async def measure(kind: str, count: int, loop: str) -> str:
    with tempfile.TemporaryDirectory() as directory:
        prepare(directory)
        secure = "plain" if kind == "plain" else "tls"
        command = [sys.executable, __file__, "--serve", directory, "--loop", loop, "--secure", secure]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220
        try:
            assert server.stdout is not None
            client = Client(int(server.stdout.readline()), directory, kind)
            await client.fill(100)  # what is needed once is there now
            before, spent = resident(server.pid), processor_seconds(server.pid)
            await client.fill(count)
            await asyncio.sleep(1)
            each = (resident(server.pid) - before) / count
            opened = (processor_seconds(server.pid) - spent) / count
            spent = processor_seconds(server.pid)
            await asyncio.sleep(10)
            idle = (processor_seconds(server.pid) - spent) / 10
            spent = processor_seconds(server.pid)
            requests = await client.ask(2.0)
            cost = (processor_seconds(server.pid) - spent) / requests
            client.close()
        finally:
            server.kill()
            server.wait()
    return (
        f"{kind:6} {count:6} connections   {each / 1024:6.1f} KiB each   opened in {opened * 1e6:6.0f} us   "
        f"idle {idle:6.2%} of a core   a request beside them {cost * 1e6:5.0f} us"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    parser.add_argument("--serve", metavar="DIRECTORY", help=argparse.SUPPRESS)
    parser.add_argument("--secure", default="tls", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    socket.setdefaulttimeout(None)
    if arguments.serve:
        serve(arguments.serve, arguments.loop, arguments.secure)
        return
    count = min(arguments.connections, hard - 500)
    for kind in ("plain", "h1", "h2"):
        print(asyncio.run(measure(kind, count, arguments.loop)), flush=True)


if __name__ == "__main__":
    main()
