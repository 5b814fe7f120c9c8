"""Usage as the API shows it: NodeMetrics, PodMetrics and their tables, in wire form. Pure.

Amounts are quantities: processors in billionths (`12345678n`), memory in powers of two (`1204Ki`). Tables have a column
for each measured resource and one for the window, as metrics-server's have.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from ..api.duration import format_nanoseconds
from ..api.instants import format_time
from ..api.quantity import Format, Quantity, parse
from ..api.resource import ResourceInfo
from .points import Usage

Object = dict[str, Any]


def _usage(usage: Usage) -> dict[str, str]:
    found = {
        "cpu": str(Quantity(usage.cpu_nanocores)),
        "memory": str(Quantity.of(usage.memory_bytes, Format.BINARY_SI)),
    }
    if usage.swap_bytes is not None:
        found["swap"] = str(Quantity.of(usage.swap_bytes, Format.BINARY_SI))
    return found


def _object(info: ResourceInfo, metadata: Object, usage: Usage, now: datetime) -> Object:
    shown: Object = {"name": metadata["name"]}
    if metadata.get("namespace"):
        shown["namespace"] = metadata["namespace"]
    shown["creationTimestamp"] = format_time(now)
    if metadata.get("labels"):
        shown["labels"] = metadata["labels"]
    return {
        "kind": info.kind,
        "apiVersion": info.group_version,
        "metadata": shown,
        "timestamp": format_time(datetime.fromtimestamp(usage.at, UTC)),
        "window": format_nanoseconds(round(usage.window_seconds * 1000) * 1_000_000),
    }


def node_metrics(info: ResourceInfo, metadata: Object, usage: Usage, now: datetime) -> Object:
    """What a node uses. `metadata` is the node's."""
    return {**_object(info, metadata, usage, now), "usage": _usage(usage)}


def pod_metrics(info: ResourceInfo, metadata: Object, containers: Mapping[str, Usage], now: datetime) -> Object:
    """What the containers of a pod use, dated by the earliest of them. `metadata` is the pod's."""
    earliest = min(containers.values(), key=lambda usage: usage.at)
    rows = [{"name": name, "usage": _usage(usage)} for name, usage in sorted(containers.items())]
    return {**_object(info, metadata, earliest, now), "containers": rows}


def metrics_list(info: ResourceInfo, items: Iterable[Object]) -> Object:
    """A list of them."""
    return {"kind": info.list_kind, "apiVersion": info.group_version, "metadata": {}, "items": list(items)}


def table(items: list[Object], include_object: str) -> Object:
    """A meta/v1 Table. Without items it has no columns, since nobody has told of any resource."""
    names: list[str] = []
    rows: list[Object] = []
    for item in items:
        total = _total(item)
        names = names or sorted(total)
        cells = [item["metadata"]["name"], *(total.get(name, "0") for name in names), item["window"]]
        rows.append({"cells": cells, "object": _shown(item, include_object)})
    columns = []
    if items:
        columns = [
            _column("Name", "name", "Name of the resource"),
            *(_column(name, "quantity") for name in names),
            _column("Window", "duration"),
        ]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {},
        "columnDefinitions": columns,
        "rows": rows,
    }


def _total(item: Object) -> dict[str, str]:
    if "usage" in item:
        return dict(item["usage"])
    total: dict[str, Quantity] = {}
    for container in item["containers"]:
        for name, amount in container["usage"].items():
            total[name] = total[name] + parse(amount) if name in total else parse(amount)
    return {name: str(amount) for name, amount in total.items()}


def _column(name: str, format: str, description: str = "") -> Object:
    return {"name": name, "type": "string", "format": format, "description": description, "priority": 0}


def partial(item: Object) -> Object:
    """Only the metadata (meta/v1 PartialObjectMetadata)."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": item["metadata"]}


def _shown(item: Object, include_object: str) -> Object | None:
    if include_object == "None":
        return None
    return item if include_object == "Object" else partial(item)
