"""The authorizers without state, their union, and the chain for a list of modes.

system:masters -> mode 1 -> mode 2 -> ... ; the first that allows or denies decides, nobody's opinion means no.
"""

from collections.abc import Mapping, Sequence

from ...api.user import SYSTEM_MASTERS, UserInfo
from ..reader import ObjectReader
from .authorizer import ALLOW, NO_OPINION, Attributes, Authorizer, Decision
from .node import NodeAuthorizer
from .rbac import RbacAuthorizer

_EVERYTHING: list[dict[str, object]] = [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]
_EVERY_PATH: list[dict[str, object]] = [{"verbs": ["*"], "nonResourceURLs": ["*"]}]


class AlwaysAllow:
    """Mode AlwaysAllow: for tests and for clusters that trust everybody."""

    async def authorize(self, attributes: Attributes) -> Decision:
        """See Authorizer."""
        return ALLOW

    def rules_for(
        self, user: UserInfo, namespace: str
    ) -> tuple[list[dict[str, object]], list[dict[str, object]], bool]:
        """See Authorizer."""
        return _EVERYTHING, _EVERY_PATH, False


class AlwaysDeny:
    """Mode AlwaysDeny: no opinion on anything, so that everything left to it is refused."""

    async def authorize(self, attributes: Attributes) -> Decision:
        """See Authorizer."""
        return Decision(reason="Everything is forbidden.")

    def rules_for(
        self, user: UserInfo, namespace: str
    ) -> tuple[list[dict[str, object]], list[dict[str, object]], bool]:
        """See Authorizer."""
        return [], [], False


class PrivilegedGroups:
    """Members of these groups may do everything."""

    def __init__(self, groups: Sequence[str] = (SYSTEM_MASTERS,)) -> None:
        self._groups = tuple(groups)

    async def authorize(self, attributes: Attributes) -> Decision:
        """See Authorizer."""
        return self.decide(attributes)

    def decide(self, attributes: Attributes) -> Decision:
        """The decision, from the groups alone."""
        for group in self._groups:
            if group in attributes.user.groups:
                return ALLOW
        return NO_OPINION

    def rules_for(
        self, user: UserInfo, namespace: str
    ) -> tuple[list[dict[str, object]], list[dict[str, object]], bool]:
        """See Authorizer."""
        member = any(group in user.groups for group in self._groups)
        return (_EVERYTHING, _EVERY_PATH, False) if member else ([], [], False)


_FROM_MEMORY = (PrivilegedGroups, NodeAuthorizer, RbacAuthorizer)
"""Those that decide without waiting."""


class UnionAuthorizer:
    """See the module docstring. The reasons of those without an opinion are kept for the refusal."""

    def __init__(self, authorizers: Sequence[Authorizer]) -> None:
        self._authorizers = tuple(authorizers)

    def use(self, authorizers: Sequence[Authorizer]) -> tuple[Authorizer, ...]:
        """These from now on; those before are the answer."""
        before, self._authorizers = self._authorizers, tuple(authorizers)
        return before

    def at_once(self, attributes: Attributes) -> Decision | None:
        """The decision if an authorizer allows or denies from memory, None if `authorize` has to be asked."""
        for authorizer in self._authorizers:
            if not isinstance(authorizer, _FROM_MEMORY):
                return None
            decision = authorizer.decide(attributes)
            if decision.allowed or decision.denied:
                return decision
        return None

    async def authorize(self, attributes: Attributes) -> Decision:
        """See Authorizer."""
        reasons: list[str] = []
        for authorizer in self._authorizers:
            decision = await authorizer.authorize(attributes)
            if decision.allowed or decision.denied:
                return decision
            if decision.reason:
                reasons.append(decision.reason)
        return Decision(reason="\n".join(reasons)) if reasons else NO_OPINION

    def rules_for(
        self, user: UserInfo, namespace: str
    ) -> tuple[list[dict[str, object]], list[dict[str, object]], bool]:
        """See Authorizer."""
        resources: list[dict[str, object]] = []
        paths: list[dict[str, object]] = []
        incomplete = False
        for authorizer in self._authorizers:
            more_resources, more_paths, more_incomplete = authorizer.rules_for(user, namespace)
            resources += more_resources
            paths += more_paths
            incomplete = incomplete or more_incomplete
        return resources, paths, incomplete


def build_authorizer(
    modes: Sequence[str],
    reader: ObjectReader,
    rbac: RbacAuthorizer | None = None,
    configured: Mapping[str, Authorizer] | None = None,
) -> UnionAuthorizer:
    """The chain for `--authorization-mode`; `configured` are those that need files of their own (Webhook, ABAC).
    ValueError for an unknown mode, one that occurs twice, or one of these without its file."""
    if len(set(modes)) != len(modes):
        shown = " ".join(f'"{mode}"' for mode in modes)
        raise ValueError(f"authorization-mode [{shown}] has mode specified more than once")
    made = configured or {}
    chain: list[Authorizer] = [PrivilegedGroups()]
    chain += [made[mode] if mode in made else build_mode(mode, reader, rbac) for mode in modes]
    return UnionAuthorizer(chain)


def build_mode(mode: str, reader: ObjectReader, rbac: RbacAuthorizer | None = None) -> Authorizer:
    """One mode. ValueError for an unknown one."""
    match mode:
        case "Node":
            return NodeAuthorizer(reader)
        case "RBAC":
            return rbac if rbac is not None else RbacAuthorizer(reader)
        case "AlwaysAllow":
            return AlwaysAllow()
        case "AlwaysDeny":
            return AlwaysDeny()
        case "Webhook":
            raise ValueError("authorization-mode Webhook's authorization config file not passed")
        case "ABAC":
            raise ValueError("authorization-mode ABAC's authorization policy file not passed")
    raise ValueError(f'authorization-mode "{mode}" is not a valid mode')
