"""`kubectl top node|pod`: use of processors and memory, from the metrics API."""

from __future__ import annotations

from pybernetes.api.quantity import parse

from ..client import query_of
from ..errors import CommandError, UsageError
from ..output.table import Columns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ..discovery import Discovery
    from ..session import Session

FLAGS = {
    "top node": "no-headers=false -l,selector='' show-capacity=false sort-by='' use-protocol-buffers=true",
    "top pod": (
        "-A,all-namespaces=false containers=false field-selector='' no-headers=false "
        "-l,selector='' sort-by='' sum=false "
        "use-protocol-buffers=true"
    ),
}
_API = "/apis/metrics.k8s.io/v1beta1"


def run(session: Session) -> int:
    flags = session.flags
    name = session.args[0] if session.args else ""
    if len(session.args) > 1:
        kind = session.command.rpartition(" ")[2]
        raise UsageError(f"{kind} [NAME | -l label]", session.command)
    if name and flags.text("selector"):
        flag = "--selector" if session.command == "top node" else "selector"
        raise CommandError(f"only one of NAME or {flag} can be provided")
    if flags.text("sort-by") not in ("", "cpu", "memory"):
        raise CommandError("--sort-by accepts only cpu or memory")
    if not _announced(session.mapper.discovery) and not _announced(session.mapper.refresh()):
        raise CommandError("Metrics API not available")
    return _nodes(session, name) if session.command == "top node" else _pods(session, name)


def _announced(discovery: Discovery) -> bool:
    """Does the server name the group, be it one that does not answer? A group known to be stale does not count."""
    failing = any(group.startswith("metrics.k8s.io/") and why for group, why in discovery.failed.items())
    return failing or any(group == "metrics.k8s.io" for group, _ in discovery.groups)


def _get(session: Session, path: str) -> list[dict[str, Any]]:
    found = session.client.get(path)
    return list(found["items"]) if "items" in found else [found]


def _use(usage: dict[str, str]) -> tuple[int, int]:
    """Billionths of a processor and bytes."""
    return parse(usage.get("cpu", "0")).nanos, parse(usage.get("memory", "0")).value()


def _milli(nanos: int) -> int:
    """Thousandths of a processor, rounded up: what is shown, and what is compared."""
    return -(-nanos // 1_000_000)


def _shown(use: tuple[int, int]) -> tuple[str, str]:
    return f"{_milli(use[0])}m", f"{use[1] // 1048576}Mi"


def _order(session: Session, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """By name, or the largest first. A row begins with its names, processors and memory stand last but one and last."""
    by = session.flags.text("sort-by")
    if by:
        return sorted(rows, key=lambda row: -(_milli(row[1][0]) if by == "cpu" else row[1][1]))
    return sorted(rows, key=lambda row: row[0])


class _Cells(Columns):
    """Every cell is followed by a tab, the last one of a row too, which is then as wide as its column."""

    def add(self, cells: Iterable[str]) -> None:
        super().add((*cells, ""))


def _nodes(session: Session, name: str) -> int:
    flags = session.flags
    query = query_of((("labelSelector", flags.text("selector")),))
    metrics = _get(session, f"{_API}/nodes/{name}" if name else f"{_API}/nodes{query}")
    if not metrics:
        raise CommandError("metrics not available yet")
    where = f"/api/v1/nodes/{name}" if name else f"/api/v1/nodes{query}"
    found = session.client.get(where)
    nodes = {node["metadata"]["name"]: node for node in (found.get("items", [found]))}
    columns = _Cells(session.out.write)
    if not flags.on("no-headers"):
        columns.add(["NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)"])
    rows = [(entry["metadata"]["name"], _use(entry["usage"])) for entry in metrics]
    field = "capacity" if flags.on("show-capacity") else "allocatable"
    for node_name, use in _order(session, rows):
        available = _use((nodes.get(node_name, {}).get("status") or {}).get(field) or {})
        cpu, memory = _shown(use)
        cpu_share = f"{_milli(use[0]) * 100 // _milli(available[0])}%" if available[0] else "<unknown>"
        memory_share = f"{use[1] * 100 // available[1]}%" if available[1] else "<unknown>"
        columns.add([node_name, cpu, cpu_share, memory, memory_share])
    measured = {row[0] for row in rows}
    for node_name in sorted(set(nodes) - measured):
        columns.add([node_name, "<unknown>", "<unknown>", "<unknown>", "<unknown>"])
    columns.flush()
    return 0


def _pods(session: Session, name: str) -> int:
    flags = session.flags
    everywhere = flags.on("all-namespaces")
    base = f"{_API}/pods" if everywhere else f"{_API}/namespaces/{session.namespace}/pods"
    query = query_of((("labelSelector", flags.text("selector")), ("fieldSelector", flags.text("field-selector"))))
    metrics = _get(session, f"{base}/{name}" if name else base + query)
    if not metrics:
        where = "" if everywhere else f" in {session.namespace} namespace."
        session.tell(f"No resources found{where}")
        return 0
    by_container = flags.on("containers")
    rows: list[tuple[Any, ...]] = []
    for entry in metrics:
        key = (entry["metadata"].get("namespace", ""), entry["metadata"]["name"])
        uses = [(container["name"], _use(container["usage"])) for container in entry.get("containers") or ()]
        if by_container:
            rows += [((*key, container), use) for container, use in sorted(uses)]
        else:
            rows.append((key, (sum(use[0] for _, use in uses), sum(use[1] for _, use in uses))))
    _write(session, _order(session, rows), everywhere=everywhere, by_container=by_container)
    return 0


def _write(session: Session, rows: list[tuple[Any, ...]], *, everywhere: bool, by_container: bool) -> None:
    flags = session.flags
    columns = _Cells(session.out.write)
    names = ["POD", "NAME"] if by_container else ["NAME"]
    if everywhere:
        names = ["NAMESPACE", *names]
    if not flags.on("no-headers"):
        columns.add([*names, "CPU(cores)", "MEMORY(bytes)"])
    for key, use in rows:
        columns.add([*(key if everywhere else key[1:]), *_shown(use)])
    if flags.on("sum"):
        total = sum(use[0] for _, use in rows), sum(use[1] for _, use in rows)
        columns.add([*[""] * len(names), "________", "________"])
        columns.add([*[""] * len(names), *_shown(total)])
    columns.flush()
