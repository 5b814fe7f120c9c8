"""What a component shows of itself over HTTPS: its health to everybody, the rest to those who may.

    /healthz (/livez /readyz)            everybody
    /healthz/NAME, /metrics, /configz,   who may `get` that path: client certificate of the cluster's CA or bearer
    /statusz, /flagz, …                  token by TokenReview, else system:anonymous; SubjectAccessReview

As upstream's components with delegated authentication and authorization. Refusals are the API's Status objects. The
service proxy alone shows everything to everybody of its machine, over plain HTTP: `OpenPages`.
"""

from collections.abc import Awaitable, Callable

import msgspec

from ..api.authorization import NonResourceAttributes
from ..api.status import StatusError, unauthorized
from ..api.user import ANONYMOUS, AUTHENTICATED, UserInfo
from ..base.clock import Clock
from ..base.http.health import PATHS, Health
from ..base.http.message import Request, Response
from ..base.http.server import HttpServer
from ..base.metrics import CONTENT_TYPE
from ..base.x509 import CertificateAuthority, server_context, subject_of
from .client import Client
from .delegation import Delegation
from .zpages import flagz, statusz

Page = Callable[[Request], Response | Awaitable[Response]]

_OPEN = frozenset(f"/{path}" for path in PATHS)
_CACHE = ("cache-control", "no-cache, private")
_TEXT = [("content-type", "text/plain; charset=utf-8"), _CACHE]
_JSON = [("content-type", "application/json"), _CACHE]


class OpenPages:
    """The pages of `component` (upstream's name for it) for everybody, an App. `pages` may be added to before it is
    served.

    `health` and `flags` (what `/flagz` shows) are asked for when somebody looks.
    """

    def __init__(
        self, component: str, health: Callable[[], Health], *, flags: Callable[[], dict[str, str]] = dict
    ) -> None:
        self.pages: dict[str, Page] = {
            "/statusz": statusz(component, lambda: [*(f"/{path}" for path in health().paths), *self.pages]),
            "/flagz": flagz(component, flags),
        }
        self._component = component
        self._health = health

    async def __call__(self, request: Request) -> Response:
        """The App."""
        try:
            return await self._answer(request)
        except StatusError as refused:
            return Response(refused.code, list(_JSON), msgspec.json.encode(refused.status()))

    async def _answer(self, request: Request) -> Response:
        health = await self._health().page(request)
        if health is not None:
            return health
        page = self.pages.get(request.path)
        if page is None:
            return Response(404, list(_TEXT), b"404 page not found\n")
        answer = page(request)
        return answer if isinstance(answer, Response) else await answer


class ComponentPages(OpenPages):
    """The pages over HTTPS, for those who may. `client` asks the API server about callers; `client_ca` (PEM) is whose
    client certificates are believed."""

    def __init__(
        self,
        component: str,
        health: Callable[[], Health],
        client: Client,
        clock: Clock,
        *,
        flags: Callable[[], dict[str, str]] = dict,
        client_ca: bytes | None = None,
    ) -> None:
        super().__init__(component, health, flags=flags)
        self._client_ca = client_ca
        self._delegation = Delegation(client, clock)

    def server(self, host: str, port: int) -> HttpServer:
        """Serves the pages with a certificate of its own making, as upstream without --tls-cert-file."""
        certificate = CertificateAuthority.create(f"{host}-ca").issue(
            host, names=tuple(dict.fromkeys((host, "localhost", "127.0.0.1")))
        )
        tls = server_context(certificate, client_ca=self._client_ca)
        return HttpServer(self, host=host, port=port, tls=tls, name=self._component)

    async def _answer(self, request: Request) -> Response:
        if request.path not in _OPEN:
            await self._admit(request)
        return await super()._answer(request)

    async def _admit(self, request: Request) -> None:
        """StatusError 401, 403, or 500 when the API server cannot be asked."""
        verb = request.method.lower()
        try:
            user = await self._user_of(request)
            if user is None:
                raise unauthorized()
            wanted = NonResourceAttributes(path=request.path, verb=verb)
            allowed, reason = await self._delegation.may(user, wanted)
        except OSError as error:
            raise StatusError(500, "InternalError", f"Internal error occurred: {error}") from error
        if not allowed:
            text = f'forbidden: User "{user.name}" cannot {verb} path "{request.path}"'
            raise StatusError(403, "Forbidden", f"{text}: {reason}" if reason else text)

    async def _user_of(self, request: Request) -> UserInfo | None:
        """Who asks; None for credentials that are not valid."""
        if request.peer_certificate is not None:
            name, groups = subject_of(request.peer_certificate)
            if name:
                return UserInfo(name, groups=(*groups, AUTHENTICATED))
        scheme, _, token = (request.header("authorization") or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return ANONYMOUS
        return await self._delegation.user_of(token.strip())


def metrics_page(text: Callable[[], bytes]) -> Page:
    """`/metrics` in the Prometheus text format."""
    return lambda request: Response(200, [("content-type", CONTENT_TYPE), _CACHE], text())


def config_page(name: str, shown: Callable[[], object]) -> Page:
    """`/configz`: the settings in force, under the name of their API group."""
    return lambda request: Response(200, list(_JSON), msgspec.json.encode({name: shown()}))
