"""A kubelet's /metrics/resource, read: pure. Text format of Prometheus, version 0.0.4.

    container_cpu_usage_seconds_total{container="web",namespace="default",pod="web-1"} 3.25 1767225600000
    node_cpu_usage_seconds_total 812.5 1767225600000

Only the seven names below are looked at; lines that are no samples are passed over. A pod of which a container's CPU or
memory is missing or 0 is left out, since half of it would be taken for the whole.
"""

import re
from collections.abc import Callable

from .points import Look, PodName, Point

_SAMPLE = re.compile(r"([a-z_]+)(?:\{(.*)\})? +(\S+)(?: +(-?\d+))?\s*\Z")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")

CPU, MEMORY, SWAP, START = "cpu", "memory", "swap", "start"
_NODE = {
    "node_cpu_usage_seconds_total": CPU,
    "node_memory_working_set_bytes": MEMORY,
    "node_swap_usage_bytes": SWAP,
}
_CONTAINER = {
    "container_cpu_usage_seconds_total": CPU,
    "container_memory_working_set_bytes": MEMORY,
    "container_swap_usage_bytes": SWAP,
    "container_start_time_seconds": START,
}
_NAMES = _NODE.keys() | _CONTAINER.keys()

Values = dict[str, float]


def read(text: str, node_name: str, now: float) -> Look:
    """What a kubelet says of its node and pods. `now` (seconds since the epoch) dates samples without a time stamp."""
    node: Values = {}
    by_labels: dict[str, Values] = {}  # a container's samples all have the same labels
    for line in text.splitlines():
        if not line.startswith(("node_", "container_")):
            continue
        found = _SAMPLE.match(line)
        if found is None or found[1] not in _NAMES:
            continue
        name, labels, value_text, stamp = found.groups()
        try:
            value = float(value_text)
        except ValueError:
            continue
        if name in _NODE:
            _note(node, _NODE[name], value, stamp, now)
        else:
            _note(by_labels.setdefault(labels or "", {}), _CONTAINER[name], value, stamp, now)
    pods: dict[PodName, dict[str, Values]] = {}
    for text_of_labels, values in by_labels.items():
        given = dict(_LABEL.findall(text_of_labels))
        pod = (_plain(given.get("namespace", "")), _plain(given.get("pod", "")))
        pods.setdefault(pod, {}).setdefault(_plain(given.get("container", "")), {}).update(values)
    look = Look({}, {})
    point = _point(node)
    if point is not None:
        look.nodes[node_name] = point
    for pod, rows in pods.items():
        # A start without usage is a container that does not run.
        points = {name: _point(values) for name, values in rows.items() if values.keys() != {START}}
        whole = {name: point for name, point in points.items() if point is not None}
        if whole and len(whole) == len(points):
            look.pods[pod] = whole
    return look


def _note(values: Values, what: str, value: float, stamp: str | None, now: float) -> None:
    values[what] = value
    if what == CPU or (what != START and "at" not in values):
        values["at"] = int(stamp) / 1000 if stamp else now


def _point(values: Values) -> Point | None:
    if not values.get(CPU) or not values.get(MEMORY):
        return None
    swap = values.get(SWAP)
    return Point(
        values["at"],
        round(values[CPU] * 1e9),
        int(values[MEMORY]),
        None if swap is None else int(swap),
        values.get(START, 0.0),
    )


_unescaped: Callable[["re.Match[str]"], str] = lambda found: {"n": "\n"}.get(found[1], found[1])  # noqa: E731


def _plain(text: str) -> str:
    return _ESCAPED.sub(_unescaped, text) if "\\" in text else text
