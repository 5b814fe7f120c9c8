"""`componentstatuses`: whether the parts of the control plane are well, worked out when asked (deprecated since v1.19).

The store is well while its changes come in. The scheduler and the controller manager are well while somebody renews
their lease, which is true however many there are and wherever they run.
"""

from datetime import datetime, timedelta
from typing import Any

import orjson

from ..api.instants import parse_time
from ..api.resource import resource
from ..api.selectors import parse_fields, parse_labels
from ..base.http.message import Response
from .call import Call
from .formats import lists_only
from .negotiation import PARTIAL_LIST, TABLE
from .table import partial_metadata

Object = dict[str, Any]
_LEASES = {"controller-manager": "kube-controller-manager", "scheduler": "kube-scheduler"}
STORE = "etcd-0"


def lease_problem(lease: Object | None, now: datetime) -> str:
    """Why a component that should hold this lease is not well, "" when it is."""
    spec = (lease or {}).get("spec") or {}
    renewed = spec.get("renewTime")
    if not spec.get("holderIdentity") or not renewed:
        return "nobody holds its lease"
    late = now - parse_time(renewed) - timedelta(seconds=spec.get("leaseDurationSeconds") or 0)
    return f"its lease ended {late.total_seconds():.0f} s ago" if late > timedelta() else ""


def component_status(name: str, problem: str) -> Object:
    """One ComponentStatus."""
    condition = {"type": "Healthy", "status": "False" if problem else "True", "message": problem or "ok"}
    metadata = {"name": name}
    return {"kind": "ComponentStatus", "apiVersion": "v1", "metadata": metadata, "conditions": [condition]}


def _all(call: Call) -> list[Object]:
    leases = resource("leases", "coordination.k8s.io")
    now = call.registry.clock.now()
    found = {name: lease_problem(call.cache.get(leases, "kube-system", lease), now) for name, lease in _LEASES.items()}
    found[STORE] = "" if call.cache.following else "the store does not answer"
    return [component_status(name, problem) for name, problem in sorted(found.items())]


async def read(call: Call) -> Response:
    """GET of one or of all. StatusError 404."""
    statuses = _all(call)
    if call.info.verb == "get":
        for found in statuses:
            if found["metadata"]["name"] == call.name:
                return call.respond(orjson.dumps(found))
        raise call.not_found()
    labels = parse_labels(call.params.get("labelSelector", ""))
    terms = parse_fields(call.params.get("fieldSelector", "")).requirements
    chosen = [
        found
        for found in statuses
        if labels.matches({}) and all((found["metadata"]["name"] == term.value) is term.equal for term in terms)
    ]
    want = call.representation()
    lists_only(want, call.served)
    if want.form == TABLE:
        table = call.endpoint.formats.table(want, call.params.get("includeObject", ""))
        return call.respond_raw(table.table(chosen, {"resourceVersion": ""}), want=want)
    if want.form:
        cut = [partial_metadata(one, want.meta) for one in chosen]
        found = {"kind": PARTIAL_LIST, "apiVersion": want.meta, "metadata": {}, "items": cut}
    else:
        found = {"kind": "ComponentStatusList", "apiVersion": "v1", "metadata": {}, "items": chosen}
    return call.respond_raw(orjson.dumps(found), want=want)
