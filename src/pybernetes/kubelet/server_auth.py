"""Who calls the kubelet and may they: both questions go to the API server.

    request ──▶ identify: client certificate of the cluster's CA, else bearer token by TokenReview ──▶ 401
            ──▶ access:   path and method -> verb on nodes/SUBRESOURCE, by SubjectAccessReview       ──▶ 403

Answers are kept for a while: allowed 5 minutes, refused 30 seconds, tokens 2 minutes (upstream's defaults). Paths map
to subresources as on the page "Kubelet authentication/authorization"; for the finer ones of KEP-2862 (pods, healthz,
configz) either the fine subresource or `proxy` suffices. One rule is stricter than upstream's: whatever runs something
in a container needs `create`, also when it comes as a GET with a WebSocket upgrade.
"""

from pybernetes.api.authorization import ResourceAttributes
from pybernetes.api.user import AUTHENTICATED, UserInfo
from pybernetes.base.clock import Clock
from pybernetes.base.http.message import Request
from pybernetes.base.x509 import subject_of
from pybernetes.client.client import Client
from pybernetes.client.delegation import Delegation, Lifetimes

LIFETIMES = Lifetimes(allowed_seconds=300.0, refused_seconds=30.0, token_seconds=120.0)

VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
INTERACTIVE = ("exec", "attach", "portForward", "run")
COARSE = {
    "stats": "stats",
    "metrics": "metrics",
    "logs": "log",
    "checkpoint": "checkpoint",
    "statusz": "statusz",
    "flagz": "configz",
}
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


class Gatekeeper:
    """Authentication and authorization of the kubelet's own server."""

    def __init__(self, client: Client, node_name: str, clock: Clock) -> None:
        self._node_name = node_name
        self._delegation = Delegation(client, clock, LIFETIMES)

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
        return await self._delegation.user_of(token.strip())

    async def refusal(self, user: UserInfo, request: Request) -> str:
        """Why user may not do this; "" when they may. StatusError when the API server cannot be asked."""
        verb, subresources = access_of(request.method, request.path)
        reason = ""
        for subresource in subresources:
            wanted = ResourceAttributes(
                verb=verb, group="", version="v1", resource="nodes", subresource=subresource, name=self._node_name
            )
            allowed, reason = await self._delegation.may(user, wanted)
            if allowed:
                return ""
        return (
            f"Forbidden (user={user.name}, verb={verb}, resource=nodes, subresource(s)=[{' '.join(subresources)}])"
            + (f": {reason}" if reason else "")
        )
