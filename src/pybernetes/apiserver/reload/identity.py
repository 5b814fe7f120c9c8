"""Followed configurations of who somebody is and what he may do."""

from collections.abc import Sequence
from pathlib import Path

from ...base.clock import Clock
from ..authn.configuration import parse as parse_authentication
from ..authn.tokens import RemoteTokenAuthenticator, TokenUnion
from ..authn.union import UnionAuthenticator
from ..authz import configuration
from ..authz.authorizer import Authorizer
from ..authz.modes import UnionAuthorizer
from ..authz.rbac import RbacAuthorizer
from ..authz.webhook import WebhookAuthorizer
from ..reader import ObjectReader
from .files import FollowedFiles
from .metrics import ReloadMetrics

_FIXED = ("Node", "RBAC")
"""Authorizers that a running server can neither gain nor lose."""


def follow_authentication(
    path: str,
    tokens: TokenUnion,
    users: UnionAuthenticator,
    *,
    anonymous: bool,
    webhook: RemoteTokenAuthenticator | None,
    clock: Clock,
    metrics: ReloadMetrics,
) -> FollowedFiles:
    """An AuthenticationConfiguration. `anonymous` holds where the file says nothing, `webhook` is asked last."""

    async def apply(contents: list[bytes]) -> None:
        found = parse_authentication(contents[0], path, clock)
        tokens.ask(found.issuers, webhook)
        users.allow_anonymous(anonymous if found.anonymous is None else found.anonymous, found.anonymous_paths)

    return FollowedFiles("authentication", [path], apply, metrics)


def follow_authorization(
    path: str,
    union: UnionAuthorizer,
    reader: ObjectReader,
    rbac: RbacAuthorizer | None,
    *,
    clock: Clock,
    metrics: ReloadMetrics,
) -> FollowedFiles:
    """An AuthorizationConfiguration; its webhooks may change in every way, Node and RBAC only their places."""
    had = _fixed(configuration.read(path))
    former: list[Authorizer] = []

    async def apply(contents: list[bytes]) -> None:
        rows = configuration.parse(contents[0], path)
        if (wanted := _fixed(rows)) != had:
            changed = " and ".join(sorted(wanted ^ had))
            raise ValueError(f"{path}: authorizers: {changed} cannot be added or removed while the server runs")
        chain = configuration.chain(rows, Path(path).parent, reader, rbac, clock)
        before = union.use(chain)
        await _close(former)  # those in use until now may have questions in the air
        former[:] = before

    return FollowedFiles("authorization", [path], apply, metrics)


def _fixed(rows: Sequence[configuration.Object]) -> set[str]:
    return {str(row.get("type")) for row in rows} & set(_FIXED)


async def _close(authorizers: Sequence[Authorizer]) -> None:
    for authorizer in authorizers:
        if isinstance(authorizer, WebhookAuthorizer):
            await authorizer.close()
