"""Conditional defaults of pods and what they are made of."""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from ..quantity import Quantity, parse

Object = dict[str, Any]

_IMAGE = re.compile(
    r"(?:(?:localhost|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|[A-Za-z0-9-]+(?=:\d)|\[[0-9a-fA-F:]+\])(?::\d+)?/)?"
    r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?",
    re.ASCII,
).fullmatch


@lru_cache(1024)
def pull_policy(image: str) -> str:
    """Always for `latest` and for images without tag and digest, else IfNotPresent."""
    found = _IMAGE(image)
    if found is None:
        return "IfNotPresent"
    tag = found["tag"]
    return "Always" if tag == "latest" or (tag is None and found["digest"] is None) else "IfNotPresent"


def _container(container: Object) -> None:
    if not container.get("imagePullPolicy"):
        container["imagePullPolicy"] = pull_policy(container.get("image", ""))


def _image_volume(source: Object) -> None:
    if not source.get("pullPolicy"):
        source["pullPolicy"] = pull_policy(source.get("reference", ""))


def _volume(volume: Object) -> None:
    if all(name == "name" for name in volume):
        volume["emptyDir"] = {}


def _pod_spec(spec: Object) -> None:
    """The old name of the service account always follows the new one, and stands in for it."""
    name = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if name:
        spec["serviceAccountName"] = spec["serviceAccount"] = name


def _pod_status(status: Object) -> None:
    """The single address and the first of the list are the same; the single one decides."""
    address, addresses = status.get("podIP"), status.get("podIPs")
    if address and (not addresses or addresses[0].get("ip") != address):
        status["podIPs"] = [{"ip": address}]
    elif addresses and not address:
        status["podIP"] = addresses[0].get("ip", "")


def _pod(pod: Object) -> None:
    spec = pod.setdefault("spec", {})
    containers = (spec.get("containers") or []) + (spec.get("initContainers") or [])
    for container in containers:
        resources = container.get("resources") or {}
        limits = resources.get("limits")
        if limits:
            resources["requests"] = {**limits, **(resources.get("requests") or {})}
    _pod_level_resources(spec)
    if spec.get("hostNetwork"):
        for container in containers:
            for port in container.get("ports") or ():
                if not port.get("hostPort"):
                    port["hostPort"] = port.get("containerPort", 0)


def _pod_level_resources(spec: Object) -> None:
    """Amounts for the whole pod, where some are given: huge pages' limits and all requests follow the containers."""
    resources = spec.get("resources")
    if not resources:
        return
    limits: dict[str, str] = resources.get("limits") or {}
    requests: dict[str, str] = resources.get("requests") or {}
    if limits or requests:
        for name, amount in _aggregated(spec, "limits").items():
            if name.startswith("hugepages-") and name not in limits and name not in requests:
                limits[name] = str(amount)
        if limits:
            resources["limits"] = limits
    if not limits:
        return
    for name, amount in _aggregated(spec, "requests").items():
        if name in ("cpu", "memory"):
            requests.setdefault(name, str(amount))
    for name, text in limits.items():
        if name in ("cpu", "memory") or name.startswith("hugepages-"):
            requests.setdefault(name, text)
    if requests:
        resources["requests"] = requests


def _aggregated(spec: Object, which: str) -> dict[str, Quantity]:
    """What the containers need at once: those that run together summed, each init container at its turn."""
    together: dict[str, Quantity] = {}
    sidecars: dict[str, Quantity] = {}
    starting: dict[str, Quantity] = {}
    for container in spec.get("containers") or ():
        _merge(together, _amounts(container, which), Quantity.__add__)
    for container in spec.get("initContainers") or ():
        amounts = dict(_amounts(container, which))
        if container.get("restartPolicy") == "Always":
            _merge(together, amounts.items(), Quantity.__add__)
            _merge(sidecars, amounts.items(), Quantity.__add__)
            amounts = dict(sidecars)
        else:
            _merge(amounts, sidecars.items(), Quantity.__add__)
        _merge(starting, amounts.items(), max)
    _merge(together, starting.items(), max)
    return together


def _amounts(container: Object, which: str) -> Iterable[tuple[str, Quantity]]:
    found = (container.get("resources") or {}).get(which) or {}
    return [(name, parse(text)) for name, text in found.items()]


def _merge(
    into: dict[str, Quantity],
    amounts: Iterable[tuple[str, Quantity]],
    how: Callable[[Quantity, Quantity], Quantity],
) -> None:
    for name, amount in amounts:
        into[name] = how(into[name], amount) if name in into else amount


CONDITIONAL = {
    "core/v1.Pod": _pod,
    "core/v1.PodSpec": _pod_spec,
    "core/v1.PodStatus": _pod_status,
    "core/v1.Container": _container,
    "core/v1.EphemeralContainerCommon": _container,
    "core/v1.ImageVolumeSource": _image_volume,
    "core/v1.Volume": _volume,
}
