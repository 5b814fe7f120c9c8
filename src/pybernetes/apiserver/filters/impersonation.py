"""Acting as somebody else: `Impersonate-User`, `-Group`, `-Uid`, `-Extra-KEY`.

Whether the caller may be who he wants to be, for what he asks, is decided in `../authz/impersonation_modes.py`; then
the request goes on as that identity. The caller stays in `context["impersonator"]` for the audit log, the permission
that let him in `context["impersonation_constraint"]`.
"""

from collections.abc import Awaitable
from urllib.parse import unquote

from ...api.status import bad_request
from ...base.http.message import App, Request, Response
from ..authz.authorizer import Authorizer
from ..authz.forbidden import quote
from ..authz.impersonation_modes import Impersonation, Wanted
from .authorization import attributes_of

_USER = "impersonate-user"
_GROUP = "impersonate-group"
_UID = "impersonate-uid"
_EXTRA_PREFIX = "impersonate-extra-"


def wanted_identity(request: Request) -> Wanted | None:
    """Read the headers; None when there are none. StatusError 400 for parts without a user."""
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
    if wanted.only_user:
        return None
    raise bad_request(f"requested {_shown(wanted)} without impersonating a user name")


def _shown(wanted: Wanted) -> str:
    """As Go prints a user.DefaultInfo with %#v."""
    groups = f"[]string{_strings(wanted.groups)}" if wanted.groups else "[]string(nil)"
    rows = [f"{quote(key)}:[]string{_strings(values)}" for key, values in sorted(wanted.extra.items())]
    extra = f"map[string][]string{{{', '.join(rows)}}}" if rows else "map[string][]string(nil)"
    return f'&user.DefaultInfo{{Name:"", UID:{quote(wanted.uid)}, Groups:{groups}, Extra:{extra}}}'


def _strings(values: list[str]) -> str:
    return f"{{{', '.join(map(quote, values))}}}"


def _asks(request: Request) -> bool:
    return any(name.startswith("impersonate-") for name, _ in request.headers)


class ImpersonationFilter:
    """`filter(next) -> App`; sits between authentication and authorization."""

    def __init__(self, authorizer: Authorizer, *, constrained: bool = True) -> None:
        self._impersonation = Impersonation(authorizer, constrained=constrained)

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
            context = request.context
            caller = context["user"]
            found, constraint = await self._impersonation.decide(
                wanted, attributes_of(caller, context["info"], request)
            )
            context["impersonator"], context["impersonation_constraint"] = caller, constraint
            context["user"] = found
            request.headers = [(k, v) for k, v in request.headers if not k.startswith("impersonate-")]
            return await next(request)

        return impersonating


def build_impersonation(authorizer: Authorizer, *, constrained: bool = True) -> ImpersonationFilter:
    """The filter around an authorizer. `constrained` is the gate ConstrainedImpersonation."""
    return ImpersonationFilter(authorizer, constrained=constrained)
