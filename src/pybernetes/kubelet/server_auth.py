"""Who calls the kubelet and may they: both questions go to the API server.

    request ──▶ identify: client certificate of the cluster's CA, else bearer token by TokenReview ──▶ 401
            ──▶ access:   path and method -> verb on nodes/SUBRESOURCE, by SubjectAccessReview       ──▶ 403

Answers are kept for a while: allowed 5 minutes, refused 30 seconds, tokens 2 minutes (upstream's defaults). Paths map
to subresources as on the page "Kubelet authentication/authorization"; for the finer ones of KEP-2862 (pods, healthz,
configz) either the fine subresource or `proxy` suffices. One rule is stricter than upstream's: whatever runs something
in a container needs `create`, also when it comes as a GET with a WebSocket upgrade.
"""

import hashlib
from collections.abc import Hashable
from typing import Any, Generic, TypeVar

from pybernetes.api.authentication import TokenReview, TokenReviewSpec
from pybernetes.api.authorization import ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec
from pybernetes.api.user import AUTHENTICATED, UserInfo
from pybernetes.base.clock import Clock
from pybernetes.base.http.message import Request
from pybernetes.base.x509 import subject_of
from pybernetes.client.client import Client

ALLOWED_SECONDS = 300.0
REFUSED_SECONDS = 30.0
TOKEN_SECONDS = 120.0
MAXIMUM_ENTRIES = 1024

T = TypeVar("T")

VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
INTERACTIVE = ("exec", "attach", "portForward", "run")
COARSE = {"stats": "stats", "metrics": "metrics", "logs": "log", "checkpoint": "checkpoint"}
FINE = {"healthz": "healthz", "configz": "configz", "pods": "pods", "runningpods": "pods"}


def access_of(method: str, path: str) -> tuple[str, tuple[str, ...]]:
    """(verb, subresources of nodes of which one must be allowed) that a request needs."""
    first = path.lstrip("/").split("/", 1)[0]
    verb = VERBS.get(method, "")
    if first in INTERACTIVE:
        verb = "create"
    if first in COARSE:
        return verb, (COARSE[first],)
    if first in FINE:
        return verb, (FINE[first], "proxy")
    return verb, ("proxy",)


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


class Gatekeeper:
    """Authentication and authorization of the kubelet's own server."""

    def __init__(self, client: Client, node_name: str, clock: Clock) -> None:
        self._client = client
        self._node_name = node_name
        self._users: _Kept[tuple[UserInfo | None]] = _Kept(clock)
        self._verdicts: _Kept[tuple[bool, str]] = _Kept(clock)

    async def identify(self, request: Request) -> UserInfo | None:
        """The caller; None when it shows no valid credentials. StatusError when the API server cannot be asked."""
        if request.peer_certificate is not None:
            name, groups = subject_of(request.peer_certificate)
            if name:
                return UserInfo(name, groups=(*groups, AUTHENTICATED))
        header = request.header("authorization") or ""
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return None
        return await self._by_token(token.strip())

    async def _by_token(self, token: str) -> UserInfo | None:
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
        self._users.put(key, (user,), TOKEN_SECONDS if user is not None else REFUSED_SECONDS)
        return user

    async def refusal(self, user: UserInfo, request: Request) -> str:
        """Why user may not do this; "" when they may. StatusError when the API server cannot be asked."""
        verb, subresources = access_of(request.method, request.path)
        reason = ""
        for subresource in subresources:
            allowed, reason = await self._review(user, verb, subresource)
            if allowed:
                return ""
        return (
            f"Forbidden (user={user.name}, verb={verb}, resource=nodes, subresource(s)=[{' '.join(subresources)}])"
            + (f": {reason}" if reason else "")
        )

    async def _review(self, user: UserInfo, verb: str, subresource: str) -> tuple[bool, str]:
        extra: Any = tuple(sorted((name, tuple(values)) for name, values in user.extra.items()))
        key = (user.name, user.uid, user.groups, extra, verb, subresource)
        kept = self._verdicts.get(key)
        if kept is not None:
            return kept
        attributes = ResourceAttributes(
            verb=verb, group="", version="v1", resource="nodes", subresource=subresource, name=self._node_name
        )
        answer = await self._client.create(
            SubjectAccessReview(
                spec=SubjectAccessReviewSpec(
                    resource_attributes=attributes,
                    user=user.name,
                    uid=user.uid,
                    groups=list(user.groups),
                    extra=user.extra or None,
                )
            )
        )
        verdict = (answer.status.allowed, answer.status.reason or "")
        self._verdicts.put(key, verdict, ALLOWED_SECONDS if verdict[0] else REFUSED_SECONDS)
        return verdict
