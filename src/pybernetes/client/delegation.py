"""Questions that servers beside the API server put to it: whose token is this, and may that user do that?

    token          ──TokenReview──────────▶ UserInfo | None       kept for `token_seconds`
    user, wanted   ──SubjectAccessReview──▶ (allowed, reason)     kept for `allowed_seconds` or `refused_seconds`

Kubelets and extension API servers believe nobody by themselves; what was answered is kept for a while, so that a caller
who comes often costs a look into a dict.
"""

import hashlib
from collections.abc import Hashable
from typing import Any, Generic, TypeVar

import msgspec

from ..api.authentication import TokenReview, TokenReviewSpec
from ..api.authorization import (
    NonResourceAttributes,
    ResourceAttributes,
    SubjectAccessReview,
    SubjectAccessReviewSpec,
)
from ..api.user import UserInfo
from ..base.clock import Clock
from .client import Client

MAXIMUM_ENTRIES = 1024

T = TypeVar("T")


class Lifetimes(msgspec.Struct, frozen=True, kw_only=True):
    """For how many seconds answers are kept; the defaults are those of upstream's extension API servers."""

    allowed_seconds: float = 10.0
    refused_seconds: float = 10.0
    token_seconds: float = 10.0


class Delegation:
    """Asks with one client. StatusError (or OSError) when the API server cannot be asked."""

    def __init__(self, client: Client, clock: Clock, lifetimes: Lifetimes | None = None) -> None:
        self._client = client
        self._lifetimes = lifetimes or Lifetimes()
        self._users: _Kept[tuple[UserInfo | None]] = _Kept(clock)
        self._verdicts: _Kept[tuple[bool, str]] = _Kept(clock)

    async def user_of(self, token: str) -> UserInfo | None:
        """Whose token it is; None for one that is not valid."""
        key = hashlib.sha256(token.encode()).digest()
        kept = self._users.get(key)
        if kept is not None:
            return kept[0]
        answer = await self._client.create(TokenReview(spec=TokenReviewSpec(token=token)))
        user: UserInfo | None = None
        if answer.status.authenticated and answer.status.user is not None:
            found = answer.status.user
            user = UserInfo(
                found.username or "", uid=found.uid or "", groups=tuple(found.groups or ()), extra=found.extra or {}
            )
        lifetimes = self._lifetimes
        self._users.put(key, (user,), lifetimes.token_seconds if user is not None else lifetimes.refused_seconds)
        return user

    async def may(self, user: UserInfo, wanted: ResourceAttributes | NonResourceAttributes) -> tuple[bool, str]:
        """(allowed, the authorizers' reason)."""
        extra: Any = tuple(sorted((name, tuple(values)) for name, values in user.extra.items()))
        key = (user.name, user.uid, user.groups, extra, type(wanted), msgspec.json.encode(wanted))
        kept = self._verdicts.get(key)
        if kept is not None:
            return kept
        answer = await self._client.create(
            SubjectAccessReview(
                spec=SubjectAccessReviewSpec(
                    resource_attributes=wanted if isinstance(wanted, ResourceAttributes) else None,
                    non_resource_attributes=None if isinstance(wanted, ResourceAttributes) else wanted,
                    user=user.name,
                    uid=user.uid,
                    groups=list(user.groups),
                    extra=user.extra or None,
                )
            )
        )
        verdict = (answer.status.allowed, answer.status.reason or "")
        lifetimes = self._lifetimes
        self._verdicts.put(key, verdict, lifetimes.allowed_seconds if verdict[0] else lifetimes.refused_seconds)
        return verdict


class _Kept(Generic[T]):
    """Answers with an end; at most MAXIMUM_ENTRIES, the oldest go first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: dict[Hashable, tuple[float, T]] = {}

    def get(self, key: Hashable) -> T | None:
        found = self._entries.get(key)
        if found is None:
            return None
        if found[0] <= self._clock.monotonic():
            del self._entries[key]
            return None
        return found[1]

    def put(self, key: Hashable, answer: T, seconds: float) -> None:
        self._entries.pop(key, None)
        if len(self._entries) >= MAXIMUM_ENTRIES:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = (self._clock.monotonic() + seconds, answer)
