"""The three metrics APIs: resource (metrics.k8s.io), custom (custom.metrics.k8s.io) and external.

They are ordinary aggregated APIs, read with the autoscaler's own client; values come back in thousandths. MetricsError
says, in upstream's words, what could not be had. Of custom.metrics.k8s.io the newer version is asked, and the older one
where there is no newer.
"""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from ...api.duration import parse_nanoseconds
from ...api.instants import parse_time
from ...api.quantity import parse
from ...api.resource import ResourceInfo
from ...api.status import StatusError
from ...client.client import Client, error_of, read_body
from .replicas import MetricsError, Usage

RESOURCE, EXTERNAL = "metrics.k8s.io/v1beta1", "external.metrics.k8s.io/v1beta1"
CUSTOM = ("custom.metrics.k8s.io/v1beta2", "custom.metrics.k8s.io/v1beta1")
NOT_SERVED = "the server could not find the requested resource"
NOT_AVAILABLE = "the server is currently unable to handle the request"
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Metrics:
    """Reads metrics as one client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def resource(self, resource: str, namespace: str, selector: str, container: str = "") -> dict[str, Usage]:
        """What each pod (or one container of each) uses of a resource."""
        path = f"/apis/{RESOURCE}/namespaces/{namespace}/pods"
        try:
            items = await self._items(path, "pods.metrics.k8s.io", labelSelector=selector)
        except (StatusError, OSError) as error:
            raise MetricsError(f"unable to fetch metrics from resource metrics API: {error}") from error
        if not items:
            raise MetricsError("no metrics returned from resource metrics API")
        found: dict[str, Usage] = {}
        for item in items:
            containers = [one for one in item.get("containers") or () if container in ("", one.get("name"))]
            name = item["metadata"]["name"]
            if container and not containers:
                where = f"container {container} not present in metrics for pod {namespace}/{name}"
                raise MetricsError(f"failed to get container metrics: {where}")
            amounts = [(one.get("usage") or {}).get(resource) for one in containers]
            if amounts and None not in amounts:
                found[name] = _usage(sum(parse(str(amount)).milli() for amount in amounts), item, "window")
        return found

    async def of_pods(self, metric: str, namespace: str, selector: str, metric_selector: str) -> dict[str, Usage]:
        """A custom metric of each pod."""
        path = f"namespaces/{namespace}/pods/*/{quote(metric)}"
        what = "pods.custom.metrics.k8s.io *"
        items = await self._custom(path, what, labelSelector=selector, metricLabelSelector=metric_selector)
        if not items:
            raise MetricsError("no metrics returned from custom metrics API")
        return {
            item["describedObject"]["name"]: _usage(
                parse(str(item["value"])).milli(), item, "windowSeconds" if "windowSeconds" in item else "window"
            )
            for item in items
        }

    async def of_object(
        self, metric: str, namespace: str, resource: ResourceInfo, name: str, metric_selector: str
    ) -> int:
        """A custom metric of one object, in milli."""
        where = f"namespaces/{namespace}/{resource.group_resource}/{quote(name)}"
        if not resource.namespaced:
            where = f"{resource.group_resource}/{quote(name)}"
        if resource.group_resource == "namespaces":
            where = f"namespaces/{quote(name)}/metrics"
        what = f"{resource.group_resource}.custom.metrics.k8s.io {name}"
        items = await self._custom(f"{where}/{quote(metric)}", what, metricLabelSelector=metric_selector)
        if not items:
            raise MetricsError("no metrics returned from custom metrics API")
        return parse(str(items[0]["value"])).milli()

    async def external(self, metric: str, namespace: str, selector: str) -> list[int]:
        """The values of an external metric, in milli."""
        path = f"/apis/{EXTERNAL}/namespaces/{namespace}/{quote(metric)}"
        try:
            items = await self._items(path, f"{metric}.external.metrics.k8s.io", labelSelector=selector)
        except (StatusError, OSError) as error:
            raise MetricsError(f"unable to fetch metrics from external metrics API: {error}") from error
        if not items:
            raise MetricsError("no metrics returned from external metrics API")
        return [parse(str(item["value"])).milli() for item in items]

    async def _custom(self, path: str, what: str, **query: str) -> list[dict[str, Any]]:
        text = "no custom metrics API (custom.metrics.k8s.io) registered"
        for version in CUSTOM:
            try:
                return await self._items(f"/apis/{version}/{path}", what, **query)
            except (StatusError, OSError) as error:
                if not str(error).startswith(NOT_SERVED):
                    text = str(error)
                    break
        raise MetricsError(f"unable to fetch metrics from custom metrics API: {text}")

    async def _items(self, path: str, what: str, **query: str) -> list[dict[str, Any]]:
        """The items of a list. `what` is how Go clients call what is asked for where a server says nothing of it."""
        text = urlencode({key: value for key, value in query.items() if value})
        try:
            response = await self._client.request("GET", path, query=text)
            data = await read_body(response)
            if response.status != 200:
                raise error_of(response.status, data)
        except StatusError as error:
            generic = NOT_AVAILABLE if error.code == 503 and not error.details else error.message
            if generic in (NOT_SERVED, NOT_AVAILABLE):
                raise StatusError(error.code, error.reason, f"{generic} (get {what})") from error
            raise
        items: list[dict[str, Any]] = _decode(data).get("items") or []
        return items


def _usage(milli: int, item: dict[str, Any], window: str) -> Usage:
    return Usage(milli, _instant(item.get("timestamp")), _window(item.get(window)))


def _instant(text: str | None) -> datetime | None:
    return parse_time(text) if text else None


def _window(value: str | int | None) -> timedelta:
    """A window as metrics.k8s.io (a duration) or custom.metrics.k8s.io (seconds) write it; a minute by default."""
    if isinstance(value, int):
        return timedelta(seconds=value)
    return timedelta(microseconds=parse_nanoseconds(value) / 1000) if value else timedelta(seconds=60)
