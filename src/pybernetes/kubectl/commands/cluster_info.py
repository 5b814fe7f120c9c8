"""`kubectl cluster-info`: where the control plane and its labelled services are."""

from __future__ import annotations

import os

from ..client import query_of
from ..discovery import unread
from ..errors import CommandError, StatusFailure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..session import Session

FLAGS = {"cluster-info": ""}
_MORE = ("", "To further debug and diagnose cluster problems, use 'kubectl cluster-info dump'.")


def run(session: Session) -> int:
    selector = query_of((("labelSelector", "kubernetes.io/cluster-service=true"),))
    namespace = session.namespace if session.target.namespace_given else "kube-system"
    try:
        services = session.mapper.resource("services").path(namespace)
        found = session.client.object("GET", services + selector).get("items") or []
    except (CommandError, StatusFailure) as error:
        session.print(*_MORE)
        raise unread(error) if isinstance(error, StatusFailure) and error.code in (401, 403) else error from None
    server = session.target.server
    _line(session, "Kubernetes control plane", server)
    for service in found:
        _line(session, _name(service), _link(service, server))
    session.print(*_MORE)
    return 0


def _name(service: dict[str, dict[str, dict[str, str]]]) -> str:
    labels = service["metadata"].get("labels") or {}
    return labels.get("kubernetes.io/name") or str(service["metadata"]["name"])


def _link(service: dict[str, dict[str, object]], server: str) -> str:
    metadata, spec = service["metadata"], service.get("spec") or {}
    ingress = (service.get("status") or {}).get("loadBalancer") or {}
    points = ingress.get("ingress") if isinstance(ingress, dict) else None
    ports = spec.get("ports")
    ports = ports if isinstance(ports, list) else []
    if points:
        host = points[0].get("ip") or points[0].get("hostname")
        return " ".join(f"http://{host}:{port['port']}" for port in ports)
    name = str(metadata["name"])
    if ports:
        port = ports[0]
        scheme = "https:" if port.get("name") == "https" or port.get("port") == 443 else ""
        name = f"{scheme}{name}:{port.get('name') or ''}" if port.get("name") or scheme else name
    return f"{server}/api/v1/namespaces/{metadata['namespace']}/services/{name}/proxy"


def _line(session: Session, name: str, link: str) -> None:
    if session.out.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        session.print(f"\x1b[0;32m{name}\x1b[0m is running at \x1b[0;33m{link}\x1b[0m")
    else:
        session.print(f"{name} is running at {link}")
