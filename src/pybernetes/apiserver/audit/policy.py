"""The audit policy: how much of which request is recorded (audit.k8s.io/v1 Policy). Pure.

The first rule that matches decides; a request that no rule matches is not recorded.
"""

from pathlib import Path
from typing import Any

import msgspec

from ...api.user import UserInfo
from ..request_info import RequestInfo

Object = dict[str, Any]

LEVELS = ("None", "Metadata", "Request", "RequestResponse")
STAGES = ("RequestReceived", "ResponseStarted", "ResponseComplete", "Panic")


class PolicyError(ValueError):
    """The policy cannot be used; the text says where and why."""


class Decision(msgspec.Struct, frozen=True):
    """`level` is an index into LEVELS; 0 records nothing."""

    level: int = 0
    omitted: frozenset[str] = frozenset()
    omit_managed_fields: bool = False


NOTHING = Decision()


class Policy:
    """Rules in order."""

    def __init__(self, document: Object) -> None:
        _validate(document)
        self._rules: list[Object] = document.get("rules") or []
        stages = frozenset(document.get("omitStages") or ())
        whole = bool(document.get("omitManagedFields"))
        self._decisions = [
            Decision(
                LEVELS.index(rule["level"]),
                stages | frozenset(rule.get("omitStages") or ()),
                bool(rule.get("omitManagedFields", whole)),
            )
            for rule in self._rules
        ]
        self._by_name = any(part.get("resourceNames") for rule in self._rules for part in rule.get("resources") or ())
        self._known: dict[tuple[Any, ...], Decision] = {}

    def decide(self, user: UserInfo, info: RequestInfo) -> Decision:
        """What is recorded of a request; remembered per kind of request."""
        name = info.name if self._by_name else ""
        path = "" if info.is_resource else info.path
        where = (info.group, info.resource, info.subresource, info.namespace, name, path)
        key = (user.name, user.groups, info.verb, *where)
        found = self._known.get(key)
        if found is None:
            if len(self._known) > 4096:
                self._known.clear()
            found = self._known[key] = self._first(user, info)
        return found

    def _first(self, user: UserInfo, info: RequestInfo) -> Decision:
        for rule, decision in zip(self._rules, self._decisions, strict=True):
            if _matches(rule, user, info):
                return decision
        return NOTHING


def load(path: str) -> Policy:
    """From a YAML or JSON file. PolicyError, OSError."""
    from ..config_documents import fitted
    from ..yaml_body import load as load_yaml

    try:
        document = load_yaml(Path(path).read_bytes())
    except ValueError as error:
        raise PolicyError(f"failed decoding: {error}") from None
    if not isinstance(document, dict):
        raise PolicyError(f"{path}: not an object")
    if document.get("kind") != "Policy":
        raise PolicyError(f"expected kind Policy, found {document.get('kind')}")
    try:
        return Policy(fitted(document, path))
    except ValueError as error:
        raise PolicyError(str(error)) from None


def _validate(document: Object) -> None:
    if document.get("kind") != "Policy":
        raise PolicyError(f"expected kind Policy, found {document.get('kind')}")
    if not document.get("rules"):
        raise PolicyError("loaded illegal policy with 0 rules")
    _check_stages(document.get("omitStages"), "omitStages")
    for index, rule in enumerate(document["rules"]):
        path = f"rules[{index}]"
        if rule.get("level") not in LEVELS:
            shown = ", ".join(f'"{level}"' for level in LEVELS)
            level = rule.get("level")
            raise PolicyError(f'{path}.level: Unsupported value: "{level}": supported values: {shown}')
        _check_stages(rule.get("omitStages"), f"{path}.omitStages")
        if rule.get("nonResourceURLs") and (rule.get("resources") or rule.get("namespaces")):
            words = "rules cannot apply to both regular resources and non-resource URLs"
            raise PolicyError(f"{path}.nonResourceURLs: Invalid value: {words}")
        for url in rule.get("nonResourceURLs") or ():
            if url != "*" and not url.startswith("/"):
                words = 'non-resource URL rules must begin with a "/" character'
                raise PolicyError(f"{path}.nonResourceURLs: Invalid value: {words}")
            if "*" in url[:-1]:
                words = "non-resource URL wildcards '*' must be the final character of the rule"
                raise PolicyError(f"{path}.nonResourceURLs: Invalid value: {words}")


def _check_stages(stages: list[str] | None, path: str) -> None:
    for stage in stages or ():
        if stage not in STAGES:
            shown = ", ".join(STAGES)
            raise PolicyError(f'{path}: Invalid value: "{stage}": allowed stages are {shown}')


def _matches(rule: Object, user: UserInfo, info: RequestInfo) -> bool:
    if rule.get("users") and user.name not in rule["users"]:
        return False
    if rule.get("userGroups") and not set(rule["userGroups"]).intersection(user.groups):
        return False
    if rule.get("verbs") and info.verb not in rule["verbs"]:
        return False
    if rule.get("namespaces") or rule.get("resources"):
        return info.is_resource and _matches_resource(rule, info)
    if rule.get("nonResourceURLs"):
        return not info.is_resource and any(_matches_path(url, info.path) for url in rule["nonResourceURLs"])
    return True


def _matches_resource(rule: Object, info: RequestInfo) -> bool:
    if rule.get("namespaces") and info.namespace not in rule["namespaces"]:
        return False
    parts = rule.get("resources") or ()
    if not parts:
        return True
    combined = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    for part in parts:
        if (part.get("group") or "") != info.group:
            continue
        if not part.get("resources"):
            return True
        if part.get("resourceNames") and info.name not in part["resourceNames"]:
            continue
        wanted = {combined, "*", f"{info.resource}/*"}
        if info.subresource:
            wanted.add(f"*/{info.subresource}")
        if wanted.intersection(part["resources"]):
            return True
    return False


def _matches_path(pattern: str, path: str) -> bool:
    return pattern in ("*", path) or (pattern.endswith("*") and path.startswith(pattern[:-1]))
