"""A client for each controller when the manager is a process of its own: each acts as its own service account.

    manager's certificate ─▶ POST serviceaccounts/NAME/token ─▶ bearer token, renewed long before it ends

So RBAC shows and limits what each controller may do, as in one process (`clients.controller_user`) and as upstream's
`--use-service-account-credentials`. All share one pool of connections; the accounts are made when they are first used.
"""

import asyncio
from datetime import UTC, datetime, timedelta

from .. import GIT_VERSION
from ..api.authentication import TokenRequest, TokenRequestSpec
from ..api.core import ServiceAccount
from ..api.meta import ObjectMeta
from ..api.status import StatusError, is_already_exists, is_not_found
from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.http.message import App, Request, Response
from ..client import config as rest
from ..client.client import Client
from .clients import MANAGER, ClientFor

NAMESPACE = "kube-system"
LIFETIME = timedelta(hours=1)
_RENEW_AT = 0.8


class AccountTransport:
    """An App that sends requests as one service account of kube-system. StatusError when no token can be had."""

    def __init__(self, app: App, manager: Client, account: str, clock: Clock = SYSTEM_CLOCK) -> None:
        self._app = app
        self._manager = manager
        self._account = account
        self._clock = clock
        self._token = ""
        self._due = datetime.min.replace(tzinfo=UTC)
        self._lock = asyncio.Lock()

    async def __call__(self, request: Request) -> Response:
        request.headers.append(("authorization", f"Bearer {await self._current()}"))
        response = await self._app(request)
        if response.status == 401:  # the account was deleted and made again, or the signing key changed
            self._due = self._clock.now()
        return response

    async def _current(self) -> str:
        async with self._lock:
            if self._clock.now() >= self._due:
                await self._renew()
            return self._token

    async def _renew(self) -> None:
        seconds = int(LIFETIME.total_seconds())
        wanted = TokenRequest(
            metadata=ObjectMeta(name=self._account, namespace=NAMESPACE),
            spec=TokenRequestSpec(audiences=[], expiration_seconds=seconds),
        )
        try:
            answer = await self._manager.create(wanted, subresource="token", name=self._account)
        except StatusError as error:
            if not is_not_found(error):
                raise
            await self._make_account()
            answer = await self._manager.create(wanted, subresource="token", name=self._account)
        self._token = answer.status.token or ""
        self._due = self._clock.now() + LIFETIME * _RENEW_AT

    async def _make_account(self) -> None:
        account = ServiceAccount(metadata=ObjectMeta(name=self._account, namespace=NAMESPACE))
        try:
            await self._manager.create(account)
        except StatusError as error:
            if not is_already_exists(error):
                raise


def controller_clients(connection: rest.RestConfig) -> ClientFor:
    """Clients by service account over one HTTPS connection; `kube-controller-manager` is the manager itself."""
    agent = f"{MANAGER}/{GIT_VERSION}"
    manager = rest.client(connection, user_agent=agent)
    anonymous = rest.transport(
        rest.RestConfig(server=connection.server, ca_data=connection.ca_data, server_name=connection.server_name)
    )

    def client_for(account: str) -> Client:
        if account == MANAGER:
            return manager
        as_account = AccountTransport(anonymous, manager, account)
        return Client(as_account, headers=[("user-agent", f"{agent}/{account}")], metrics=manager.metrics)

    return client_for
