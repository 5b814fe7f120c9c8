"""Which permissions let whom act as whom (KEP-5284, constrained impersonation; on in v1.36).

    associated-node   a pod's service account as the node it runs on      only the user name is given
    arbitrary-node    as any node                                         only the user name is given
    serviceaccount    as a service account                                only the user name is given
    user-info         as any other user, with groups, uid and extra
    legacy            the verb `impersonate`, whatever is done then

A constrained mode asks twice: may the caller do *this* as somebody (`impersonate-on:MODE:VERB` on what is asked for),
and may he be *him* (`impersonate:MODE` on users, groups, uids, userextras, nodes or serviceaccounts of
authentication.k8s.io). The modes are tried in this order, the one that last worked for a caller first; when none does,
the first refusal is the answer.
"""

from collections import OrderedDict

import msgspec

from ...api.names import dns1123_subdomain
from ...api.status import StatusError
from ...api.user import ANONYMOUS, AUTHENTICATED, SYSTEM_MASTERS, UNAUTHENTICATED, UserInfo
from ...api.validation.values import domain_prefixed_path
from ..authn.service_account import split_user_name, user_groups
from .authorizer import Attributes, Authorizer
from .forbidden import forbidden

GROUP = "authentication.k8s.io"
LEGACY = "legacy"
MODES = ("associated-node", "arbitrary-node", "serviceaccount", "user-info", LEGACY)
_NODE_PREFIX = "system:node:"
_NODES_GROUP = "system:nodes"
_NODE_NAME = "authentication.kubernetes.io/node-name"
_NODE_KEYS = "authentication.kubernetes.io/associated-node-keys"
_MANY = 4
_REMEMBERED = 1024


class Wanted(msgspec.Struct):
    """The identity asked for, as the headers give it."""

    user: str = ""
    uid: str = ""
    groups: list[str] = msgspec.field(default_factory=list)
    extra: dict[str, list[str]] = msgspec.field(default_factory=dict)

    @property
    def only_user(self) -> bool:
        return not (self.uid or self.groups or self.extra)


def node_of(user: str) -> str:
    """The node whose user name this is; "" for any other."""
    name = user.removeprefix(_NODE_PREFIX)
    return name if name != user and name and not dns1123_subdomain(name) else ""


def applies(mode: str, caller: UserInfo, wanted: Wanted) -> bool:
    """Whether a mode is about this caller and whom he wants to be."""
    node, account = node_of(wanted.user), split_user_name(wanted.user)
    match mode:
        case "associated-node":
            mine = caller.extra.get(_NODE_NAME) or []
            return wanted.only_user and bool(node) and mine == [node] and split_user_name(caller.name) is not None
        case "arbitrary-node":
            return wanted.only_user and bool(node)
        case "serviceaccount":
            return wanted.only_user and account is not None
        case "user-info":
            return not node and account is None
    return True


def identity(mode: str, wanted: Wanted) -> UserInfo:
    """Who the request is then: with the groups that the API server knows of nodes and service accounts."""
    groups = list(wanted.groups)
    account = split_user_name(wanted.user)
    if mode != LEGACY and node_of(wanted.user):
        groups = [_NODES_GROUP]
    elif account and not groups:
        groups = list(user_groups(account[0]))
    if wanted.user == ANONYMOUS.name:
        missing = UNAUTHENTICATED
    else:
        missing = AUTHENTICATED if UNAUTHENTICATED not in groups else ""
    if missing and missing not in groups:
        groups.append(missing)
    return UserInfo(wanted.user, wanted.uid, tuple(groups), wanted.extra)


class Impersonation:
    """Decides who a request is that asks to be somebody else."""

    def __init__(self, authorizer: Authorizer, *, constrained: bool) -> None:
        """Without `constrained` only the legacy mode is there."""
        self._authorizer = authorizer
        self._modes = MODES if constrained else (LEGACY,)
        self._last: OrderedDict[tuple[str, str, tuple[str, ...]], str] = OrderedDict()

    async def decide(self, wanted: Wanted, request: Attributes) -> tuple[UserInfo, str]:
        """(the identity, the verb that constrains it or ""). `request` is what the caller asks for, as himself.
        StatusError 403."""
        caller = request.user
        key = (caller.name, caller.uid, caller.groups)
        last = self._last.get(key)
        refusal: StatusError | None = None
        for mode in (last, *self._modes) if last else self._modes:
            if not applies(mode, caller, wanted) or (mode == last and refusal is not None):
                continue
            try:
                await self._check(mode, wanted, request)
            except StatusError as error:
                if error.code != 403:
                    raise
                refusal = refusal or error
                continue
            self._remember(key, mode)
            return identity(mode, wanted), "" if mode == LEGACY else f"impersonate:{mode}"
        assert refusal is not None  # the legacy mode is about everybody
        raise refusal

    def _remember(self, key: tuple[str, str, tuple[str, ...]], mode: str) -> None:
        if len(self._modes) > 1:
            self._last[key] = mode
            self._last.move_to_end(key)
            if len(self._last) > _REMEMBERED:
                self._last.popitem(last=False)

    async def _check(self, mode: str, wanted: Wanted, request: Attributes) -> None:
        caller = request.user
        if mode == LEGACY:
            await self._be(caller, wanted, "impersonate", "")
            return
        if mode == "associated-node":
            # What is in a token differs from pod to pod; that its node is the right one was seen already.
            caller = msgspec.structs.replace(caller, extra={_NODE_KEYS: sorted(caller.extra)})
        on = msgspec.structs.replace(request, user=caller, verb=f"impersonate-on:{mode}:{request.verb}")
        await self._allowed(on)
        await self._be(caller, wanted, f"impersonate:{mode}", GROUP)

    async def _be(self, caller: UserInfo, wanted: Wanted, verb: str, group: str) -> None:
        """May the caller be him. `group` is that of users and groups: "" for the legacy verb."""

        def ask(resource: str, name: str, *, of: str = GROUP, namespace: str = "", sub: str = "") -> Attributes:
            return Attributes(caller, verb, of, "v1", resource, sub, namespace, name)

        constrained = bool(group)
        account, node = split_user_name(wanted.user), node_of(wanted.user)
        if account:
            await self._allowed(ask("serviceaccounts", account[1], of=group, namespace=account[0]))
        elif constrained and node:
            await self._allowed(ask("nodes", "*" if verb.endswith(":associated-node") else node))
        else:
            await self._allowed(ask("users", wanted.user, of=group))
        if wanted.uid:
            await self._allowed(ask("uids", wanted.uid))
        if wanted.groups:
            await self._groups(wanted.groups, ask("groups", "", of=group), constrained=constrained)
        if wanted.extra:
            await self._extra(wanted.extra, ask("userextras", ""), constrained=constrained)

    async def _groups(self, groups: list[str], asked: Attributes, *, constrained: bool) -> None:
        if constrained:
            if "" in groups:
                raise forbidden(asked, "impersonating the empty string group is not allowed")
            if SYSTEM_MASTERS in groups:
                named = msgspec.structs.replace(asked, name=SYSTEM_MASTERS)
                raise forbidden(named, "impersonating the system:masters group is not allowed")
            if len(groups) >= _MANY and await self._is_allowed(msgspec.structs.replace(asked, name="*")):
                return
        for group in groups:
            await self._allowed(msgspec.structs.replace(asked, name=group))

    async def _extra(self, extra: dict[str, list[str]], asked: Attributes, *, constrained: bool) -> None:
        if constrained:
            wrong = _wrong_extra(extra)
            if wrong:
                raise forbidden(asked, wrong)
            many = len(extra) >= _MANY or sum(map(len, extra.values())) >= _MANY
            if many and await self._is_allowed(msgspec.structs.replace(asked, subresource="*", name="*")):
                return
        for key, values in extra.items():
            for value in values:
                await self._allowed(msgspec.structs.replace(asked, subresource=key, name=value))

    async def _is_allowed(self, attributes: Attributes) -> bool:
        return (await self._authorizer.authorize(attributes)).allowed

    async def _allowed(self, attributes: Attributes) -> None:
        decision = await self._authorizer.authorize(attributes)
        if not decision.allowed:
            raise forbidden(attributes, decision.reason)


def _wrong_extra(extra: dict[str, list[str]]) -> str:
    """What no constrained mode takes; "" when all is well."""
    for key, values in extra.items():
        if not key:
            return "impersonating the empty string key in extra is not allowed"
        if errors := domain_prefixed_path(key, "extra.key"):
            told = errors[0] if len(errors) == 1 else f"[{', '.join(map(str, errors))}]"
            return f"impersonating an invalid key in extra is not allowed: {told}"
        if "" in values:
            return "impersonating the empty string value in extra is not allowed"
    return ""
