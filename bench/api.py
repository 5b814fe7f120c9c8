"""How fast is the API server, over TLS and with everything on, against the original measured on this kind of machine?

    python bench/api.py [--objects 5000] [--nginx] [--pages 50000] [--record]

The server is a process of its own (`pybernetes apiserver`: SQLite with every write synced, RBAC, admission, field
management, every request in the audit log with its metadata, bearer token of a service account); pods are of 5 KB as
stored. The load comes from `load_client.py` with 16 connections, and from `wrk` for gets and lists. Per operation:
rate, p50, p99 (of a watch event: from the write to its arrival), processor time of the server (all its threads), how
much of one processor the load generator took (near 100 %: it was the bottleneck), and the ratio to the original: etcd
and kube-apiserver, 16 clients. `--nginx` serves the same bytes with nginx in the same run: the yardstick for what the
machine does this minute. `--pages N` only makes N pods and lists them with limit=500, page after page, three times:
what the server holds before and after, and what a page costs at the beginning and at the end of the collection.
"""

import argparse
import asyncio
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvloop
from load_client import Stream, drive, request, trusting
from recording import record

PYBERNETES = str(Path(sys.executable).parent / "pybernetes")
PORT = 16443
NGINX_PORT = 16444
NAMESPACE = "bench"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
CONNECTIONS = 16

AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
"""

ORIGINAL: dict[str, tuple[float, float, float]] = {
    # operation: (per second, processor ms per operation, factor to reach)
    "create": (993, 1.8, 2),
    "get": (3259, 0.50, 5),
    "list 5000": (5.6, 281, 10),
    "list 1 %": (295, 0, 5),
    "watch event": (27200, 0.05, 3),
    "status patch": (547, 3.5, 2),
    "apply": (1022, 0, 2),
    "delete": (648, 2.8, 2),
}


def pod(index: int) -> dict[str, Any]:
    env = [{"name": f"VARIABLE_{number}", "value": "v" * 40} for number in range(16)]
    container = {
        "name": "app",
        "image": "registry.local/team/app:1.2.3",
        "env": env,
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"pod-{index:05}",
            "labels": {"app": "web", "group": f"g{index % 100}"},
            "annotations": {"note": "n" * 500},
        },
        "spec": {"containers": [container], "nodeName": f"node-{index % 100}", "serviceAccountName": "default"},
    }


class Server:
    """The API server's process and an identity that may do everything."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        policy = directory.parent / "audit-policy.yaml"
        policy.write_text(AUDIT_POLICY)
        audit = ["--audit-policy-file", str(policy), "--audit-log-path", str(directory.parent / "audit.log")]
        self.process = subprocess.Popen(
            [
                *[PYBERNETES, "apiserver", "--data-dir", str(directory), "--api-port", str(PORT)],
                *["--node-ip", "127.0.0.1", *audit],
            ],
            stdout=open(directory.parent / "apiserver.log", "wb"),  # noqa: SIM115
            stderr=subprocess.STDOUT,
        )
        self.ca = str(directory / "pki" / "ca.crt")
        self.token = ""

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_mib(self) -> float:
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text())
        assert found
        return int(found[1]) / 1024

    async def prepare(self) -> None:
        """Wait for it, then make the namespace and a service account that is administrator."""
        from pybernetes.base.http.client import HttpTransport
        from pybernetes.base.http.message import Request
        from pybernetes.client.config import tls_context
        from pybernetes.client.kubeconfig import read, resolve

        kubeconfig = self.directory / "admin.kubeconfig"
        while not kubeconfig.exists():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        config = resolve(read(kubeconfig))
        app = HttpTransport(config.server, tls=tls_context(config))
        while True:
            with suppress(OSError):
                if (await app(Request("GET", "/readyz"))).status == 200:
                    break
            await asyncio.sleep(0.02)

        async def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
            media = [("content-type", "application/json")]
            answer = await app(Request("POST", path, headers=media, body=json.dumps(body).encode()))
            assert isinstance(answer.body, bytes)
            if answer.status >= 300:
                raise RuntimeError(answer.body.decode())
            found: dict[str, Any] = json.loads(answer.body)
            return found

        await post("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        accounts = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts"
        for name in ("default", "bench"):
            await post(accounts, {"metadata": {"name": name}})
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
        subject = {"kind": "ServiceAccount", "name": "bench", "namespace": NAMESPACE}
        binding = {"metadata": {"name": "bench"}, "roleRef": role, "subjects": [subject]}
        await post("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding)
        spec = {"spec": {"expirationSeconds": 86400}}
        self.token = (await post(f"{accounts}/bench/token", spec))["status"]["token"]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


class Row(dict[str, Any]):
    """One line of the table."""


def percentile(latencies: list[float], part: float) -> float:
    return latencies[min(int(len(latencies) * part), len(latencies) - 1)] * 1000


async def measured(server: Server, name: str, requests: list[bytes], expected: int) -> Row:
    tls = trusting(server.ca)
    cpu, own = server.cpu_seconds(), time.process_time()
    seconds, latencies = await drive("127.0.0.1", PORT, tls, requests, CONNECTIONS, expected)
    cpu, own = server.cpu_seconds() - cpu, time.process_time() - own
    return Row(
        operation=name,
        rate=len(requests) / seconds,
        p50=percentile(latencies, 0.5),
        p99=percentile(latencies, 0.99),
        cpu_ms=cpu / len(requests) * 1000,
        client=own / seconds,
    )


def wrk(cpu: Callable[[], float], name: str, url: str, script: str, connections: int, seconds: int = 6) -> Row:
    """wrk with a script that chooses the paths."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        before, own, began = cpu(), _children_seconds(), time.perf_counter()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "30s"]
        done = subprocess.run([*command, "-s", file.name, url], capture_output=True, text=True, check=True).stdout
        spent, own = cpu() - before, _children_seconds() - own
        own /= time.perf_counter() - began
    count = int(re.search(r"(\d+) requests in", done)[1])  # type: ignore[index]
    if "Non-2xx" in done:
        raise RuntimeError(done)
    at = {part: _ms(re.search(rf"^\s+{part}%\s+(\S+)", done, re.M)[1]) for part in (50, 99)}  # type: ignore[index]
    rate = float(re.search(r"Requests/sec:\s+(\S+)", done)[1])  # type: ignore[index]
    return Row(operation=name, rate=rate, p50=at[50], p99=at[99], cpu_ms=spent / max(count, 1) * 1000, client=own)


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _ms(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}[unit]


def lua(token: str, path: str, objects: int = 0) -> str:
    """`path` may hold %05d for a random object."""
    header = f'wrk.headers["authorization"] = "Bearer {token}"\nwrk.headers["accept"] = "application/json"\n'
    chosen = f'string.format("{path}", math.random(0, {objects - 1}))' if objects else f'"{path}"'
    return header + f"request = function() return wrk.format('GET', {chosen}) end\n"


async def watching(server: Server, objects: int, watchers: int, changes: int) -> Row:
    """Every watcher gets every change of a patched pod; the patches alone are measured first and taken off. How long
    an event takes is seen on single writes, from the request to its arrival."""
    token, tls = server.token, trusting(server.ca)

    def patches(offset: int) -> list[bytes]:
        body = [json.dumps({"metadata": {"labels": {"turn": f"t{offset + turn}"}}}).encode() for turn in range(changes)]
        media = "application/merge-patch+json"
        return [
            request("PATCH", f"{PODS}/pod-{turn % objects:05}", token, body[turn], media) for turn in range(changes)
        ]

    cpu = server.cpu_seconds()
    await drive("127.0.0.1", PORT, tls, patches(0), 1, 200)
    alone = server.cpu_seconds() - cpu
    listed = await _version(server)
    seen, loop = [0], asyncio.get_running_loop()
    path = f"{PODS}?watch=1&resourceVersion={listed}"
    made = [
        await loop.create_connection(lambda: Stream(request("GET", path, token), seen), "127.0.0.1", PORT, ssl=tls)
        for _ in range(watchers)
    ]
    await asyncio.sleep(0.5)
    cpu, own, began = server.cpu_seconds(), time.process_time(), time.perf_counter()
    await drive("127.0.0.1", PORT, tls, patches(changes), 4, 200)
    while seen[0] < watchers * changes:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    seconds, own = time.perf_counter() - began, time.process_time() - own
    spent = max(server.cpu_seconds() - cpu - alone, 0.0)
    latencies = []
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT, ssl=tls, limit=1 << 20)
    for turn, patch in enumerate(patches(2 * changes)[:50]):
        began = time.perf_counter()
        writer.write(patch)
        await _answer(reader)
        while seen[0] < watchers * (changes + turn + 1):  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        latencies += [stream.latest - began for _, stream in made]
    writer.close()
    for transport, _ in made:
        transport.close()
    latencies.sort()
    count = watchers * changes
    return Row(
        operation="watch event",
        rate=count / seconds,
        p50=percentile(latencies, 0.5),
        p99=percentile(latencies, 0.99),
        cpu_ms=spent / count * 1000,
        client=own / seconds,
    )


async def _answer(reader: asyncio.StreamReader) -> bytes:
    """The body of one answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    return await reader.readexactly(int(re.search(rb"content-length: (\d+)", head)[1]))  # type: ignore[index]


async def _version(server: Server) -> str:
    path = f"{PODS}?limit=1"
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT, ssl=trusting(server.ca))
    writer.write(request("GET", path, server.token).replace(b"HTTP/1.1", b"HTTP/1.0"))
    answer = await reader.read()
    writer.close()
    return re.search(rb'"resourceVersion":"(\d+)"', answer)[1].decode()  # type: ignore[index]


def creations(token: str, objects: int) -> list[bytes]:
    return [request("POST", PODS, token, json.dumps(pod(index)).encode()) for index in range(objects)]


async def operations(server: Server, objects: int) -> list[Row]:
    token = server.token
    one = f"{PODS}/pod-%05d"

    def paths(suffix: str = "") -> list[str]:
        return [f"{PODS}/pod-{index:05}{suffix}" for index in range(objects)]

    rows = []

    def tell(row: Row) -> None:
        rows.append(row)
        print(line(row), flush=True)

    tell(await measured(server, "create", creations(token, objects), 201))
    base = f"https://127.0.0.1:{PORT}"
    tell(wrk(server.cpu_seconds, "get", base, lua(token, one, objects), CONNECTIONS))
    tell(wrk(server.cpu_seconds, f"list {objects}", base, lua(token, PODS), 2))
    selector = f"{PODS}?labelSelector=group%3Dg7"
    tell(wrk(server.cpu_seconds, "list 1 %", base, lua(token, selector), CONNECTIONS))
    tell(await watching(server, objects, 200, 400))
    status = json.dumps({"status": {"conditions": [{"type": "Ready", "status": "True"}], "phase": "Running"}}).encode()
    media = "application/strategic-merge-patch+json"
    some = [request("PATCH", path, token, status, media) for path in paths("/status")]
    tell(await measured(server, "status patch", some, 200))
    applied = [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"pod-{index:05}", "labels": {"turn": "apply"}}}
        for index in range(objects)
    ]
    query, media = "?fieldManager=bench&force=true", "application/apply-patch+yaml"
    some = [
        request("PATCH", path, token, json.dumps(body).encode(), media)
        for path, body in zip(paths(query), applied, strict=True)
    ]
    tell(await measured(server, "apply", some, 200))
    print(f"resident with {objects} pods: {server.resident_mib():.0f} MiB", flush=True)
    rows.append(Row(operation="resident MiB", rate=server.resident_mib(), p50=0.0, p99=0.0, cpu_ms=0.0))
    now = [request("DELETE", path, token) for path in paths("?gracePeriodSeconds=0")]
    tell(await measured(server, "delete", now, 200))
    return rows


async def pages(server: Server, objects: int, limit: int = 500) -> list[Row]:
    """Three walks through the collection; the cost of the first tenth of the pages and of the last."""
    tls = trusting(server.ca)
    some = (request("POST", PODS, server.token, json.dumps(pod(index)).encode()) for index in range(objects))
    await drive("127.0.0.1", PORT, tls, some, CONNECTIONS, 201)
    before = server.resident_mib()
    print(f"resident with {objects} pods: {before:.0f} MiB", flush=True)
    rows = []
    for turn in range(3):
        reader, writer = await asyncio.open_connection("127.0.0.1", PORT, ssl=tls, limit=1 << 24)
        seconds, token, cpu = [], "", server.cpu_seconds()
        while token or not seconds:
            began = time.perf_counter()
            more = f"&continue={token}" if token else ""
            writer.write(request("GET", f"{PODS}?limit={limit}{more}", server.token))
            body = await _answer(reader)
            seconds.append(time.perf_counter() - began)
            found = re.search(rb'"continue":"([^"]*)"', body[:500])
            token = found[1].decode() if found else ""
        writer.close()
        cpu = (server.cpu_seconds() - cpu) / len(seconds) * 1000
        part = max(len(seconds) // 10, 1)
        first, last = (sorted(some)[part // 2] * 1000 for some in (seconds[:part], seconds[-part:]))
        now = server.resident_mib()
        name = f"walk {turn + 1}"
        rows.append(
            Row(operation=name, rate=len(seconds) / sum(seconds), p50=first, p99=last, cpu_ms=cpu, resident=now)
        )
        print(
            f"{name}: {len(seconds)} pages, a page of the first tenth {first:.2f} ms, of the last {last:.2f} ms,"
            f" cpu {cpu:.2f} ms, resident {now:.0f} MiB ({now - before:+.0f})",
            flush=True,
        )
    return rows


def line(row: Row) -> str:
    rate, cpu, factor = ORIGINAL.get(row["operation"], (0.0, 0.0, 0.0))
    ratios = f"{row['rate'] / rate:6.1f} x rate" if rate else " " * 13
    if cpu and row["cpu_ms"]:
        ratios += f" {cpu / row['cpu_ms']:6.1f} x less cpu"
    goal = f"   goal {factor:g} x" if factor else ""
    return (
        f"{row['operation']:<14}{row['rate']:>10.1f}/s  p50 {row['p50']:>8.2f} ms  p99 {row['p99']:>8.2f} ms"
        f"  cpu {row['cpu_ms']:>9.4f} ms  client {row.get('client', 0.0):>4.0%} {ratios}{goal}"
    )


async def yardstick(server: Server, objects: int, directory: Path) -> list[Row]:
    """nginx serving one pod and the list from files, over TLS with the same certificate."""
    root = directory / "www"
    root.mkdir()
    tls = trusting(server.ca)
    for name, path in {"one": f"{PODS}/pod-00000", "all": PODS}.items():
        reader, writer = await asyncio.open_connection("127.0.0.1", PORT, ssl=tls)
        writer.write(request("GET", path, server.token).replace(b"HTTP/1.1", b"HTTP/1.0"))
        (root / name).write_bytes((await reader.read()).partition(b"\r\n\r\n")[2])
        writer.close()
    pki = server.directory / "pki"
    config = directory / "nginx.conf"
    config.write_text(
        f"worker_processes 1; pid {directory}/nginx.pid; error_log {directory}/nginx.log; daemon off; user root;\n"
        "events {} http { access_log off; server { "
        f"listen 127.0.0.1:{NGINX_PORT} ssl; ssl_certificate {pki}/apiserver.crt; "
        f"ssl_certificate_key {pki}/apiserver.key; keepalive_requests 1000000; root {root}; }} }}\n"
    )
    process = subprocess.Popen(["nginx", "-c", str(config)], stderr=subprocess.DEVNULL)  # noqa: ASYNC220
    try:
        await asyncio.sleep(0.5)
        base = f"https://127.0.0.1:{NGINX_PORT}"

        def cpu() -> float:
            total = 0
            for pid in subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split():
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                total += int(fields[11]) + int(fields[12])
            return total / os.sysconf("SC_CLK_TCK")

        return [
            wrk(cpu, "nginx get", base, lua("x", "/one"), CONNECTIONS),
            wrk(cpu, f"nginx list {objects}", base, lua("x", "/all"), 2),
        ]
    finally:
        process.terminate()
        process.wait(10)


async def run(arguments: argparse.Namespace) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-api-") as name:
        directory = Path(name)
        (directory / "data").mkdir()
        server = Server(directory / "data")
        try:
            await server.prepare()
            print(f"resident empty: {server.resident_mib():.0f} MiB", flush=True)
            if arguments.pages:
                return await pages(server, arguments.pages)
            rows = []
            if arguments.nginx:
                await drive(
                    "127.0.0.1",
                    PORT,
                    trusting(server.ca),
                    [
                        request("POST", PODS, server.token, json.dumps(pod(i)).encode())
                        for i in range(arguments.objects)
                    ],
                    CONNECTIONS,
                    201,
                )
                for row in await yardstick(server, arguments.objects, directory):
                    rows.append(row)
                    print(line(row), flush=True)
                some = [
                    request("DELETE", f"{PODS}/pod-{i:05}?gracePeriodSeconds=0", server.token)
                    for i in range(arguments.objects)
                ]
                await drive("127.0.0.1", PORT, trusting(server.ca), some, CONNECTIONS, 200)
            return rows + await operations(server, arguments.objects)
        finally:
            server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--objects", type=int, default=5000)
    parser.add_argument("--nginx", action="store_true", help="measure nginx with the same bytes first")
    parser.add_argument("--pages", type=int, default=0, metavar="N", help="only list N pods page after page")
    parser.add_argument("--record", action="store_true", help="append the result to bench/results/api.jsonl")
    arguments = parser.parse_args()
    if not shutil.which("wrk"):
        raise SystemExit("wrk is missing; install it with: apt-get install wrk nginx-light")
    rows = uvloop.run(run(arguments))
    if arguments.record:
        figures = [{key: round(v, 4) if isinstance(v, float) else v for key, v in row.items()} for row in rows]
        record("api", {"rows": figures})


if __name__ == "__main__":
    main()
