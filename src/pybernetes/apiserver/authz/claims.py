"""Who may do what with devices: rules of ResourceClaims that need more than the claim to be judged.

* `adminAccess` is for namespaces with the label `resource.kubernetes.io/admin-access: "true"` (KEP-5018).
* A change of `/status` needs, besides its own permission, those of the parts that change (KEP-4817, on in v1.36):
  `resourceclaims/binding` for allocation and reservations, `resourceclaims/driver` with the driver's name for what a
  driver tells of its devices, there with the verbs `arbitrary-node:VERB`, or `associated-node:VERB` for a driver that
  runs on the claim's node.

In the form of an admission plugin, always on; a broken rule is a 422 of the claim, as upstream has it.
"""

from typing import Any

from ...api import field, status
from ...api.field import FieldError
from ...api.resource import ResourceInfo, resource
from ...api.user import UserInfo
from ..admission.plugin import AdmissionRequest
from ..authn.service_account import split_user_name
from ..history.author import present_verb
from ..reader import ObjectReader
from .authorizer import Attributes, Authorizer
from .forbidden import forbidden

Object = dict[str, Any]

GROUP = "resource.k8s.io"
_LABEL = "resource.kubernetes.io/admin-access"
_NODE_NAME = "authentication.kubernetes.io/node-name"
_REFUSED = f"admin access to devices requires the `{_LABEL}: true` label on the containing namespace"


class ClaimRules:
    """`granular` is the gate DRAResourceClaimGranularStatusAuthorization."""

    name = "ResourceClaimRules"

    def __init__(self, reader: ObjectReader, authorizer: Authorizer, *, granular: bool) -> None:
        self._reader = reader
        self._authorizer = authorizer
        self._granular = granular

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        """See AdmissionPlugin."""
        if resource.group != GROUP or resource.plural not in ("resourceclaims", "resourceclaimtemplates"):
            return False
        return operation == "CREATE" if not subresource else operation == "UPDATE" and subresource == "status"

    async def admit(self, request: AdmissionRequest) -> None:
        """What a driver told of a device goes when the device is given back."""
        if request.subresource != "status" or request.object is None:
            return
        after, before = request.object.get("status") or {}, (request.old_object or {}).get("status") or {}
        given_back = _allocated(before) - _allocated(after)
        if given_back and after.get("devices"):
            kept = [row for row in after["devices"] if _device(row) not in given_back]
            request.object["status"] = {**after, "devices": kept} if kept else _without_devices(after)

    async def validate(self, request: AdmissionRequest) -> None:
        """StatusError 422."""
        new, old = request.object or {}, request.old_object or {}
        if request.operation == "CREATE":
            errors = self._asked(new, request)
        else:
            after, before = new.get("status") or {}, old.get("status") or {}
            errors = self._granted(after, before, request.namespace)
            if self._granular:
                errors += await self._changed(after, before, request)
        if errors:
            raise status.invalid(GROUP, request.resource.kind, request.name, errors)

    # -- admin access

    def _asked(self, obj: Object, request: AdmissionRequest) -> list[FieldError]:
        spec = obj.get("spec") or {}
        spec = spec.get("spec") or {} if request.resource.plural == "resourceclaimtemplates" else spec
        for index, row in enumerate((spec.get("devices") or {}).get("requests") or ()):
            if (row.get("exactly") or {}).get("adminAccess"):
                return self._admins(request.namespace, f"spec.devices.requests[{index}].adminAccess")
        return []

    def _granted(self, after: Object, before: Object, namespace: str) -> list[FieldError]:
        if _with_admin_access(before) >= 0:
            return []
        index = _with_admin_access(after)
        path = f"status.allocation.devices.results[{index}].adminAccess"
        return self._admins(namespace, path) if index >= 0 else []

    def _admins(self, namespace: str, path: str) -> list[FieldError]:
        found = self._reader.get(resource("namespaces"), "", namespace) or {"metadata": {}}
        is_for_admins = (found["metadata"].get("labels") or {}).get(_LABEL) == "true"
        return [] if is_for_admins else [field.forbidden(path, _REFUSED)]

    # -- granular status

    async def _changed(self, after: Object, before: Object, request: AdmissionRequest) -> list[FieldError]:
        verb = present_verb() or "update"
        errors: list[FieldError] = []
        if any(after.get(key) != before.get(key) for key in ("allocation", "reservedFor")):
            asked = Attributes(request.user, verb, GROUP, "v1", "resourceclaims", "binding")
            why = await self._why_not(asked)
            if why:
                words = "changing status.allocation or status.reservedFor requires"
                needed = f'resource="resourceclaims/binding", verb="{verb}" permission'
                errors.append(field.forbidden("status.allocation", f"{words} {needed}: {why}"))
        for driver in sorted(changed_drivers(after, before)):
            errors += await self._driver(driver, after, verb, request)
        return errors

    async def _driver(self, driver: str, after: Object, verb: str, request: AdmissionRequest) -> list[FieldError]:
        verbs = [f"arbitrary-node:{verb}"]
        if runs_on(request.user, node_of(after.get("allocation") or {})):
            verbs.insert(0, f"associated-node:{verb}")
        first = ""
        for each in verbs:
            asked = Attributes(request.user, each, GROUP, "v1", "resourceclaims", "driver", request.namespace, driver)
            why = await self._why_not(asked)
            if not why:
                return []
            first = first or why
        needed = f'resource="resourceclaims/driver", verb="[{" ".join(verbs)}]" permission'
        return [field.forbidden("status.devices", f"changing status.devices requires {needed}: {first}")]

    async def _why_not(self, asked: Attributes) -> str:
        decision = await self._authorizer.authorize(asked)
        return "" if decision.allowed else forbidden(asked, decision.reason).message


def _with_admin_access(claim_status: Object) -> int:
    """Which allocated device is for an admin; -1 when none is."""
    results = ((claim_status.get("allocation") or {}).get("devices") or {}).get("results") or ()
    return next((index for index, row in enumerate(results) if row.get("adminAccess")), -1)


def _device(row: Object) -> tuple[Any, ...]:
    return tuple(row.get(key) for key in ("driver", "pool", "device", "shareID"))


def _allocated(claim_status: Object) -> set[tuple[Any, ...]]:
    results = ((claim_status.get("allocation") or {}).get("devices") or {}).get("results") or ()
    return set(map(_device, results))


def _without_devices(claim_status: Object) -> Object:
    return {key: value for key, value in claim_status.items() if key != "devices"}


def changed_drivers(after: Object, before: Object) -> set[str]:
    """The drivers whose devices were added, changed or taken out; those that were given back need no driver's word."""
    new, old = ({_device(row): row for row in found.get("devices") or ()} for found in (after, before))
    given_back = _allocated(before) - _allocated(after)
    return {str(key[0]) for key in new.keys() | old.keys() if new.get(key) != old.get(key) and key not in given_back}


def node_of(allocation: Object) -> str:
    """The one node that a claim is allocated for; "" for several, or none."""
    terms = (allocation.get("nodeSelector") or {}).get("nodeSelectorTerms") or []
    if len(terms) != 1 or terms[0].get("matchExpressions") or len(terms[0].get("matchFields") or ()) != 1:
        return ""
    row = terms[0]["matchFields"][0]
    values = row.get("values") or []
    is_name = row.get("key") == "metadata.name" and row.get("operator") == "In" and len(values) == 1
    return str(values[0]) if is_name else ""


def runs_on(user: UserInfo, node: str) -> bool:
    """Whether a user is the service account of a pod on that node."""
    return bool(node) and split_user_name(user.name) is not None and user.extra.get(_NODE_NAME) == [node]
