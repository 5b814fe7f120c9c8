"""`kubectl top node|pod`: use of processors and memory, from the metrics API."""

from __future__ import annotations

import time

from pybernetes.api.quantity import parse
from pybernetes.base.go_text import duration_text

from ..client import query_of
from ..errors import CommandError, UsageError
from ..output.age import seconds_of
from ..output.table import Columns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ..discovery import Discovery
    from ..session import Session

    Use = tuple[int, int, int]

FLAGS = {
    "top node": (
        "no-headers=false -l,selector='' show-capacity=false show-swap=false sort-by='' use-protocol-buffers=true"
    ),
    "top pod": (
        "-A,all-namespaces=false containers=false field-selector='' no-headers=false "
        "-l,selector='' show-swap=false sort-by='' sum=false "
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


def _use(usage: dict[str, str]) -> Use:
    """Billionths of a processor, bytes of memory and of swap."""
    memory, swap = (parse(usage.get(name, "0")).value() for name in ("memory", "swap"))
    return parse(usage.get("cpu", "0")).nanos, memory, swap


def _milli(nanos: int) -> int:
    """Thousandths of a processor, rounded up: what is shown, and what is compared."""
    return -(-nanos // 1_000_000)


def _shown(use: Use, *, swap: bool) -> list[str]:
    shown = [f"{_milli(use[0])}m", f"{use[1] // 1048576}Mi"]
    return [*shown, f"{use[2] // 1048576}Mi"] if swap else shown


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
    with_swap = flags.on("show-swap")
    columns = _Cells(session.out.write)
    if not flags.on("no-headers"):
        swap = ["SWAP(bytes)", "SWAP(%)"] if with_swap else []
        columns.add(["NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)", *swap])
    rows = [(entry["metadata"]["name"], _use(entry["usage"])) for entry in metrics]
    field = "capacity" if flags.on("show-capacity") else "allocatable"
    for node_name, use in _order(session, rows):
        status = nodes.get(node_name, {}).get("status") or {}
        available = _use(status.get(field) or {})
        cpu, memory = _shown(use, swap=False)
        cpu_share = f"{_milli(use[0]) * 100 // _milli(available[0])}%" if available[0] else "<unknown>"
        memory_share = f"{use[1] * 100 // available[1]}%" if available[1] else "<unknown>"
        columns.add([node_name, cpu, cpu_share, memory, memory_share, *(_swap(status, use) if with_swap else ())])
    measured = {row[0] for row in rows}
    for node_name in sorted(set(nodes) - measured):
        columns.add([node_name, *["<unknown>"] * (6 if with_swap else 4)])
    columns.flush()
    return 0


def _swap(status: dict[str, Any], use: Use) -> tuple[str, str]:
    """How much of a node's swap is used; of a node that does not tell how much it has nothing is known."""
    capacity = ((status.get("nodeInfo") or {}).get("swap") or {}).get("capacity")
    if capacity is None:
        return "<unknown>", "<unknown>"
    return f"{use[2] // 1048576}Mi", f"{use[2] * 100 // capacity if capacity else 0}%"


def _check_unmeasured(session: Session, name: str, query: str, *, everywhere: bool) -> None:
    """Pods of which nothing was measured are too young, or something is wrong. CommandError if there are any."""
    path = session.mapper.resource("pods").path("" if everywhere else session.namespace, name)
    found = session.client.get(path if name else path + query)
    pods = found.get("items") or [] if not name else [found]
    for pod in pods:
        seconds = time.time() - seconds_of(pod["metadata"]["creationTimestamp"])
        if seconds > _YOUNG_SECONDS:
            where = f"{pod['metadata'].get('namespace', '')}/{pod['metadata']['name']}"
            raise CommandError(f"Metrics not available for pod {where}, age: {duration_text(seconds)}")
    if pods:
        raise CommandError("metrics not available yet")


_YOUNG_SECONDS = 120.0


def _pods(session: Session, name: str) -> int:
    flags = session.flags
    everywhere = flags.on("all-namespaces")
    base = f"{_API}/pods" if everywhere else f"{_API}/namespaces/{session.namespace}/pods"
    query = query_of((("labelSelector", flags.text("selector")), ("fieldSelector", flags.text("field-selector"))))
    metrics = _get(session, f"{base}/{name}" if name else base + query)
    if not metrics:
        _check_unmeasured(session, name, query, everywhere=everywhere)
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
            rows.append((key, _total(use for _, use in uses)))
    _write(session, _order(session, rows), everywhere=everywhere, by_container=by_container)
    return 0


def _write(session: Session, rows: list[tuple[Any, ...]], *, everywhere: bool, by_container: bool) -> None:
    flags = session.flags
    swap = flags.on("show-swap")
    columns = _Cells(session.out.write)
    names = ["POD", "NAME"] if by_container else ["NAME"]
    if everywhere:
        names = ["NAMESPACE", *names]
    if not flags.on("no-headers"):
        columns.add([*names, "CPU(cores)", "MEMORY(bytes)", *(["SWAP(bytes)"] if swap else ())])
    for key, use in rows:
        columns.add([*(key if everywhere else key[1:]), *_shown(use, swap=swap)])
    if flags.on("sum"):
        # Upstream counts a column more where swap is shown.
        margin = [""] * (len(names) + swap)
        columns.add([*margin, "________", "________"])
        columns.add([*margin, *_shown(_total(use for _, use in rows), swap=swap)])
    columns.flush()


def _total(uses: Iterable[Use]) -> Use:
    cpu = memory = swap = 0
    for use in uses:
        cpu, memory, swap = cpu + use[0], memory + use[1], swap + use[2]
    return cpu, memory, swap
