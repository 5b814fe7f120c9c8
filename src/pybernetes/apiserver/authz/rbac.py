"""Role-based access control from memory.

Subscriptions keep, per subject, the bindings that name it, and per role its compiled rules. A decision walks the
bindings of the user and of each of its groups: the cluster-wide ones, then those of the namespace. Decisions that do
not hang on the object's name are remembered until the next change of any role or binding.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from ...api.resource import resource
from ...api.user import UserInfo
from ..reader import Object, ObjectReader
from .authorizer import NO_OPINION, Attributes, Decision
from .rules import Rule, Wire, combined_resource, compile_rule

GROUP = "rbac.authorization.k8s.io"
_MEMO_SIZE = 8192


class _Role(msgspec.Struct, frozen=True):
    rules: tuple[Rule, ...]
    wire: tuple[Wire, ...]


class _Grant(msgspec.Struct, frozen=True):
    """One subject of one binding. `role_namespace` is "" for a ClusterRole."""

    role_namespace: str
    role_kind: str
    role_name: str
    reason: str


class RbacAuthorizer:
    """See the module docstring. `namespace` "" in an index key is the cluster scope."""

    def __init__(self, reader: ObjectReader) -> None:
        self._roles: dict[tuple[str, str], _Role] = {}
        self._grants: dict[tuple[str, str], dict[str, list[_Grant]]] = {}
        self._memo: dict[tuple[Any, ...], Decision] = {}
        reader.subscribe(resource("clusterroles", GROUP), self._on_role)
        reader.subscribe(resource("roles", GROUP), self._on_role)
        reader.subscribe(resource("clusterrolebindings", GROUP), self._on_binding)
        reader.subscribe(resource("rolebindings", GROUP), self._on_binding)

    async def authorize(self, attributes: Attributes) -> Decision:
        """See Authorizer."""
        return self.decide(attributes)

    def decide(self, attributes: Attributes) -> Decision:
        """The decision; the reason names the binding that allows, or the roles that are missing."""
        user = attributes.user
        key = (
            user.name,
            user.groups,
            attributes.verb,
            attributes.group,
            attributes.resource,
            attributes.subresource,
            attributes.namespace,
            attributes.path if not attributes.is_resource else "",
        )
        known = self._memo.get(key)
        if known is not None:
            return known
        decision, by_name = self._evaluate(attributes)
        if not by_name:
            if len(self._memo) >= _MEMO_SIZE:
                self._memo.clear()
            self._memo[key] = decision
        return decision

    def _evaluate(self, attributes: Attributes) -> tuple[Decision, bool]:
        """The decision, and whether another object's name could have led to another one."""
        combined = combined_resource(attributes)
        by_name = False
        missing: dict[str, None] = {}
        for grant in self._grants_of(attributes.user, attributes.namespace):
            role = self._roles.get((grant.role_namespace, grant.role_name))
            if role is None:
                missing[_missing_text(grant)] = None
                continue
            for rule in role.rules:
                if not rule.allows_but_for_name(attributes, combined):
                    continue
                if attributes.is_resource and rule.names:
                    by_name = True
                    if attributes.name not in rule.names:
                        continue
                    return Decision(allowed=True, reason=f"RBAC: allowed by {grant.reason}"), True
                return Decision(allowed=True, reason=f"RBAC: allowed by {grant.reason}"), False
        if missing:
            texts = list(missing)
            return Decision(reason="RBAC: " + (texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]")), by_name
        return NO_OPINION, by_name

    def _grants_of(self, user: UserInfo, namespace: str) -> Iterator[_Grant]:
        subjects = ["u:" + user.name, *("g:" + group for group in user.groups)]
        for scope in ("", namespace) if namespace else ("",):
            for subject in subjects:
                bindings = self._grants.get((scope, subject))
                if bindings:
                    for grants in bindings.values():
                        yield from grants

    def rules_of(self, user: UserInfo, namespace: str) -> tuple[list[Wire], list[str]]:
        """Every rule the user holds in the namespace ("" = cluster scope), and the roles that could not be found."""
        rules: list[Wire] = []
        missing: dict[str, None] = {}
        for grant in self._grants_of(user, namespace):
            role = self._roles.get((grant.role_namespace, grant.role_name))
            if role is None:
                missing[_missing_text(grant)] = None
            else:
                rules.extend(role.wire)
        return rules, list(missing)

    def rules_of_role(self, kind: str, name: str, namespace: str) -> list[Wire] | None:
        """The rules of the role a binding refers to, None if there is no such role."""
        role = self._roles.get((namespace if kind == "Role" else "", name))
        return list(role.wire) if role is not None else None

    def rules_for(
        self, user: UserInfo, namespace: str
    ) -> tuple[list[dict[str, object]], list[dict[str, object]], bool]:
        """See Authorizer."""
        rules, missing = self.rules_of(user, namespace)
        resources: list[dict[str, object]] = []
        paths: list[dict[str, object]] = []
        for rule in rules:
            if rule.get("resources"):
                keys = ("verbs", "apiGroups", "resources", "resourceNames")
                resources.append({key: list(rule[key]) for key in keys if rule.get(key)})
            if rule.get("nonResourceURLs"):
                paths.append({key: list(rule[key]) for key in ("verbs", "nonResourceURLs") if rule.get(key)})
        return resources, paths, bool(missing)

    def _on_role(self, old: Object | None, new: Object | None) -> None:
        self._memo.clear()
        metadata = (new or old or {})["metadata"]
        key = (metadata.get("namespace", ""), metadata["name"])
        if new is None:
            self._roles.pop(key, None)
            return
        wire = tuple(new.get("rules") or ())
        self._roles[key] = _Role(tuple(compile_rule(rule) for rule in wire), wire)

    def _on_binding(self, old: Object | None, new: Object | None) -> None:
        self._memo.clear()
        if old is not None:
            for subject in _subjects(old):
                key = (old["metadata"].get("namespace", ""), subject)
                bindings = self._grants.get(key)
                if bindings is not None:
                    bindings.pop(old["metadata"]["name"], None)
                    if not bindings:
                        del self._grants[key]
        if new is not None:
            for subject, grants in _subjects(new).items():
                key = (new["metadata"].get("namespace", ""), subject)
                self._grants.setdefault(key, {})[new["metadata"]["name"]] = grants


def _subjects(binding: Object) -> dict[str, list[_Grant]]:
    """The grants of a binding by subject (`u:NAME`, `g:NAME`); a service account is its user."""
    namespace = binding["metadata"].get("namespace", "")
    name = binding["metadata"]["name"]
    role_kind, role_name = binding["roleRef"]["kind"], binding["roleRef"]["name"]
    found: dict[str, list[_Grant]] = {}
    for subject in binding.get("subjects") or ():
        kind, subject_name = subject.get("kind"), subject.get("name", "")
        shown = subject_name
        if kind == "User":
            key = "u:" + subject_name
        elif kind == "Group":
            key = "g:" + subject_name
        elif kind == "ServiceAccount":
            account_namespace = subject.get("namespace") or namespace
            if not account_namespace:
                continue
            key = f"u:system:serviceaccount:{account_namespace}:{subject_name}"
            shown = f"{subject_name}/{account_namespace}"
        else:
            continue
        source = f'RoleBinding "{name}/{namespace}"' if namespace else f'ClusterRoleBinding "{name}"'
        reason = f'{source} of {role_kind} "{role_name}" to {kind} "{shown}"'
        grant = _Grant(namespace if role_kind == "Role" else "", role_kind, role_name, reason)
        found.setdefault(key, []).append(grant)
    return found


def _missing_text(grant: _Grant) -> str:
    return f'{grant.role_kind.lower()}.{GROUP} "{grant.role_name}" not found'
