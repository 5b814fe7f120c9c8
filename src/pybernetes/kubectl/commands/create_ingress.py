"""`kubectl create ingress`: rules such as `foo.com/bar*=svc:8080,tls=secret`."""

from __future__ import annotations

from ..errors import CommandError
from ..objects.generated import GENERATOR, finish, metadata, name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

FLAGS = f"annotation=[+] class='' default-backend='' rule=[+] {GENERATOR}"


def run(session: Session) -> int:
    flags = session.flags
    name = name_of(session)
    rules, default = flags.many("rule"), flags.text("default-backend")
    if not rules and not default:
        raise CommandError(
            "not enough information provided: every ingress has to either specify a default-backend (which catches all "
            "traffic) or a list of rules (which catch specific paths)"
        )
    spec: dict[str, Any] = {}
    if flags.text("class"):
        spec["ingressClassName"] = flags.text("class")
    tls, hosts = _rules(rules)
    annotations = _annotations(flags.many("annotation"))
    if default:
        spec["defaultBackend"] = _default(default)
    if tls:
        spec["tls"] = tls
    if hosts:
        spec["rules"] = hosts
    meta = metadata(session, name, annotations=annotations)
    status: dict[str, Any] = {"loadBalancer": {}}
    obj = {"kind": "Ingress", "apiVersion": "networking.k8s.io/v1", "metadata": meta, "spec": spec, "status": status}
    finish(session, obj)
    return 0


def _annotations(texts: list[str]) -> dict[str, str]:
    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise CommandError(f"annotation {text} is invalid and should be in format key=[value]")
        found[key] = value
    return found


def _default(text: str) -> dict[str, Any]:
    if text.count(":") != 1:
        raise CommandError("default-backend should be in format servicename:serviceport")
    service, _, port = text.partition(":")
    return _service(service, port)


def _service(name: str, port: str) -> dict[str, Any]:
    """A number of 0 and an empty name are left out."""
    shown: dict[str, Any] = ({"number": int(port)} if int(port) else {}) if port.isdigit() else {"name": port}
    return {"service": {"name": name, "port": shown if port else {}}}


_RULE = r"([\w*.-]*)(/.*)=([\w-]+):([\w-]+)"
"""Host, path, service and port at the start of a rule; what follows may say `,tls`."""


def _rules(texts: list[str]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What `tls` and `rules` say, in the order given; a host is in one entry of `tls`."""
    import re

    tls: list[dict[str, Any]] = []
    secured: set[str] = set()
    hosts: dict[str, list[dict[str, Any]]] = {}
    for text in texts:
        match = re.match(_RULE, text)
        if not match:
            raise CommandError(
                f"rule {text} is invalid and should be in format host/path=svcname:svcport[,tls[=secret]]"
            )
        host, path, service, port = match.groups()
        kind = "Exact"
        if path.endswith("*"):
            path, kind = path[:-1], "Prefix"
        hosts.setdefault(host, []).append({"path": path, "pathType": kind, "backend": _service(service, port)})
        options = text.split(",")
        if len(options) == 2 and host not in secured:
            secured.add(host)
            _secure(tls, host, [*options[1].split("="), ""][1])
    shown = [
        {"host": host, "http": {"paths": paths}} if host else {"http": {"paths": paths}}
        for host, paths in hosts.items()
    ]
    return tls, shown


def _secure(tls: list[dict[str, Any]], host: str, secret: str) -> None:
    for entry in tls:
        if entry.get("secretName", "") == secret:
            entry.setdefault("hosts", []).append(host)
            return
    entry = ({"hosts": [host]} if host else {}) | ({"secretName": secret} if secret else {})
    if entry:
        tls.append(entry)
