"""How fast is the HTTP server? GET of 2 KiB over TLS (HTTP/1.1 by wrk, HTTP/2 by h2load); one event to many streams.

    python bench/http_server.py [--seconds 5] [--rounds 3] [--streams 200] [--loop uvloop|asyncio]

The server runs in its own process; its processor time is read from the outside. Loads share the machine with it, so the
microseconds of processor time per request say more than requests per second. Medians of the rounds are printed, with
their spread.
"""

import argparse
import asyncio
import os
import re
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BODY = b'{"kind":"Pod","apiVersion":"v1","pad":"' + b"x" * 2000 + b'"}'
EVENT = b'{"type":"MODIFIED","object":{"pad":"' + b"y" * 3000 + b'"}}\n'


def serve(directory: str, streams: int, loop: str) -> None:
    """The server process: prints its port, then what its fan-out cost."""
    from pybernetes.base import x509
    from pybernetes.base.http.message import Request, Response, Sink
    from pybernetes.base.http.server import HttpServer
    from pybernetes.base.tasks import running

    sinks: set[Sink] = set()

    class Watch:
        def start(self, sink: Sink) -> None:
            self.sink = sink
            sinks.add(sink)

        def stop(self) -> None:
            sinks.discard(self.sink)

    headers = [("content-type", "application/json"), ("cache-control", "no-cache, private")]

    async def app(request: Request) -> Response:
        match request.path:
            case "/watch":
                return Response(200, headers, Watch())
            case "/emit":
                started = time.process_time()
                for sink in list(sinks):
                    sink.write(EVENT)
                await asyncio.sleep(0)
                spent = time.process_time() - started
                return Response(200, headers, f"{len(sinks)} {spent}".encode())
            case _:
                return Response(200, headers, BODY)

    async def main() -> None:
        ca = x509.CertificateAuthority.create("bench-ca")
        pair = ca.issue("bench", names=["localhost", "127.0.0.1"])
        Path(directory, "ca.crt").write_bytes(ca.certificate_pem)
        server = HttpServer(app, tls=x509.server_context(pair, client_ca=ca.certificate_pem))
        async with running("server", server.serve):
            print(server.port, flush=True)
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)

    if loop == "uvloop":
        import uvloop

        uvloop.run(main())
    else:
        asyncio.run(main())


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def milliseconds(text: str) -> float:
    number, unit = re.match(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def wrk(url: str, seconds: int) -> tuple[float, float, float, int]:
    """Requests per second, median and 99th percentile in ms, number of requests."""
    command = ["wrk", "-t1", "-c32", f"-d{seconds}s", "--latency", url]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])
    total = int(re.search(r"(\d+) requests in", text)[1])
    return rate, *(milliseconds(re.search(rf"{p}%\s+(\S+)", text)[1]) for p in (50, 99)), total


def h2load(url: str, seconds: int) -> tuple[float, float, float, int]:
    """As `wrk`; h2load logs one line per request, from which the percentiles are taken."""
    with tempfile.NamedTemporaryFile("r") as log:
        command = ["h2load", "-c8", "-m8", f"-n{seconds * 30_000}", f"--log-file={log.name}", url]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        times = sorted(int(line.split()[2]) / 1000 for line in log)
    rate = float(re.search(r"([\d.]+) req/s", text)[1])
    assert " 0 failed" in text, text
    return rate, times[len(times) // 2], times[len(times) * 99 // 100], len(times)


async def fan_out(port: int, ca: str, streams: int, events: int) -> float:
    """Microseconds of server processor time to hand one event to one of many HTTP/1.1 streams."""
    tls = ssl.create_default_context(cafile=ca)
    received = 0
    enough = asyncio.Event()

    class Receiver(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport
            transport.write(b"GET /watch HTTP/1.1\r\nhost: x\r\n\r\n")  # type: ignore[attr-defined]

        def data_received(self, data: bytes) -> None:
            nonlocal received
            received += data.count(b"}}\n")
            if received >= expected:
                enough.set()

    expected = streams * events
    loop = asyncio.get_running_loop()
    transports = [(await loop.create_connection(Receiver, "127.0.0.1", port, ssl=tls))[0] for _ in range(streams)]
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    costs = []
    for _ in range(events):
        writer.write(b"GET /emit HTTP/1.1\r\nhost: x\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", head)[1])
        count, spent = (await reader.readexactly(length)).split()
        assert int(count) == streams
        costs.append(float(spent) / streams * 1e6)
        await asyncio.sleep(0.01)
    await enough.wait()
    for transport in [*transports, writer.transport]:
        transport.abort()
    return statistics.median(costs)


def show(name: str, values: list[tuple[float, ...]], units: list[str]) -> None:
    parts = []
    for unit, column in zip(units, zip(*values, strict=True), strict=True):
        parts.append(f"{statistics.median(column):.5g} {unit} ({min(column):.4g}-{max(column):.4g})")
    print(f"{name:<28}" + "  ".join(parts), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--loop", choices=["uvloop", "asyncio"], default="uvloop")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve, arguments.streams, arguments.loop)
        return
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, __file__, "--serve", directory, "--loop", arguments.loop]
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            port = int(server.stdout.readline())
            url = f"https://127.0.0.1:{port}/pod"
            for name, load in (("GET 2 KiB, HTTP/1.1, wrk", wrk), ("GET 2 KiB, HTTP/2, h2load", h2load)):
                if shutil.which(load.__name__) is None:
                    print(f"{name:<28}{load.__name__} is not installed")
                    continue
                load(url, 1)
                rounds = []
                for _ in range(arguments.rounds):
                    before = processor_seconds(server.pid)
                    rate, median, p99, total = load(url, arguments.seconds)
                    spent = processor_seconds(server.pid) - before
                    rounds.append((rate, median, p99, spent / total * 1e6))
                show(name, rounds, ["req/s", "ms p50", "ms p99", "us cpu/req"])
            costs = [
                (asyncio.run(fan_out(port, f"{directory}/ca.crt", arguments.streams, 50)),)
                for _ in range(arguments.rounds)
            ]
            show(f"event to {arguments.streams} streams", costs, ["us cpu/delivery"])
        finally:
            server.stdin.close()
            server.wait(10)


if __name__ == "__main__":
    main()
