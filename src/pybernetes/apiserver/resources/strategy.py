"""How one kind deviates from the generic way: the contract, and the defaults most kinds keep.

The order of a create is: decode, schema, defaults, mutating admission, `prepare_create`, metadata rules,
`validate_create`, validating admission, `begin_create`, store. An update goes the same way with the `_update` twins and
the old object at hand. All work on dicts in wire form, in the storage version; `new` is private and may be changed,
`old` must not be: it is what the readers of the cache share.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from ...api.feature_gates import known_gates
from ...api.field import FieldError
from ...api.managed_fields.field_set import MEMBER, FieldSet
from ...api.resource import ResourceInfo
from ...api.schema.decoding import zero_value
from ...api.schema.table import fields
from ...api.user import UserInfo
from ...api.validation import validation_of
from ...api.validation.features import judged_by
from ...api.warnings import advice_of
from ..kind_schema import BuiltinKind, KindSchema
from ..reader import ObjectReader

Object = dict[str, Any]

Finish = Callable[[bool], Awaitable[None]]
"""Ends what `begin_create` or `begin_update` began; told whether the object was stored."""

_NAME_RULES = {
    "namespaces": "label",
    "statefulsets.apps": "label",
    "roles.rbac.authorization.k8s.io": "path_segment",
    "clusterroles.rbac.authorization.k8s.io": "path_segment",
    "rolebindings.rbac.authorization.k8s.io": "path_segment",
    "clusterrolebindings.rbac.authorization.k8s.io": "path_segment",
    "apiservices.apiregistration.k8s.io": "path_segment",
    "certificatesigningrequests.certificates.k8s.io": "anything",
    "ipaddresses.networking.k8s.io": "ip_address",
    "leasecandidates.coordination.k8s.io": "config_key",
    "storageversions.internal.apiserver.k8s.io": "storage_version",
}
"""How names of a kind are checked when not as subdomains: roles are called `system:node`, services of the API `v1.`."""
_KEEPS_STATUS_ON_CREATE = frozenset({"nodes"})
_WITHOUT_GENERATION = frozenset(
    {
        "namespaces",
        "nodes",
        "services",
        "persistentvolumes",
        "persistentvolumeclaims",
        "resourcequotas",
        "limitranges",
        "certificatesigningrequests.certificates.k8s.io",
        "volumeattachments.storage.k8s.io",
        "csinodes.storage.k8s.io",
        "csidrivers.storage.k8s.io",
        "leases.coordination.k8s.io",
        "horizontalpodautoscalers.autoscaling",
        "servicecidrs.networking.k8s.io",
        "ipaddresses.networking.k8s.io",
        "ingressclasses.networking.k8s.io",
        "resourceclaims.resource.k8s.io",
        "apiservices.apiregistration.k8s.io",
        "runtimeclasses.node.k8s.io",
    }
)
_WITH_GENERATION = frozenset(
    {
        "priorityclasses.scheduling.k8s.io",
        "mutatingwebhookconfigurations.admissionregistration.k8s.io",
        "validatingwebhookconfigurations.admissionregistration.k8s.io",
        "mutatingadmissionpolicies.admissionregistration.k8s.io",
        "mutatingadmissionpolicybindings.admissionregistration.k8s.io",
        "validatingadmissionpolicybindings.admissionregistration.k8s.io",
    }
)


def instant(moment: datetime) -> str:
    """A meta/v1 Time of an aware moment in UTC. A write asks for two of the same second, which is remembered."""
    return _second(int(moment.timestamp()))


@lru_cache(4)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19] + "Z"


class Write(msgspec.Struct, kw_only=True):
    """One write request: who, how, and the warnings it has gathered. `options` are its wire-form options."""

    user: UserInfo
    dry_run: bool = False
    field_manager: str = ""
    field_validation: str = "Warn"
    subresource: str = ""
    is_patch: bool = False
    """A patch or an apply."""
    options: Object = {}
    warnings: list[str] = []
    served: ResourceInfo | None = None
    """The version the client speaks."""
    may_create: Callable[[], Awaitable[None]] | None = None
    """Asked before an update or apply creates what is missing; raises StatusError 403."""
    kind: KindSchema | None = None
    """How objects of that version are made sound, when not by the type table."""
    told: bytes | None = None
    """The digest of the object's spec as it was sent, where specs repeat."""

    def schema_for(self, api_version: str, kind: str) -> KindSchema:
        """The schema of the request's own kind, or of another (a Scale)."""
        served = self.served
        if self.kind is not None and served is not None and (served.group_version, served.kind) == (api_version, kind):
            return self.kind
        return BuiltinKind(api_version, kind)


@lru_cache
def _empty_status(schema: str) -> Callable[[], Object]:
    """What makes the status of a new object of that type: the numbers that are always written, at zero."""
    return (zero_value(fields(schema)["status"]) if schema else None) or dict


class Strategy:
    """See the module docstring. `reader` shows the other objects of the cluster."""

    name_rule = "subdomain"
    """How names are checked: a key of `NAME_RULES` in api/validation/object_meta.py."""

    ttl_seconds = 0
    """When set, objects are stored with a lease and vanish after that time."""

    domain_finalizers = True
    """Whether finalizers must be domain-qualified."""

    gates: Mapping[str, bool] | None = None
    """The server's feature gates; None where they are the defaults."""

    leaves_spec = True
    """Whether updates of the kind at most set members of the spec and change nothing that lies in them."""

    converts = False
    """Whether objects in the store may be of another version; then `loaded`, `stored` and `shown` are called."""

    def __init__(self, info: ResourceInfo, reader: ObjectReader) -> None:
        self.info = info
        self.reader = reader
        self.name_rule = _NAME_RULES.get(info.group_resource, self.name_rule)
        self.has_status = "status" in info.subresources
        name = info.group_resource
        self.has_generation = name in _WITH_GENERATION or (self._has_spec(info) and name not in _WITHOUT_GENERATION)
        self.keeps_status_on_create = name in _KEEPS_STATUS_ON_CREATE
        self.status_is_answer = name == "resourcepoolstatusrequests.resource.k8s.io"  # none until it is written
        self._status_keeps = _KEPT_METADATA.get(name, ())

    @staticmethod
    def _has_spec(info: ResourceInfo) -> bool:
        return "status" in info.subresources or info.plural in ("networkpolicies", "podtemplates")

    def use_gates(self, gates: Mapping[str, bool]) -> None:
        """The server's feature gates are not the defaults."""
        self.gates = gates

    def enabled(self, gate: str) -> bool:
        """Whether a feature gate is on."""
        return self.gates[gate] if self.gates is not None else known_gates()[gate].default

    # -- store

    async def loaded(self, obj: Object) -> Object:
        """A stored object (private) in this resource's version."""
        return obj

    async def stored(self, obj: Object) -> Object:
        """An object in the version the store keeps."""
        return obj

    async def shown(self, data: bytes) -> bytes:
        """Served bytes of any stored version in this resource's version."""
        return data

    # -- create

    def prepare_create(self, obj: Object, write: Write) -> None:
        """Reset what a client may not set."""
        if self.has_status and not self.keeps_status_on_create:
            if self.status_is_answer:
                obj.pop("status", None)
            else:
                obj["status"] = _empty_status(self.info.schema)()
        if self.has_generation:
            obj["metadata"]["generation"] = 1

    def validate_create(self, obj: Object, write: Write) -> list[FieldError]:
        """The kind's own rules (api/validation); metadata is checked by the generic path."""
        rules = validation_of(self.info.group_resource, self.info.schema)
        if self.gates is None:
            return rules.create(obj)
        with judged_by(self.gates):
            return rules.create(obj)

    async def begin_create(self, obj: Object, write: Write) -> Finish | None:
        """Reserve what the object needs (addresses, ports); with write.dry_run choose but reserve nothing."""
        return None

    # -- update

    def prepare_update(self, new: Object, old: Object, write: Write) -> None:
        """Keep what this endpoint may not change: the status on the object itself, all else on `/status`."""
        if write.subresource == "status":
            self.prepare_status_update(new, old, write)
            return
        if self.has_status:
            if "status" in old:
                new["status"] = old["status"]
            else:
                new.pop("status", None)
        if self.has_generation and self.generation_changes(new, old):
            new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1

    def prepare_status_update(self, new: Object, old: Object, write: Write) -> None:
        """On `/status` only status and metadata count."""
        for key in [key for key in new if key not in _STATUS_PARTS]:
            del new[key]
        for key, value in old.items():
            if key not in _STATUS_PARTS:
                new[key] = value
        metadata, before = new["metadata"], old["metadata"]
        for key in self._status_keeps:
            if key in before:
                metadata[key] = before[key]
            else:
                metadata.pop(key, None)

    def generation_changes(self, new: Object, old: Object) -> bool:
        """Whether the desired state differs: anything but metadata and status."""
        return any(new.get(key) != old.get(key) for key in (new.keys() | old.keys()) - _NOT_DESIRED)

    def validate_update(self, new: Object, old: Object, write: Write) -> list[FieldError]:
        """The kind's own rules (api/validation); `write.subresource` tells which endpoint is used."""
        rules = validation_of(self.info.group_resource, self.info.schema)
        if self.gates is None:
            return rules.update(new, old, subresource=write.subresource)
        with judged_by(self.gates):
            return rules.update(new, old, subresource=write.subresource)

    async def begin_update(self, new: Object, old: Object, write: Write) -> Finish | None:
        """Reserve or free what changes."""
        return None

    def reset_fields(self, subresource: str) -> FieldSet:
        """What a write through this endpoint cannot change, so that it comes to own nothing there."""
        if subresource == "status":
            kept = self._status_keeps
            return {**_SPEC, "f:metadata": {f"f:{key}": MEMBER for key in kept}} if kept else _SPEC
        return _STATUS if self.has_status else _NOTHING

    # -- delete

    def grace_period(self, obj: Object, asked: int | None) -> int | None:
        """Seconds between marking and removing; None when the kind knows no graceful deletion."""
        return None

    def mark_deleting(self, obj: Object) -> bool:
        """Change the object when deletion begins and it must stay for now (metadata and status are its own, what is
        below is shared); True when the kind holds it back itself (namespaces, until their contents are gone)."""
        return False

    def may_delete_on_update(self, obj: Object) -> bool:
        """Whether an update that leaves a deleting object without finalizers removes it."""
        return True

    async def after_delete(self, obj: Object, write: Write) -> None:
        """Free what the object held."""

    # -- both

    def warnings(self, obj: Object, old: Object | None) -> list[str]:
        """Advice for the client, sent as Warning headers."""
        advice = advice_of(self.info.group_resource)
        return advice(obj, old) if advice is not None else []


_CLIENT_METADATA = ("labels", "annotations", "finalizers", "ownerReferences")
_KEPT_METADATA: dict[str, tuple[str, ...]] = {
    "deployments.apps": ("labels",),
    "volumeattachments.storage.k8s.io": _CLIENT_METADATA,
    "resourceclaims.resource.k8s.io": _CLIENT_METADATA,
    "flowschemas.flowcontrol.apiserver.k8s.io": _CLIENT_METADATA,
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": _CLIENT_METADATA,
}
"""What of the metadata a write to `/status` does not change (other kinds let clients change all of theirs there)."""

_SPEC: FieldSet = {"f:spec": MEMBER}
_STATUS: FieldSet = {"f:status": MEMBER}
_NOTHING: FieldSet = {}
_STATUS_PARTS = frozenset({"apiVersion", "kind", "metadata", "status"})
_NOT_DESIRED = frozenset({"apiVersion", "kind", "metadata", "status"})
