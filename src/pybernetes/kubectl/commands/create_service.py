"""`kubectl create service clusterip|nodeport|loadbalancer|externalname`."""

from __future__ import annotations

from ..errors import CommandError
from ..objects.generated import GENERATOR, finish, metadata, name_of, require

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

FLAGS = {
    "create service clusterip": f"clusterip='' tcp=[] {GENERATOR}",
    "create service nodeport": f"node-port=0 tcp=[] {GENERATOR}",
    "create service loadbalancer": f"tcp=[] {GENERATOR}",
    "create service externalname": f"external-name='' tcp=[] {GENERATOR}",
}
_TYPES = {
    "clusterip": "ClusterIP",
    "nodeport": "NodePort",
    "loadbalancer": "LoadBalancer",
    "externalname": "ExternalName",
}


def run(session: Session) -> int:
    flags = session.flags
    kind = session.command.rpartition(" ")[2]
    if kind == "externalname":
        require(session, "external-name")
    name = name_of(session)
    headless = flags.text("clusterip") == "None"
    tcp = flags.many("tcp")
    if not tcp and not headless and kind != "externalname":
        raise CommandError("at least one tcp port specifier must be provided")
    ports = [_port(text, flags.number("node-port") if kind == "nodeport" else 0) for text in tcp]
    spec: dict[str, Any] = {"ports": ports} if ports else {}
    spec["selector"] = {"app": name}
    if flags.text("clusterip"):
        spec["clusterIP"] = flags.text("clusterip")
    spec["type"] = _TYPES[kind]
    if kind == "externalname":
        spec["externalName"] = flags.text("external-name")
    meta = metadata(session, name, labels={"app": name})
    status: dict[str, Any] = {"loadBalancer": {}}
    finish(session, {"kind": "Service", "apiVersion": "v1", "metadata": meta, "spec": spec, "status": status})
    return 0


def _port(text: str, node_port: int) -> dict[str, Any]:
    port, colon, target = text.partition(":")
    found: dict[str, Any] = {"name": text.replace(":", "-"), "protocol": "TCP", "port": _number(port)}
    found["targetPort"] = (_number(target) if target.isdigit() else target) if colon else found["port"]
    if node_port:
        found["nodePort"] = node_port
    return found


def _number(text: str) -> int:
    if not text.isdigit():
        raise CommandError(f'strconv.ParseUint: parsing "{text}": invalid syntax')
    if not 0 < int(text) < 65536:
        raise CommandError("invalid port number")
    return int(text)
