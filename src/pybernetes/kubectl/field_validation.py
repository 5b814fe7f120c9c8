"""Who validates the fields of what is sent: the server, if its OpenAPI documents say that it does; else the client.

    /openapi/v3 ─▶ the version's document ─▶ knows `fieldValidation`? the server validates
      │ fails                                  no ─▶ /openapi/v2: validate here
      └──▶ /openapi/v2 ─▶ knows it? …            fails ─▶ the object is refused
           a version that is not in it: of a definition? as those of v1; else validate here

That a server validates a version is kept on disk as long as its discovery, so that the documents are asked for once.
"""

from __future__ import annotations

import os

from .client import JSON
from .discovery import cache_path, keep, recent, unread
from .errors import CommandError, StatusFailure, Unreachable
from .wire.json_read import JsonError, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .client import Client

_MARK = b'"fieldValidation"'
_TIMEOUT = "?timeout=32s"
_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class FieldValidation:
    """Of one server."""

    def __init__(self, client: Client, cache_dir: str) -> None:
        self._client = client
        self._path = os.path.join(os.path.dirname(cache_path(cache_dir, client.target.server)), "field-validation")
        self._servers: set[str] | None = None
        """The versions that the server validates."""
        self._index: dict[str, Any] | None = None
        self._older: bytes | None = None

    def check(self, obj: dict[str, Any], *, strict: bool) -> None:
        """CommandError for an object whose fields nobody can validate, or that are found wrong here."""
        api_version, kind = str(obj["apiVersion"]), str(obj["kind"])
        if self._servers is None:
            self._servers = set((recent(self._path) or b"").decode("utf-8", "replace").split())
        if api_version in self._servers or (api_version, kind) == ("v1", "List"):
            return
        if self._supported(api_version, kind):
            self._servers.add(api_version)
            keep(self._path, "\n".join(sorted(self._servers)))
        elif strict:
            document = self._v2()
            if f'"{kind}"'.encode() in document:
                from .openapi_validation import validate

                found = list(dict.fromkeys(validate(loads(document).get("definitions") or {}, obj)))
                if found:
                    raise CommandError(found[0] if len(found) == 1 else f"[{', '.join(found)}]")

    def _supported(self, api_version: str, kind: str) -> bool:
        """Does the server validate it?"""
        where = f"apis/{api_version}" if "/" in api_version else f"api/{api_version}"
        try:
            if self._index is None:
                self._index = self._client.get(f"/openapi/v3{_TIMEOUT}").get("paths") or {}
            entry = self._index.get(where)
            if entry is not None:
                return _MARK in self._client.call("GET", entry["serverRelativeURL"])
        except (StatusFailure, CommandError, AttributeError, KeyError, TypeError):
            return _MARK in self._v2("failed to download openapi: ")
        return api_version != "v1" and self._is_defined(api_version, kind) and self._supported("v1", "Namespace")

    def _is_defined(self, api_version: str, kind: str) -> bool:
        """Is there a definition for it, though the documents do not have it yet?"""
        try:
            specs = [item["spec"] for item in self._client.get(_DEFINITIONS).get("items") or ()]
        except (StatusFailure, CommandError, AttributeError, KeyError, TypeError):
            return False
        wanted = (api_version.partition("/")[0], kind)
        return any((spec.get("group"), (spec.get("names") or {}).get("kind")) == wanted for spec in specs)

    def _v2(self, prefix: str = "") -> bytes:
        """The older document. CommandError, its message after a prefix."""
        if self._older is None:
            try:
                data = self._client.call("GET", f"/openapi/v2{_TIMEOUT}", accept=JSON)
                loads(data)
            except StatusFailure as error:
                raise CommandError(prefix + unread(error).message) from None
            except Unreachable as error:
                if not error.detail:
                    raise
                raise CommandError(prefix + error.detail) from None
            except (CommandError, JsonError) as error:
                raise CommandError(f"{prefix}{error}") from None
            self._older = data
        return self._older
