"""`/statusz` and `/flagz`: what runs here, since when, and with which flags (KEP-4827, KEP-4828; beta and on in v1.36).

Text by default; the versioned objects of config.k8s.io for whoever names one whole in Accept:

    text/plain, */*, nothing                                               text, for people
    application/json;g=config.k8s.io;v=v1beta1;as=Statusz                  JSON (or application/yaml)
    anything else, application/json alone among it                         406

Every component has them. Who may read them is a matter of RBAC: the role system:monitoring has both paths.
"""

import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from .. import GIT_VERSION, KUBERNETES_VERSION
from ..api import status
from ..base.http.accept import clauses
from ..base.http.message import Request, Response
from ..base.metrics import process_started

JSON, YAML = "application/json", "application/yaml"
GROUP = "config.k8s.io"
TEXT = "text/plain"
_VERSIONS = {"v1beta1": False, "v1alpha1": True}
"""Version -> whether it is deprecated."""
_WARNING = (
    "Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is "
    "for debugging purposes only."
)

Object = dict[str, Any]


def statusz(component: str, paths: Callable[[], list[str]]) -> Callable[[Request], Any]:
    """The page of `/statusz`. `paths` are those of the server; the first word of each is shown."""

    async def serve(request: Request) -> Response:
        started = process_started()
        uptime = max(int(time.time() - started), 0)
        words = sorted({"/" + path.split("/")[1] for path in paths() if path != "/" and not path.startswith("/api")})
        found: Object = {
            "startTime": datetime.fromtimestamp(started, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "uptimeSeconds": uptime,
            "goVersion": f"python{platform.python_version()}",
            "binaryVersion": GIT_VERSION.removeprefix("v"),
            "emulationVersion": ".".join(KUBERNETES_VERSION.removeprefix("v").split(".")[:2]),
            "paths": words,
        }
        chosen = structured(request.header("accept") or "", "Statusz")
        if chosen is not None:
            return _answer(component, chosen, "Statusz", found)
        when = datetime.fromtimestamp(started, UTC).strftime("%a %b %e %H:%M:%S UTC %Y")
        hours, minutes, seconds = uptime // 3600, uptime // 60 % 60, uptime % 60
        lines = [
            f"Started: {when}",
            f"Up: {hours} hr {minutes:02} min {seconds:02} sec",
            f"Go version: {found['goVersion']}",
            f"Binary version: {found['binaryVersion']}",
            f"Emulation version: {found['emulationVersion']}",
            f"Paths: {' '.join(words)}",
        ]
        return _text(component, "statusz", lines)

    return serve


def flagz(component: str, flags_of: Callable[[], dict[str, str]]) -> Callable[[Request], Any]:
    """The page of `/flagz`."""

    async def serve(request: Request) -> Response:
        flags = flags_of()
        chosen = structured(request.header("accept") or "", "Flagz")
        if chosen is not None:
            return _answer(component, chosen, "Flagz", {"flags": flags})
        return _text(component, "flags", [f"{name}={value}" for name, value in flags.items()])

    return serve


def structured(accept: str, kind: str) -> tuple[str, str] | None:
    """(media type, version) of the first clause that can be served; None for text. StatusError 406."""
    if not accept.strip():
        return None
    for media, options in clauses(accept):
        form, group, version = options.get("as", ""), options.get("g", ""), options.get("v", "")
        if media in (JSON, YAML):
            if (form, group) == (kind, GROUP) and version in _VERSIONS:
                return media, version
        elif media in (TEXT, "text/*", "*/*") and not form:
            return None
    raise status.not_acceptable((JSON, YAML, TEXT))


def _answer(component: str, chosen: tuple[str, str], kind: str, fields: Object) -> Response:
    media, version = chosen
    found = {"kind": kind, "apiVersion": f"{GROUP}/{version}", "metadata": {"name": component}, **fields}
    headers = [("content-type", media)]
    if _VERSIONS[version]:
        old = f"This version of the {kind.lower()} endpoint is deprecated. Please use a newer version."
        headers.append(("warning", f'299 - "{old}"'))
    return Response(200, headers, _yaml(found) if media == YAML else msgspec.json.encode(found))


def _yaml(found: Object) -> bytes:
    import yaml

    text: str = yaml.safe_dump(found, default_flow_style=False)
    return text.encode()


def _text(component: str, title: str, lines: list[str]) -> Response:
    text = "\n".join(["", f"{component} {title}", _WARNING, "", *lines, ""])
    return Response(200, [("content-type", "text/plain; charset=utf-8")], text.encode())
