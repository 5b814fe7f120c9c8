"""Acting as somebody else: `Impersonate-User`, `-Group`, `-Uid`, `-Extra-KEY`.

Each part of the wanted identity is authorized by itself with the verb `impersonate`; then the request goes on as that
identity. The caller stays in `context["impersonator"]` for the audit log.
"""

from collections.abc import Awaitable
from urllib.parse import unquote

import msgspec

from ...api.status import internal_error
from ...api.user import ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED, UserInfo
from ...base.http.message import App, Request, Response
from ..authn.service_account import split_user_name, user_groups
from ..authz.authorizer import Attributes, Authorizer
from ..authz.forbidden import forbidden

_USER = "impersonate-user"
_GROUP = "impersonate-group"
_UID = "impersonate-uid"
_EXTRA_PREFIX = "impersonate-extra-"
_AUTHENTICATION_GROUP = "authentication.k8s.io"


class Wanted(msgspec.Struct):
    """The identity asked for, as the headers give it."""

    user: str = ""
    uid: str = ""
    groups: list[str] = msgspec.field(default_factory=list)
    extra: dict[str, list[str]] = msgspec.field(default_factory=dict)


def wanted_identity(request: Request) -> Wanted | None:
    """Read the headers; None when there are none. StatusError 500 (as upstream) for parts without a user."""
    if not _asks(request):
        return None
    wanted = Wanted()
    for name, value in request.headers:
        if name == _USER and value and not wanted.user:
            wanted.user = value
        elif name == _UID and value and not wanted.uid:
            wanted.uid = value
        elif name == _GROUP:
            wanted.groups.append(value)
        elif name.startswith(_EXTRA_PREFIX):
            wanted.extra.setdefault(unquote(name.removeprefix(_EXTRA_PREFIX)).lower(), []).append(value)
    if wanted.user:
        return wanted
    if not (wanted.groups or wanted.extra or wanted.uid):
        return None
    parts = [f"{{Group  {group}    }}" for group in wanted.groups]
    parts += [f"{{UserExtra  {v}  {_AUTHENTICATION_GROUP}/v1  {k}}}" for k, vs in wanted.extra.items() for v in vs]
    if wanted.uid:
        parts.append(f"{{UID  {wanted.uid}  {_AUTHENTICATION_GROUP}/v1  }}")
    raise internal_error(f"requested [{' '.join(parts)}] without impersonating a user")


def _asks(request: Request) -> bool:
    return any(name.startswith("impersonate-") for name, _ in request.headers)


def questions(caller: UserInfo, wanted: Wanted) -> list[Attributes]:
    """What must be allowed for this impersonation, in upstream's order."""

    def ask(resource: str, name: str, *, namespace: str = "", group: str = "", subresource: str = "") -> Attributes:
        version = "v1"
        return Attributes(caller, "impersonate", group, version, resource, subresource, namespace, name)

    account = split_user_name(wanted.user)
    asked = [ask("serviceaccounts", account[1], namespace=account[0]) if account else ask("users", wanted.user)]
    asked += [ask("groups", group) for group in wanted.groups]
    for key, values in wanted.extra.items():
        asked += [ask("userextras", value, group=_AUTHENTICATION_GROUP, subresource=key) for value in values]
    if wanted.uid:
        asked.append(ask("uids", wanted.uid, group=_AUTHENTICATION_GROUP))
    return asked


def impersonated(wanted: Wanted) -> UserInfo:
    """The identity with the groups upstream adds: the account's own, and system:authenticated or :unauthenticated."""
    groups = list(wanted.groups)
    account = split_user_name(wanted.user)
    if account and not groups:
        groups = list(user_groups(account[0]))
    if AUTHENTICATED not in groups and UNAUTHENTICATED not in groups:
        groups.append(UNAUTHENTICATED if wanted.user == ANONYMOUS.name else AUTHENTICATED)
    return UserInfo(wanted.user, wanted.uid, tuple(groups), wanted.extra)


class ImpersonationFilter:
    """`filter(next) -> App`; sits between authentication and authorization."""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    def __call__(self, next: App) -> App:
        def impersonating(request: Request) -> Awaitable[Response]:
            facts = request.facts
            asked = facts.get("impersonates")
            if asked is None:
                asked = facts["impersonates"] = _asks(request)
            return impersonated_request(request) if asked else next(request)

        async def impersonated_request(request: Request) -> Response:
            wanted = wanted_identity(request)
            if wanted is None:
                return await next(request)
            caller: UserInfo = request.context["user"]
            for attributes in questions(caller, wanted):
                decision = await self._authorizer.authorize(attributes)
                if not decision.allowed:
                    raise forbidden(attributes, decision.reason)
            request.context["impersonator"] = caller
            request.context["user"] = impersonated(wanted)
            request.headers = [(k, v) for k, v in request.headers if not k.startswith("impersonate-")]
            return await next(request)

        return impersonating


def build_impersonation(authorizer: Authorizer) -> ImpersonationFilter:
    """The filter around an authorizer."""
    return ImpersonationFilter(authorizer)
