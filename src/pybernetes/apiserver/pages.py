"""The paths that are no resources: `/`, `/version`, `/metrics`, the token issuer's documents."""

import platform
import sys
from collections.abc import Awaitable, Callable

import orjson

from .. import GIT_VERSION, KUBERNETES_VERSION
from ..base.architecture import architecture
from ..base.commit import source_commit
from ..base.http.message import Request, Response
from ..base.metrics import CONTENT_TYPE, Registry

_JSON = ("content-type", "application/json")

Serve = Callable[[Request], Awaitable[Response]]


def version_info() -> dict[str, str]:
    """`/version`; build facts that have no meaning here name Python instead of Go."""
    major, minor, _ = KUBERNETES_VERSION.removeprefix("v").split(".")
    return {
        "major": major,
        "minor": minor,
        "emulationMajor": major,
        "emulationMinor": minor,
        "minCompatibilityMajor": major,
        "minCompatibilityMinor": str(int(minor) - 1),
        "gitVersion": GIT_VERSION,
        "gitCommit": source_commit(),
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": f"python{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}",
        "compiler": platform.python_implementation().lower(),
        "platform": f"{sys.platform}/{architecture()}",
    }


class Pages:
    """Static and small pages by exact path. `paths` lists all there are for `/`."""

    def __init__(self, metrics: Registry, paths: Callable[[], list[str]]) -> None:
        self._metrics = metrics
        self._paths = paths
        self.served: dict[str, Serve] = {"/version": self._version, "/metrics": self._metrics_page, "/": self._root}

    async def page(self, request: Request) -> Response | None:
        """The answer, None for other paths."""
        path = request.path if len(request.path) == 1 else request.path.rstrip("/")
        serve = self.served.get(path)
        return await serve(request) if serve is not None else None

    async def _version(self, request: Request) -> Response:
        return Response(200, [_JSON], orjson.dumps(version_info(), option=orjson.OPT_INDENT_2))

    async def _metrics_page(self, request: Request) -> Response:
        return Response(200, [("content-type", CONTENT_TYPE)], self._metrics.text())

    async def _root(self, request: Request) -> Response:
        paths = sorted({*self._paths(), *(path for path in self.served if path != "/")})
        return Response(200, [_JSON], orjson.dumps({"paths": paths}, option=orjson.OPT_INDENT_2))
