"""Who makes a request."""

import msgspec


class UserInfo(msgspec.Struct, frozen=True):
    """An authenticated identity (authentication.k8s.io/v1 UserInfo)."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: dict[str, list[str]] = {}


SYSTEM_MASTERS = "system:masters"
AUTHENTICATED = "system:authenticated"
UNAUTHENTICATED = "system:unauthenticated"
ANONYMOUS = UserInfo("system:anonymous", groups=(UNAUTHENTICATED,))


def component(name: str, *groups: str) -> UserInfo:
    """The identity of one of our own components in its own process, such as `system:kube-scheduler`."""
    return UserInfo(name, groups=(*groups, AUTHENTICATED))
