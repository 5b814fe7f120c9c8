"""The contract of an authorizer: may this user do that?"""

from typing import Protocol

import msgspec

from ...api.user import UserInfo


class Attributes(msgspec.Struct, frozen=True):
    """What is asked for. For non-resource requests only `user`, `verb` and `path` are set.

    `field_selector` is the raw parameter of a list, watch or deletecollection; the Node authorizer reads it.
    """

    user: UserInfo
    verb: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""
    is_resource: bool = True
    field_selector: str = ""


class Decision(msgspec.Struct, frozen=True):
    """`allowed` ends the chain with yes, `denied` with no; neither asks the next authorizer."""

    allowed: bool = False
    denied: bool = False
    reason: str = ""


NO_OPINION = Decision()
ALLOW = Decision(allowed=True)


class Authorizer(Protocol):
    """One mode of `--authorization-mode`."""

    async def authorize(self, attributes: Attributes) -> Decision:
        """Decide, or pass with NO_OPINION."""

    def rules_for(
        self, user: UserInfo, namespace: str
    ) -> tuple[list[dict[str, object]], list[dict[str, object]], bool]:
        """(resourceRules, nonResourceRules, incomplete) for SelfSubjectRulesReview."""
