"""The front proxy: a client certificate of its own CA vouches for the identity given in `X-Remote-*` headers.

Without that certificate the headers mean nothing; with it they are taken off the request once read.
"""

from collections.abc import Sequence
from urllib.parse import unquote

from ...api.user import UserInfo
from ...base.http.message import Request
from .client_certificate import CertificateSubjects


class RequestHeaderAuthenticator:
    """`--requestheader-*`: `allowed_names` are the proxy's common names, empty allows any that the CA has issued."""

    def __init__(
        self,
        ca_pem: bytes,
        *,
        allowed_names: Sequence[str] = (),
        username_headers: Sequence[str] = ("x-remote-user",),
        uid_headers: Sequence[str] = ("x-remote-uid",),
        group_headers: Sequence[str] = ("x-remote-group",),
        extra_prefixes: Sequence[str] = ("x-remote-extra-",),
    ) -> None:
        self._subjects = CertificateSubjects(ca_pem)
        self._allowed_names = frozenset(allowed_names)
        self._username_headers = tuple(name.lower() for name in username_headers)
        self._uid_headers = tuple(name.lower() for name in uid_headers)
        self._group_headers = tuple(name.lower() for name in group_headers)
        self._extra_prefixes = tuple(prefix.lower() for prefix in extra_prefixes)

    def trust(self, ca_pem: bytes) -> None:
        """Only these CAs from now on, on connections that are open as well."""
        self._subjects = CertificateSubjects(ca_pem)

    async def authenticate(self, request: Request) -> UserInfo | None:
        """See Authenticator."""
        if request.peer_certificate is None or not self._first(request, self._username_headers):
            return None
        subject = self._subjects.subject(request.peer_certificate)
        if subject is None or (self._allowed_names and subject.user.name not in self._allowed_names):
            return None
        extra: dict[str, list[str]] = {}
        groups: list[str] = []
        kept: list[tuple[str, str]] = []
        for name, value in request.headers:
            prefix = next((p for p in self._extra_prefixes if name.startswith(p)), "")
            if prefix:
                extra.setdefault(unquote(name.removeprefix(prefix)), []).append(value)
            elif name in self._group_headers:
                groups.append(value)
            elif name not in self._username_headers and name not in self._uid_headers:
                kept.append((name, value))
        user = UserInfo(
            self._first(request, self._username_headers),
            uid=self._first(request, self._uid_headers),
            groups=tuple(groups),
            extra=extra,
        )
        request.headers = kept
        return user

    @staticmethod
    def _first(request: Request, names: Sequence[str]) -> str:
        return next((value for name in names if (value := request.header(name))), "")
