"""`kubectl expose`: a Service for the pods behind something."""

from __future__ import annotations

from ..apply.merge_keys import type_of
from ..errors import CommandError, StatusFailure, quoted
from ..flags import DRY_RUN, FILES, PRINT
from ..objects.builder import collect
from ..objects.generated import finish
from ..objects.mutation import operation_printer
from ..objects.selectors import pairs
from ..objects.struct_order import typed
from ..output.go_json import compact
from ..wire.json_read import JsonError, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..objects.item import Item
    from ..session import Session

FLAGS = (
    "cluster-ip='' external-ip='' field-manager='kubectl-expose' -l,labels='' load-balancer-ip='' name='' "
    "override-type='merge' overrides='' port='' protocol='' save-config=false selector='' session-affinity='' "
    f"target-port='' type='' {DRY_RUN}{FILES}{PRINT}"
)
_EXPOSABLE = {
    ("", "ReplicationController"),
    ("", "Service"),
    ("", "Pod"),
    ("apps", "Deployment"),
    ("apps", "ReplicaSet"),
}


def run(session: Session) -> int:
    operation_printer(session, "exposed")
    found = collect(session)
    overrides = session.flags.text("overrides")
    for item in found.each():
        try:
            service = _service(session, item)
            if overrides:
                service = overridden(session, service, overrides)
            finish(session, service, "exposed")
        except (CommandError, StatusFailure) as error:
            found.errors.append(error)
    found.raise_errors()
    return 0


def overridden(session: Session, obj: dict[str, Any], text: str) -> dict[str, Any]:
    """`--overrides` of the kind `--override-type`."""
    from .patch import patched

    kind = session.flags.text("override-type")
    if kind not in ("json", "merge", "strategic"):
        raise CommandError(f"invalid override type: {kind}")
    why = {"merge": "Invalid JSON Patch", "strategic": "invalid JSON document"}
    try:
        patch = loads(text)
    except JsonError as error:
        raise CommandError(why.get(kind, str(error))) from None
    if kind == "merge" and isinstance(patch, list):
        raise CommandError(
            "couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type struct "
            '{ APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
        )
    if kind != "json" and not isinstance(patch, dict):
        raise CommandError(why[kind])
    return _decoded(patched(obj, kind, patch))


def _decoded(obj: dict[str, Any]) -> dict[str, Any]:
    """What a typed client makes of an object. CommandError for a kind it has not, or a value of another type."""
    from pybernetes.api.schema.table import type_of as schema_of

    from ..objects.decoded import wrong_value

    api_version, kind = obj.get("apiVersion") or "", obj.get("kind")
    if not kind:
        raise CommandError(f"Object 'Kind' is missing in '{compact(obj, ordered=True)}'")
    name = schema_of(str(api_version), str(kind))
    found = typed(obj)
    if name is None or found is None:
        shown = f"no kind {quoted(kind)} is registered for version {quoted(api_version)}"
        raise CommandError(f'{shown} in scheme "pkg/scheme/scheme.go:28"')
    if wrong := wrong_value(name, obj):
        raise CommandError(wrong)
    return found


def _service(session: Session, item: Item) -> dict[str, Any]:
    flags = session.flags
    resource = item.resource
    if (resource.group, resource.kind) not in _EXPOSABLE:
        if not type_of(resource.api_version, resource.kind):
            raise CommandError(
                f"no kind {quoted(resource.kind)} is registered for version {quoted(resource.api_version)} in scheme "
                '"pkg/scheme/scheme.go:28"'
            )
        raise CommandError(f"cannot expose a {resource.kind}.{resource.group}".rstrip("."))
    selector = _selector(session, item)
    ports = _ports(session, item)
    labels = pairs(flags.text("labels")) if flags.text("labels") else (item.obj["metadata"].get("labels") or {})
    meta: dict[str, Any] = {"name": flags.text("name") or item.name[:63]}
    if session.target.namespace_given:
        meta["namespace"] = item.namespace
    meta["creationTimestamp"] = None
    if labels:
        meta["labels"] = labels
    spec: dict[str, Any] = {"ports": ports, "selector": selector}
    if flags.text("cluster-ip"):
        spec["clusterIP"] = "None" if flags.text("cluster-ip") == "None" else flags.text("cluster-ip")
    if flags.text("type"):
        spec["type"] = flags.text("type")
    if flags.text("external-ip"):
        spec["externalIPs"] = [flags.text("external-ip")]
    if flags.text("session-affinity"):
        if flags.text("session-affinity") not in ("ClientIP", "None"):
            raise CommandError(f"unknown session affinity: {flags.text('session-affinity')}")
        spec["sessionAffinity"] = flags.text("session-affinity")
    if flags.text("load-balancer-ip") and flags.text("type") == "LoadBalancer":
        spec["loadBalancerIP"] = flags.text("load-balancer-ip")
    status: dict[str, Any] = {"loadBalancer": {}}
    return {"kind": "Service", "apiVersion": "v1", "metadata": meta, "spec": spec, "status": status}


def _selector(session: Session, item: Item) -> dict[str, str]:
    given = session.flags.text("selector")
    if given:
        return pairs(given)
    kind, obj = item.resource.kind, item.obj
    if kind == "Pod":
        labels: dict[str, str] = obj["metadata"].get("labels") or {}
        if not labels:
            raise CommandError(
                "couldn't retrieve selectors via --selector flag or introspection: the pod has "
                "no labels and cannot be exposed"
            )
        return labels
    selector = (obj.get("spec") or {}).get("selector") or {}
    if kind in ("Deployment", "ReplicaSet"):
        if selector.get("matchExpressions"):
            raise CommandError(
                "couldn't retrieve selectors via --selector flag or introspection: couldn't convert expressions - "
                f'"{selector["matchExpressions"]}" to map-based selector format'
            )
        found: dict[str, str] = selector.get("matchLabels") or {}
        return found
    if not selector:
        raise CommandError(
            "couldn't retrieve selectors via --selector flag or introspection: the "
            f"{kind.lower()} has no pod selector set"
        )
    plain: dict[str, str] = selector
    return plain


def _ports(session: Session, item: Item) -> list[dict[str, Any]]:
    flags = session.flags
    known = _known_ports(item)
    wanted = flags.text("port")
    if wanted:
        numbers = wanted.split(",")
    else:
        if not known:
            raise CommandError("couldn't find port via --port flag or introspection")
        numbers = [str(number) for number, _, _ in known]
    protocols = {number: protocol for number, protocol, _ in known}
    ports: list[dict[str, Any]] = []
    for position, number in enumerate(numbers):
        if not number.removeprefix("-").isdigit():
            raise CommandError(f'strconv.Atoi: parsing "{number}": invalid syntax')
        port: dict[str, Any] = {}
        if len(numbers) > 1:
            port["name"] = f"port-{position + 1}"
        port["protocol"] = flags.text("protocol") or protocols.get(int(number)) or "TCP"
        port["port"] = int(number)
        target = flags.text("target-port")
        port["targetPort"] = (int(target) if target.isdigit() else target) if target else int(number)
        ports.append(port)
    return ports


def _known_ports(item: Item) -> list[tuple[int, str, str]]:
    spec = item.obj.get("spec") or {}
    if item.resource.kind == "Service":
        return [(port["port"], port.get("protocol", "TCP"), port.get("name", "")) for port in spec.get("ports") or ()]
    pod = spec if item.resource.kind == "Pod" else (spec.get("template") or {}).get("spec") or {}
    return [
        (port["containerPort"], port.get("protocol", "TCP"), port.get("name", ""))
        for container in pod.get("containers") or ()
        for port in container.get("ports") or ()
    ]
