"""GET of metrics.k8s.io: which nodes or pods are meant, what is known of them, in the form the client wants.

    nodes[/NAME]                         from the node informer
    [namespaces/NS/]pods[/NAME]          from the API server's cache, metadata only, selected there

Pods are asked for with each request rather than followed: an informer would hold every pod of the cluster for questions
that mostly concern a few. Of what nothing is known yet, or no longer, a list says nothing and a GET 404.
"""

from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import orjson

from ..api import status
from ..api.core import Node
from ..api.resource import ResourceInfo, resource
from ..api.selectors import Fields, Labels, parse_fields, parse_labels
from ..apiserver.call import no_such_path, not_allowed
from ..apiserver.formats import to_protobuf
from ..apiserver.negotiation import JSON, PROTOBUF, YAML, indented, render_yaml, representation
from ..apiserver.request_info import RequestInfo
from ..base.clock import Clock
from ..base.http.message import Request, Response
from ..client.client import Client, error_of, read_body
from ..client.informer import Informer
from ..client.view import METADATA_LIST_ONLY, METADATA_ONLY
from .collector import Collector
from .objects import Object, metrics_list, node_metrics, partial, pod_metrics, table
from .resources import GROUP, NODES, PODS, RESOURCES, VERSION

_FIELDS = ("metadata.name", "metadata.namespace")
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Endpoints:
    """Answers requests for resources; the rest is another's."""

    def __init__(self, client: Client, nodes: Informer[Node], collector: Collector, clock: Clock) -> None:
        self._client = client
        self._nodes = nodes
        self._collector = collector
        self._clock = clock

    async def __call__(self, request: Request) -> Response:
        """See the module docstring. StatusError."""
        info: RequestInfo = request.context["info"]
        served = RESOURCES.get(info.resource)
        if served is None or (info.group, info.version) != (GROUP, VERSION) or info.subresource:
            raise no_such_path()
        if info.verb == "watch":
            raise status.method_not_supported(GROUP, served.plural, "watch")
        if info.verb not in served.verbs:
            raise not_allowed()
        if served.namespaced is False and info.namespace:
            raise no_such_path()
        await self._collector.asked()
        if info.verb == "get":
            if served.namespaced and not info.namespace:
                raise no_such_path()
            found = await (self._node(info.name) if served is NODES else self._pod(info.namespace, info.name))
            return _answer(request, served, [found], single=True)
        return _answer(request, served, await self._list(request, served, info.namespace), single=False)

    # One

    async def _node(self, name: str) -> Object:
        node = self._nodes.get(name)
        if node is None:
            raise status.not_found("", "node", name)
        found = self._metrics_of_node(node)
        if found is None:
            raise status.not_found(GROUP, "nodemetrics", name)
        return found

    async def _pod(self, namespace: str, name: str) -> Object:
        path = resource("pods").path(namespace, quote(name))
        metadata = (await self._ask(path, "resourceVersion=0", METADATA_ONLY))["metadata"]
        found = self._metrics_of_pod(metadata)
        if found is None:
            raise status.not_found(GROUP, "podmetrics", f"{namespace}/{name}")
        return found

    # Many

    async def _list(self, request: Request, served: ResourceInfo, namespace: str) -> list[Object]:
        params = request.params() if request.query else {}
        label_text, field_text = params.get("labelSelector", ""), params.get("fieldSelector", "")
        labels, fields = parse_labels(label_text), _parsed_fields(field_text)
        if served is PODS:
            query = {"resourceVersion": "0", "labelSelector": label_text, "fieldSelector": field_text}
            text = urlencode({key: value for key, value in query.items() if value})
            answer = await self._ask(resource("pods").path(namespace), text, METADATA_LIST_ONLY)
            every = [self._metrics_of_pod(item["metadata"]) for item in answer.get("items") or ()]
        else:
            every = [self._metrics_of_node(node) for node in self._nodes.list() if _is_meant(node, labels, fields)]
        found = [item for item in every if item is not None]
        return sorted(found, key=lambda item: (item["metadata"].get("namespace", ""), item["metadata"]["name"]))

    async def _ask(self, path: str, query: str, accept: str) -> Object:
        response = await self._client.request("GET", path, query=query, headers=[("accept", accept)])
        data = await read_body(response)
        if response.status != 200:
            raise error_of(response.status, data)
        return _decode(data)

    # What is known

    def _metrics_of_node(self, node: Node) -> Object | None:
        name = node.metadata.name or ""
        usage = self._collector.points.node(name)
        if usage is None:
            return None
        return node_metrics(NODES, {"name": name, "labels": node.metadata.labels}, usage, self._clock.now())

    def _metrics_of_pod(self, metadata: Object) -> Object | None:
        usage = self._collector.points.pod((metadata["namespace"], metadata["name"]))
        return pod_metrics(PODS, metadata, usage, self._clock.now()) if usage is not None else None


def _parsed_fields(text: str) -> Fields:
    fields = parse_fields(text)
    for requirement in fields.requirements:
        if requirement.label not in _FIELDS:
            words = f'"{requirement.label}" is not a known field selector: only "metadata.name", "metadata.namespace"'
            raise status.bad_request(words)
    return fields


def _is_meant(node: Node, labels: Labels, fields: Fields) -> bool:
    name = {"metadata.name": node.metadata.name or "", "metadata.namespace": ""}
    return labels.matches(node.metadata.labels or {}) and fields.matches(name)


def _answer(request: Request, served: ResourceInfo, items: list[Object], *, single: bool) -> Response:
    """Objects as JSON, YAML, protobuf, a table, or cut to their metadata."""
    want = representation(request, protobuf=True)
    params = request.params() if request.query else {}
    if want.form == "Table":
        include = params.get("includeObject") or "Metadata"
        if include not in ("None", "Metadata", "Object"):
            raise status.bad_request(f'includeObject: Invalid value: "{include}": must be Metadata, Object or None')
        body = table(items, include)
    elif want.form:
        cut = [partial(item) for item in items]
        body = cut[0] if single else {**_partial_list(), "items": cut}
    else:
        body = items[0] if single else metrics_list(served, [_in_list(item) for item in items])
    data = orjson.dumps(body)
    if want.media == PROTOBUF:
        return Response(200, [("content-type", PROTOBUF)], to_protobuf(data))
    if want.media == YAML:
        return Response(200, [("content-type", YAML)], render_yaml(data))
    return Response(200, [("content-type", JSON)], indented(data) if want.pretty else data)


def _in_list(item: Object) -> Object:
    """Items of a list do not say their kind."""
    return {key: value for key, value in item.items() if key not in ("kind", "apiVersion")}


def _partial_list() -> Object:
    return {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": {}}
