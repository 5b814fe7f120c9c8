"""`/healthz`, `/livez`, `/readyz`: named checks, all of them or one by its path, terse or `?verbose`.

A check returns nothing when all is well and a reason otherwise. Callers do not see reasons, as upstream.
"""

from collections.abc import Awaitable, Callable, Mapping

from .message import Request, Response

Check = Callable[[], str | Awaitable[str]]
"""Returns why it fails, "" when all is well; at once or after a while."""

PATHS = ("healthz", "livez", "readyz")
_TEXT = [("content-type", "text/plain; charset=utf-8"), ("x-content-type-options", "nosniff")]


class Health:
    """Checks by endpoint, in the order they were added. `paths` are the endpoints there are."""

    def __init__(self, paths: tuple[str, ...] = PATHS) -> None:
        self.paths = paths
        self._checks: dict[str, dict[str, Check]] = {path: {} for path in paths}

    def add(self, name: str, check: Check, paths: tuple[str, ...] = PATHS) -> None:
        """Ask this check on these endpoints."""
        for path in self._checks.keys() & set(paths):
            self._checks[path][name] = check

    async def trouble(self, path: str) -> str:
        """The first check of this endpoint that fails, as `name: why`; "" when none does."""
        for name, check in self._checks[path].items():
            if why := await result(check):
                return f"{name}: {why}"
        return ""

    async def page(self, request: Request) -> Response | None:
        """The answer, None for other paths."""
        path = request.path.strip("/")
        endpoint, _, name = path.partition("/")
        checks = self._checks.get(endpoint)
        if checks is None:
            return None
        if name:
            if name not in checks:
                return None
            checks = {name: checks[name]}
        excluded = set(request.param_all("exclude")) if request.query else set()
        verbose = "verbose" in request.params() if request.query else False
        found = {name: "" if name in excluded else await result(check) for name, check in checks.items()}
        return _answer(endpoint, found, excluded, verbose, single=bool(name))


async def result(check: Check) -> str:
    """What a check says."""
    found = check()
    return found if isinstance(found, str) else await found


def _answer(endpoint: str, found: Mapping[str, str], excluded: set[str], verbose: bool, *, single: bool) -> Response:
    lines, failed = [], []
    for name, reason in found.items():
        if name in excluded:
            lines.append(f"[+]{name} excluded: ok")
        elif reason:
            lines.append(f"[-]{name} failed: reason withheld")
            failed.append(name)
        else:
            lines.append(f"[+]{name} ok")
    unknown = sorted(excluded - found.keys())
    if unknown:
        listed = ", ".join(f'"{name}"' for name in unknown)
        lines.append(f"warn: some health checks cannot be excluded: no matches for {listed}")
    if failed:
        if single:
            return Response(500, list(_TEXT), b"internal server error: reason withheld\n")
        return Response(500, list(_TEXT), ("\n".join(lines) + f"\n{endpoint} check failed\n").encode())
    if verbose and not single:
        return Response(200, list(_TEXT), ("\n".join(lines) + f"\n{endpoint} check passed\n").encode())
    return Response(200, list(_TEXT), b"ok")
