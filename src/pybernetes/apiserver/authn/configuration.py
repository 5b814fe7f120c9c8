"""AuthenticationConfiguration (apiserver.config.k8s.io/v1): JWT issuers, and who may stay anonymous where."""

from pathlib import Path
from typing import Any

import msgspec

from ...base.clock import Clock
from .tokens import RemoteTokenAuthenticator

Object = dict[str, Any]


class Structured(msgspec.Struct, kw_only=True):
    """What the file says. `anonymous_paths` None: everywhere."""

    issuers: list[RemoteTokenAuthenticator] = []
    anonymous: bool | None = None
    anonymous_paths: tuple[str, ...] | None = None


def load(path: str, clock: Clock) -> Structured:
    """Read the file. ValueError, OSError."""
    return parse(Path(path).read_bytes(), path, clock)


def parse(data: bytes, path: str, clock: Clock) -> Structured:
    """The content of a file; the path is for messages. ValueError."""
    from ..config_documents import document_of

    document = document_of(data, path, "AuthenticationConfiguration")
    found = Structured()
    rows: list[Object] = document.get("jwt") or []
    if rows:
        from .oidc import JwtAuthenticator

        issuers = [JwtAuthenticator(row, clock) for row in rows]
        urls = [issuer.url for issuer in issuers]
        if len(set(urls)) != len(urls):
            raise ValueError(f"{path}: jwt: Duplicate value: issuer URLs must be unique across all authenticators")
        found.issuers = list(issuers)
    anonymous = document.get("anonymous")
    if anonymous is not None:
        found.anonymous = bool(anonymous.get("enabled"))
        conditions = anonymous.get("conditions")
        if conditions:
            found.anonymous_paths = tuple(str(row.get("path") or "") for row in conditions)
    return found
