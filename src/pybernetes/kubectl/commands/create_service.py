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
    if kind == "externalname" and not _is_subdomain(flags.text("external-name")):
        raise CommandError(f"invalid service external name {flags.text('external-name')}")
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


def _is_subdomain(text: str) -> bool:
    import re

    label = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
    return len(text) <= 253 and bool(re.fullmatch(rf"{label}(\.{label})*", text, re.ASCII))


def _port(text: str, node_port: int) -> dict[str, Any]:
    port, *targets = text.split(":")
    found: dict[str, Any] = {"name": text.replace(":", "-"), "protocol": "TCP", "port": _number(port)}
    found["targetPort"] = _target(targets[0]) if targets else found["port"]
    if node_port:
        found["nodePort"] = node_port
    return found


def _number(text: str) -> int:
    if not text.isdigit():
        raise CommandError(f'strconv.ParseUint: parsing "{text}": invalid syntax')
    if int(text) > 65535:
        raise CommandError(f'strconv.ParseUint: parsing "{text}": value out of range')
    return int(text)


def _target(text: str) -> int | str:
    """A port's number or name. CommandError with all that is wrong with it."""
    if text.lstrip("+-").isdigit():
        if not 0 < int(text) < 65536:
            raise CommandError("must be between 1 and 65535, inclusive")
        return int(text)
    lower, digits = "abcdefghijklmnopqrstuvwxyz", "0123456789"
    wrong = [
        (len(text) > 15, "must be no more than 15 characters"),
        (
            not text or text.strip(lower + digits + "-"),
            "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
        ),
        (not any(letter in lower for letter in text), "must contain at least one letter (a-z)"),
        ("--" in text, "must not contain consecutive hyphens"),
        (text != text.strip("-"), "must not begin or end with a hyphen"),
    ]
    found = [words for is_so, words in wrong if is_so]
    if found:
        raise CommandError(",".join(found))
    return text
