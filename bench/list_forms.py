"""What does a large list cost in each of its forms, to the server and to those who ask for something else meanwhile?

    python bench/list_forms.py [--objects 10000] [--clients 4] [--record]

The server is that of bench/api.py, its pods too. So many clients list all pods at once, each over a connection of its
own, three times; beside them one client gets one pod again and again. Per form: processor time of one list and its
ratio to the plain JSON list, how much memory the server took on top of what it held, the size of an answer, and the
longest and the median wait of the gets. The memory is the highest point (VmHWM) less what was resident before.
"""

import argparse
import asyncio
import json
import re
import tempfile
import time
from pathlib import Path

from load_client import drive, request, trusting
from recording import record

from api import CONNECTIONS, PODS, PORT, Row, Server, creations

_FORM = "application/json;as={};g=meta.k8s.io;v=v1"
PROTOBUF = "application/vnd.kubernetes.protobuf"
FORMS = {
    "json": "application/json",
    "table": _FORM.format("Table"),
    "metadata": _FORM.format("PartialObjectMetadataList"),
    "protobuf": PROTOBUF,
    "protobuf metadata": PROTOBUF + ";as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
}
TURNS = 3


def _peak_mib(server: Server) -> float:
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{server.process.pid}/status").read_text())
    assert found
    return int(found[1]) / 1024


def _forget_peak(server: Server) -> None:
    Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")


async def _list(server: Server, accept: str) -> int:
    """One whole list; its bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT, ssl=trusting(server.ca), limit=1 << 20)
    asked = request("GET", PODS, server.token).replace(b"HTTP/1.1", b"HTTP/1.0", 1)
    writer.write(re.sub(rb"(?i)accept: [^\r]*\r\n", b"", asked)[:-2] + f"Accept: {accept}\r\n\r\n".encode())
    size = 0
    while piece := await reader.read(1 << 20):
        size += len(piece)
    writer.close()
    return size


async def _gets(server: Server, waits: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT, ssl=trusting(server.ca), limit=1 << 20)
    while True:
        began = time.perf_counter()
        writer.write(request("GET", f"{PODS}/pod-00000", server.token))
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(re.search(rb"content-length: (\d+)", head)[1]))  # type: ignore[index]
        waits.append(time.perf_counter() - began)
        await asyncio.sleep(0.002)


async def measured(server: Server, name: str, clients: int) -> Row:
    """One form."""
    await _list(server, FORMS[name])
    before = server.resident_mib()
    _forget_peak(server)
    cpu, began = server.cpu_seconds(), time.perf_counter()
    for _ in range(TURNS):
        sizes = await asyncio.gather(*(_list(server, FORMS[name]) for _ in range(clients)))
    spent, seconds = (server.cpu_seconds() - cpu) / TURNS / clients, (time.perf_counter() - began) / TURNS
    peak = _peak_mib(server) - before
    waits: list[float] = []
    gets = asyncio.create_task(_gets(server, waits))
    await asyncio.gather(*(_list(server, FORMS[name]) for _ in range(clients)))
    gets.cancel()
    waits.sort()
    return Row(
        operation=name, rate=clients / seconds, cpu_ms=spent * 1000, memory=peak, size=sizes[0] / 2**20,
        p50=waits[len(waits) // 2] * 1000, p99=waits[-1] * 1000,
    )  # fmt: skip


async def run(objects: int, clients: int) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-forms-") as name:
        (Path(name) / "data").mkdir()
        server = Server(Path(name) / "data")
        try:
            await server.prepare()
            await drive("127.0.0.1", PORT, trusting(server.ca), creations(server.token, objects), CONNECTIONS, 201)
            rows = []
            for form in FORMS:
                row = await measured(server, form, clients)
                rows.append(row)
                ratio = row["cpu_ms"] / rows[0]["cpu_ms"]
                print(
                    f"{form:<18} cpu {row['cpu_ms']:7.1f} ms ({ratio:5.1f} x json)  memory {row['memory']:+7.1f} MiB"
                    f"  answer {row['size']:5.1f} MiB  a get beside it: median {row['p50']:6.1f} ms,"
                    f" longest {row['p99']:6.1f} ms",
                    flush=True,
                )
            return rows
        finally:
            server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--record", action="store_true")
    arguments = parser.parse_args()
    rows = asyncio.run(run(arguments.objects, arguments.clients))
    if arguments.record:
        record("list_forms", {"rows": json.loads(json.dumps(rows)), **vars(arguments)})


if __name__ == "__main__":
    main()
