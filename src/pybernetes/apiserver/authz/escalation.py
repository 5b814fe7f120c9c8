"""Nobody may hand out rights they do not hold: checks on writing roles and bindings.

`check_role_write` and `check_binding_write` are called on create and update of the four RBAC kinds, once authorized.
`system:masters`, and whoever holds the verb `escalate` (roles) or `bind` (bindings) on the role, pass.
"""

from ...api.resource import resource
from ...api.status import forbidden, not_found
from ...api.user import SYSTEM_MASTERS, UserInfo
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
