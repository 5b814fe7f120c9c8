"""CONNECT: the streaming subresources (exec, attach, port-forward, proxy) as admission sees them.

The object of such a request is the options of the stream, read from the query; what admission changes in them is
written back there.
"""

from typing import Any
from urllib.parse import parse_qs, urlencode

from ...api.user import ANONYMOUS
from ...base.http.message import Request
from ..registry import Endpoint
from ..request_info import RequestInfo
from .chain import AdmissionChain
from .plugin import AdmissionRequest

Object = dict[str, Any]

_STREAMS = ("stdin", "stdout", "stderr", "tty")
_KINDS = {
    ("pods", "exec"): "PodExecOptions",
    ("pods", "attach"): "PodAttachOptions",
    ("pods", "portforward"): "PodPortForwardOptions",
    ("pods", "proxy"): "PodProxyOptions",
    ("services", "proxy"): "ServiceProxyOptions",
    ("nodes", "proxy"): "NodeProxyOptions",
}


async def admit_connect(chain: AdmissionChain, request: Request, info: RequestInfo, endpoint: Endpoint) -> None:
    """Let the plugins see a stream before it opens. StatusError when one refuses; logs are reads and pass."""
    kind = _KINDS.get((info.resource, info.subresource))
    if kind is None or not chain.concerned("CONNECT", endpoint.info, info.subresource):
        return
    asked = AdmissionRequest(
        operation="CONNECT",
        resource=endpoint.info,
        subresource=info.subresource,
        namespace=info.namespace if endpoint.info.namespaced else "",
        name=info.name,
        object=options(kind, request, info),
        user=request.context.get("user", ANONYMOUS),
        warnings=request.context.setdefault("warnings", []),
    )
    sent = options(kind, request, info)
    await chain.admit(asked)
    await chain.validate(asked)
    if asked.object != sent and asked.object is not None and info.subresource != "proxy":
        request.query = _query(asked.object)


def _query(changed: Object) -> str:
    """The options of a stream as a query."""
    pairs: list[tuple[str, str]] = [(name, "true") for name in _STREAMS if changed.get(name)]
    if changed.get("container"):
        pairs.append(("container", str(changed["container"])))
    pairs += [("command", str(word)) for word in changed.get("command") or ()]
    pairs += [("ports", str(port)) for port in changed.get("ports") or ()]
    return urlencode(pairs)


def options(kind: str, request: Request, info: RequestInfo) -> Object:
    """The options object of a stream."""
    found: Object = {"kind": kind, "apiVersion": "v1"}
    if info.subresource == "proxy":
        return {**found, "path": "/".join(info.parts)}
    query = parse_qs(request.query)
    if info.subresource == "portforward":
        ports = [int(part) for text in query.get("ports", ()) for part in text.split(",") if part.isdigit()]
        return {**found, "ports": ports} if ports else found
    for name in _STREAMS:
        if name in query and query[name][0].lower() in ("1", "t", "true"):
            found[name] = True
    if query.get("container"):
        found["container"] = query["container"][0]
    if info.subresource == "exec":
        found["command"] = query.get("command", [])
    return found
