"""The authorization filter: 403 for what the user may not do, before anything else of the request is read."""

from collections.abc import Awaitable, Sequence

import msgspec

from ...api.user import UserInfo
from ...base.http.message import App, Request, Response
from ..audit import annotate
from ..authz.authorizer import Attributes, Authorizer, Decision
from ..authz.forbidden import forbidden
from ..authz.modes import UnionAuthorizer
from ..request_info import RequestInfo

ALWAYS_ALLOWED_PATHS = ("/healthz", "/readyz", "/livez")
_CONNECTING = frozenset({"exec", "attach", "portforward"})
_SELECTING_VERBS = ("list", "watch", "deletecollection")


def attributes_of(user: UserInfo, info: RequestInfo, request: Request) -> Attributes:
    """What the authorizers are asked about a request."""
    if not info.is_resource:
        return Attributes(user, info.verb, path=info.path, is_resource=False)
    selector = ""
    if info.verb in _SELECTING_VERBS and "fieldSelector" in request.query:
        selector = request.params().get("fieldSelector", "")
    return Attributes(
        user,
        info.verb,
        info.group,
        info.version,
        info.resource,
        info.subresource,
        info.namespace,
        info.name,
        info.path,
        field_selector=selector,
    )


class AuthorizationFilter:
    """`filter(next) -> App`. Raises StatusError 403; `always_allow_paths` are open to all (`/x/*`: all below)."""

    def __init__(
        self,
        authorizer: Authorizer,
        always_allow_paths: Sequence[str] = ALWAYS_ALLOWED_PATHS,
        *,
        create_to_connect: bool = True,
    ) -> None:
        """`create_to_connect`: streams into pods need the verb `create` however they are asked for (WebSockets begin
        with a GET)."""
        self._authorizer = authorizer
        self._create_to_connect = create_to_connect
        self._open = frozenset(path for path in always_allow_paths if not path.endswith("/*"))
        self._open_prefixes = tuple(path[:-1] for path in always_allow_paths if path.endswith("/*"))

    def __call__(self, next: App) -> App:
        authorizer = self._authorizer
        at_once = authorizer.at_once if isinstance(authorizer, UnionAuthorizer) else None

        def authorized(request: Request) -> Awaitable[Response]:
            info: RequestInfo = request.context["info"]
            if not info.is_resource and self._is_open(info.path):
                return next(request)
            attributes = attributes_of(request.context["user"], info, request)
            if info.subresource in _CONNECTING and info.verb != "create" and self._create_to_connect:
                return connecting(request, attributes)
            decision = at_once(attributes) if at_once is not None else None
            if decision is None:
                return asked(request, attributes)
            check(attributes, decision)
            return next(request)

        async def connecting(request: Request, attributes: Attributes) -> Response:
            check(attributes, await authorizer.authorize(attributes))
            created = msgspec.structs.replace(attributes, verb="create")
            decision = await authorizer.authorize(created)
            if not decision.allowed:
                raise forbidden(created, decision.reason)
            return await next(request)

        async def asked(request: Request, attributes: Attributes) -> Response:
            check(attributes, await authorizer.authorize(attributes))
            return await next(request)

        def check(attributes: Attributes, decision: Decision) -> None:
            annotate("authorization.k8s.io/decision", "allow" if decision.allowed else "forbid")
            annotate("authorization.k8s.io/reason", decision.reason)
            if not decision.allowed:
                raise forbidden(attributes, decision.reason)

        return authorized

    def _is_open(self, path: str) -> bool:
        return path in self._open or (bool(self._open_prefixes) and path.startswith(self._open_prefixes))


def build_authorization(
    authorizer: Authorizer,
    *,
    always_allow_paths: Sequence[str] = ALWAYS_ALLOWED_PATHS,
    create_to_connect: bool = True,
) -> AuthorizationFilter:
    """The filter around an authorizer (`authz.modes.build_authorizer` makes one from the list of modes)."""
    return AuthorizationFilter(authorizer, always_allow_paths, create_to_connect=create_to_connect)
