"""FlowSchemas: which requests are one kind of traffic. Pure matching (KEP-1040, "FlowSchema")."""

from typing import Any

from ...api.user import UserInfo
from ..authn.service_account import split_user_name
from ..request_info import RequestInfo

Object = dict[str, Any]
_DEFAULT_PRECEDENCE = 1000


class Schema:
    """One FlowSchema, ready to match."""

    __slots__ = ("distinguisher", "level", "name", "precedence", "rules", "uid")

    def __init__(self, obj: Object) -> None:
        spec = obj.get("spec") or {}
        self.name = str(obj["metadata"]["name"])
        self.uid = str(obj["metadata"].get("uid") or "")
        self.level = str((spec.get("priorityLevelConfiguration") or {}).get("name") or "")
        self.precedence = int(spec.get("matchingPrecedence") or _DEFAULT_PRECEDENCE)
        self.distinguisher = str((spec.get("distinguisherMethod") or {}).get("type") or "")
        self.rules: list[Object] = spec.get("rules") or []

    def matches(self, user: UserInfo, info: RequestInfo) -> bool:
        """Whether the request belongs here: a subject of a rule and a part of the same rule's resources or paths."""
        return any(
            any(_is_subject(subject, user) for subject in rule.get("subjects") or ()) and _is_covered(rule, info)
            for rule in self.rules
        )

    def flow(self, user: UserInfo, info: RequestInfo) -> str:
        """What tells the flows of this schema apart."""
        if self.distinguisher == "ByUser":
            return user.name
        return info.namespace if self.distinguisher == "ByNamespace" else ""


def ordered(schemas: list[Schema]) -> list[Schema]:
    """As they are tried: by precedence, then by name."""
    return sorted(schemas, key=lambda schema: (schema.precedence, schema.name))


def _is_subject(subject: Object, user: UserInfo) -> bool:
    match subject.get("kind"):
        case "User":
            name = (subject.get("user") or {}).get("name")
            return name in ("*", user.name)
        case "Group":
            name = (subject.get("group") or {}).get("name")
            return name == "*" or name in user.groups
        case "ServiceAccount":
            wanted, account = subject.get("serviceAccount") or {}, split_user_name(user.name)
            if account is None or wanted.get("namespace") != account[0]:
                return False
            return wanted.get("name") in ("*", account[1])
    return False


def _is_covered(rule: Object, info: RequestInfo) -> bool:
    if info.is_resource:
        return any(_covers_resource(part, info) for part in rule.get("resourceRules") or ())
    return any(_covers_path(part, info) for part in rule.get("nonResourceRules") or ())


def _covers_resource(rule: Object, info: RequestInfo) -> bool:
    resource = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    if not (
        _has(rule.get("verbs"), info.verb)
        and _has(rule.get("apiGroups"), info.group)
        and _has(rule.get("resources"), resource)
    ):
        return False
    if not info.namespace:
        return bool(rule.get("clusterScope"))
    return _has(rule.get("namespaces"), info.namespace)


def _covers_path(rule: Object, info: RequestInfo) -> bool:
    if not _has(rule.get("verbs"), info.verb):
        return False
    return any(_path_matches(pattern, info.path) for pattern in rule.get("nonResourceURLs") or ())


def _path_matches(pattern: str, path: str) -> bool:
    if pattern in ("*", path):
        return True
    return pattern.endswith("/*") and path.startswith(pattern[:-1])


def _has(values: list[str] | None, value: str) -> bool:
    return bool(values) and ("*" in values or value in values)  # type: ignore[operator]
