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
    if default:
        spec["defaultBackend"] = _backend(default, f"default backend doesn't match regex: {default}")
    tls, hosts = _rules(rules)
    if tls:
        spec["tls"] = tls
    if hosts:
        spec["rules"] = hosts
    annotations = {}
    for text in flags.many("annotation"):
        key, _, value = text.partition("=")
        annotations[key] = value
    meta = metadata(session, name, annotations=annotations)
    status: dict[str, Any] = {"loadBalancer": {}}
    obj = {"kind": "Ingress", "apiVersion": "networking.k8s.io/v1", "metadata": meta, "spec": spec, "status": status}
    finish(session, obj)
    return 0


def _backend(text: str, wrong: str) -> dict[str, Any]:
    service, colon, port = text.partition(":")
    if not service or not colon or not port:
        raise CommandError(wrong)
    return {"service": {"name": service, "port": {"number": int(port)} if port.isdigit() else {"name": port}}}


def _rules(texts: list[str]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    tls: dict[str, list[str]] = {}
    hosts: dict[str, list[dict[str, Any]]] = {}
    for text in texts:
        wrong = f"rule {text} is invalid and should be in format host/path=svcname:svcport[,tls[=secret]]"
        where, equals, rest = text.partition("=")
        if not equals:
            raise CommandError(wrong)
        backend, *options = rest.split(",")
        host, _, path = where.partition("/")
        path = "/" + path
        kind = "Exact"
        if path.endswith("*"):
            path, kind = path[:-1], "Prefix"
        hosts.setdefault(host, []).append({"path": path, "pathType": kind, "backend": _backend(backend, wrong)})
        for option in options:
            key, _, secret = option.partition("=")
            if key == "tls":
                known = tls.setdefault(secret, [])
                if host and host not in known:
                    known.append(host)
    shown_tls = []
    for secret in sorted(tls):
        entry: dict[str, Any] = {"hosts": tls[secret]} if tls[secret] else {}
        if not entry and not secret:
            continue
        shown_tls.append({**entry, "secretName": secret} if secret else entry)
    shown = [
        {"host": host, "http": {"paths": paths}} if host else {"http": {"paths": paths}}
        for host, paths in hosts.items()
    ]
    return shown_tls, shown
