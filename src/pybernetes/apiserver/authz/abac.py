"""Mode ABAC: a file of policies, one JSON object a line (`--authorization-policy-file`, read once at the start).

A request is allowed when one line is about its subject, about whether it changes something, and about its resource or
path. Two forms of lines: `abac.authorization.kubernetes.io/v1beta1` with a `spec`, and the older one without a version,
whose blanks mean "all" (kubernetes.io/docs/reference/access-authn-authz/abac).
"""

from pathlib import Path
from typing import Any

import msgspec
import orjson

from ...api.user import AUTHENTICATED, UserInfo
from ...base.log import logger
from .authorizer import ALLOW, Attributes, Decision

log = logger(__name__)

API_VERSION = "abac.authorization.kubernetes.io/v1beta1"
_READS = ("get", "list", "watch")
_NO_POLICY = Decision(reason="No policy matched.")
Object = dict[str, Any]


class Policy(msgspec.Struct, frozen=True, rename="camel"):
    """One line, as version v1beta1 writes its `spec`."""

    user: str = ""
    group: str = ""
    readonly: bool = False
    api_group: str = ""
    resource: str = ""
    namespace: str = ""
    non_resource_path: str = ""

    def is_about(self, user: UserInfo) -> bool:
        """Whether the subject is meant; a line that names both needs both, one that names nobody is about nobody."""
        if self.user and self.user != user.name:
            return False
        if self.group and self.group != "*" and self.group not in user.groups:
            return False
        return bool(self.user or self.group)

    def allows(self, attributes: Attributes) -> bool:
        """Whether the line permits this."""
        if not self.is_about(attributes.user) or (self.readonly and attributes.verb not in _READS):
            return False
        if not attributes.is_resource:
            path = self.non_resource_path
            return path in ("*", attributes.path) or (
                path.endswith("*") and attributes.path.startswith(path.rstrip("*"))
            )
        return (
            self.namespace in ("*", attributes.namespace)
            and self.resource in ("*", attributes.resource)
            and self.api_group in ("*", attributes.group)
        )


class AbacAuthorizer:
    """See the module docstring."""

    def __init__(self, policies: list[Policy]) -> None:
        self._policies = tuple(policies)

    async def authorize(self, attributes: Attributes) -> Decision:
        """See Authorizer."""
        return ALLOW if any(policy.allows(attributes) for policy in self._policies) else _NO_POLICY

    def rules_for(
        self, user: UserInfo, namespace: str
    ) -> tuple[list[dict[str, object]], list[dict[str, object]], bool]:
        """See Authorizer."""
        resources: list[dict[str, object]] = []
        paths: list[dict[str, object]] = []
        for policy in self._policies:
            if not policy.is_about(user) or policy.namespace not in ("*", namespace):
                continue
            verbs = list(_READS) if policy.readonly else ["*"]
            if policy.resource:
                resources.append({"verbs": verbs, "apiGroups": [policy.api_group], "resources": [policy.resource]})
            if policy.non_resource_path:
                paths.append({"verbs": verbs, "nonResourceURLs": [policy.non_resource_path]})
        return resources, paths, False


def load(path: str) -> AbacAuthorizer:
    """The policies of a file; blank lines and those that begin with `#` are skipped. ValueError names the line."""
    policies = []
    unversioned = 0
    for number, line in enumerate(Path(path).read_text().splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            raw = orjson.loads(text)
            if not isinstance(raw, dict):
                raise ValueError("expected an object")
            if raw.get("apiVersion") or raw.get("kind"):
                policies.append(_versioned(raw))
            else:
                policies.append(_unversioned(raw))
                unversioned += 1
        except (ValueError, msgspec.ValidationError) as error:
            raise ValueError(f"error reading policy file {path}, line {number}: {line}: {error}") from None
    if unversioned:
        log.warning("Policy file has lines without a version; see the documentation of ABAC mode", path=path)
    return AbacAuthorizer(policies)


def _versioned(raw: Object) -> Policy:
    if (raw.get("apiVersion"), raw.get("kind")) != (API_VERSION, "Policy"):
        raise ValueError(f'no kind "{raw.get("kind", "")}" is registered for version "{raw.get("apiVersion", "")}"')
    policy = msgspec.convert(raw.get("spec") or {}, Policy)
    return _everybody(policy) if "*" in (policy.user, policy.group) else policy


def _unversioned(raw: Object) -> Policy:
    policy = msgspec.convert(raw, Policy)
    if not policy.user and not policy.group:
        policy = msgspec.structs.replace(policy, group=AUTHENTICATED)
    elif "*" in (policy.user, policy.group):
        policy = _everybody(policy)
    return msgspec.structs.replace(
        policy,
        api_group="*",
        namespace=policy.namespace or "*",
        resource=policy.resource or "*",
        non_resource_path="*" if not policy.namespace and not policy.resource else "",
    )


def _everybody(policy: Policy) -> Policy:
    """`*` for user or group: everybody who has shown a credential."""
    return msgspec.structs.replace(policy, user="", group=AUTHENTICATED)
