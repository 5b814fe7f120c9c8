"""`kubectl version`."""

from __future__ import annotations

from ... import GIT_VERSION, KUBERNETES_VERSION
from ...base.architecture import architecture
from ...base.commit import source_commit
from ..discovery import unread
from ..errors import CommandError, StatusFailure, quoted
from ..wire.json_read import JsonError, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..client import Client
    from ..session import Session

FLAGS = "client=false -o,output=''"
KUSTOMIZE_VERSION = "v5.7.1"


def run(session: Session) -> int:
    if session.args and not session.flags.on("client"):
        raise CommandError(f"extra arguments: [{' '.join(session.args)}]")
    output = session.flags.text("output")
    if output not in ("", "yaml", "json"):
        raise CommandError("--output must be 'yaml' or 'json'")
    if not output and session.flags.on("client"):
        session.print(f"Client Version: {GIT_VERSION}", f"Kustomize Version: {KUSTOMIZE_VERSION}")
        return 0
    client = None if session.flags.on("client") else session.client
    found: dict[str, Any] = {"clientVersion": client_version(), "kustomizeVersion": KUSTOMIZE_VERSION}
    failure: Exception | None = None
    if client is not None:
        try:
            found["serverVersion"] = loads(client.call("GET", "/version"))
        except JsonError as error:
            failure = CommandError(f"unable to parse the server version: {error}")
        except StatusFailure as error:
            failure = unread(error)
        except Exception as error:
            failure = error
    _show(session, found, output)
    if failure is not None:
        raise failure
    return 0


def must_match(client: Client) -> None:
    """CommandError unless the server is of the client's very version."""
    server, own = client.get("/version"), client_version()
    if any(server.get(key) != own.get(key) for key in ("gitVersion", "gitCommit", "gitTreeState")):
        raise CommandError(f"server version (&{_go_info(server)}) differs from client version ({_go_info(own)})")


def _go_info(info: dict[str, Any]) -> str:
    """As Go prints a version.Info with %#v."""
    names = (
        "major minor emulationMajor emulationMinor minCompatibilityMajor minCompatibilityMinor gitVersion gitCommit "
        "gitTreeState buildDate goVersion compiler platform"
    ).split()
    shown = ", ".join(f"{name[0].upper()}{name[1:]}:{quoted(info.get(name, ''))}" for name in names)
    return f"version.Info{{{shown}}}"


def client_version() -> dict[str, str]:
    """The `clientVersion` of `version -o json`."""
    import sys

    major, minor, _ = KUBERNETES_VERSION.lstrip("v").split(".")
    return {
        "major": major,
        "minor": minor,
        "gitVersion": GIT_VERSION,
        "gitCommit": source_commit(),
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": f"python{sys.version.split()[0]}",
        "compiler": sys.implementation.name,
        "platform": f"{sys.platform}/{architecture()}",
    }


def _show(session: Session, found: dict[str, Any], output: str) -> None:
    if output == "json":
        from ..output.go_json import indented

        session.print(indented(found, "  ", ordered=True))
    elif output == "yaml":
        from ..output.go_yaml import dump

        session.print(dump(found))
    else:
        session.print(f"Client Version: {GIT_VERSION}", f"Kustomize Version: {KUSTOMIZE_VERSION}")
        server = found.get("serverVersion")
        if server:
            session.print(f"Server Version: {server['gitVersion']}")
            _warn_skew(session, server)


def _warn_skew(session: Session, server: dict[str, Any]) -> None:
    """One minor version between client and server is supported."""
    ours = KUBERNETES_VERSION.lstrip("v").split(".")
    try:
        theirs = int("".join(letter for letter in str(server.get("minor", "")) if letter.isdigit()))
    except ValueError:
        return
    if abs(int(ours[1]) - theirs) > 1 or str(server.get("major")) != ours[0]:
        session.tell(
            f"WARNING: version difference between client ({ours[0]}.{ours[1]}) and server "
            f"({server.get('major')}.{theirs}) exceeds the supported minor version skew of +/-1"
        )
