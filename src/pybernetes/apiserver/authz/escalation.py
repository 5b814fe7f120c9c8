"""Nobody may hand out rights they do not hold: checks on writing roles and bindings.

`check_role_write` and `check_binding_write` are called on create and update of the four RBAC kinds, once authorized;
`EscalationCheck` has the form of an admission plugin and calls them.
`system:masters`, and whoever holds the verb `escalate` (roles) or `bind` (bindings) on the role, pass.
"""

from ...api.resource import ResourceInfo, resource
from ...api.status import forbidden, not_found
from ...api.user import SYSTEM_MASTERS, UserInfo
from ..admission.plugin import AdmissionRequest
from ..reader import Object
from .authorizer import Attributes, Authorizer
from .forbidden import quote, quote_list
from .rbac import GROUP, RbacAuthorizer
from .rules import Wire, compact, describe, missing_rules

_FULL_AUTHORITY: list[Wire] = [
    {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
    {"nonResourceURLs": ["*"], "verbs": ["*"]},
]
_RESOURCES = {
    "Role": "roles",
    "ClusterRole": "clusterroles",
    "RoleBinding": "rolebindings",
    "ClusterRoleBinding": "clusterrolebindings",
}


class EscalationCheck:
    """The validating step for the four RBAC kinds; always on with the mode RBAC, so it is no named plugin upstream."""

    name = "RBACEscalation"

    def __init__(self, authorizer: Authorizer, rbac: RbacAuthorizer) -> None:
        self._authorizer = authorizer
        self._rbac = rbac

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        """See AdmissionPlugin."""
        return resource.group == GROUP and operation in ("CREATE", "UPDATE")

    async def admit(self, request: AdmissionRequest) -> None:
        """Changes nothing."""

    async def validate(self, request: AdmissionRequest) -> None:
        """StatusError 403 when the write hands out more than the writer holds."""
        new = request.object
        if new is None:
            return
        is_role = request.resource.plural in ("roles", "clusterroles")
        check = check_role_write if is_role else check_binding_write
        await check(request.user, new, request.old_object, authorizer=self._authorizer, rbac=self._rbac)


async def check_role_write(
    user: UserInfo, new: Object, old: Object | None, *, authorizer: Authorizer, rbac: RbacAuthorizer
) -> None:
    """Role or ClusterRole. StatusError 403 when its rules exceed the user's, or it aggregates without full rights."""
    if SYSTEM_MASTERS in user.groups or _only_bookkeeping_changed(new, old):
        return
    plural, name = _RESOURCES[new["kind"]], new["metadata"].get("name", "")
    namespace = new["metadata"].get("namespace", "")
    if await _allowed(authorizer, user, "escalate", plural, namespace, name):
        return
    problem = escalation(user, namespace, new.get("rules") or [], rbac)
    if problem:
        raise forbidden(GROUP, plural, name, problem)
    aggregates = new.get("aggregationRule") or (old or {}).get("aggregationRule")
    if aggregates and escalation(user, "", _FULL_AUTHORITY, rbac):
        raise forbidden(GROUP, plural, name, "must have cluster-admin privileges to use an aggregationRule")


async def check_binding_write(
    user: UserInfo, new: Object, old: Object | None, *, authorizer: Authorizer, rbac: RbacAuthorizer
) -> None:
    """RoleBinding or ClusterRoleBinding. StatusError 403 when the role exceeds the user's rights, 404 without one."""
    if SYSTEM_MASTERS in user.groups or _only_bookkeeping_changed(new, old):
        return
    plural, name = _RESOURCES[new["kind"]], new["metadata"].get("name", "")
    namespace = new["metadata"].get("namespace", "")
    role_kind, role_name = new["roleRef"]["kind"], new["roleRef"]["name"]
    if await _allowed(authorizer, user, "bind", _RESOURCES[role_kind], namespace, role_name):
        return
    rules = rbac.rules_of_role(role_kind, role_name, namespace)
    if rules is None:
        raise not_found(GROUP, role_kind.lower(), role_name)
    problem = escalation(user, namespace, rules, rbac)
    if problem:
        raise forbidden(GROUP, plural, name, problem)


def escalation(user: UserInfo, namespace: str, rules: list[Wire], rbac: RbacAuthorizer) -> str:
    """What the user would hand out without holding it, in upstream's words; "" when nothing."""
    held, unresolved = rbac.rules_of(user, namespace)
    missing = missing_rules(held, rules)
    if not missing:
        return ""
    lines = sorted({describe(rule) for rule in compact(missing)})
    text = (
        f"user {quote(user.name)} (groups={quote_list(user.groups)}) is attempting to grant RBAC permissions "
        "not currently held:\n" + "\n".join(lines)
    )
    return f"{text}; resolution errors: [{', '.join(unresolved)}]" if unresolved else text


async def _allowed(authorizer: Authorizer, user: UserInfo, verb: str, plural: str, namespace: str, name: str) -> bool:
    version = resource(plural, GROUP).version
    attributes = Attributes(user, verb, GROUP, version, plural, namespace=namespace, name=name)
    return (await authorizer.authorize(attributes)).allowed


def _only_bookkeeping_changed(new: Object, old: Object | None) -> bool:
    """Whether the update touches nothing but what the garbage collector writes (owner references, finalizers)."""
    return old is not None and _substance(new) == _substance(old)


def _substance(item: Object) -> Object:
    left_out = ("ownerReferences", "finalizers", "managedFields", "resourceVersion", "generation")
    metadata = {key: value for key, value in item["metadata"].items() if key not in left_out}
    return {**item, "metadata": metadata}
