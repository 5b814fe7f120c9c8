"""`kubectl config view|current-context|get-contexts|get-clusters|get-users`."""

from __future__ import annotations

import os

from ..config.files import Kubeconfig, load
from ..config.writing import document_of
from ..errors import CommandError, UsageError, reason_of
from ..output.table import Columns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

FLAGS = {
    "config view": (
        "allow-missing-template-keys=true flatten=false merge=true minify=false -o,output='yaml' raw=false "
        "show-managed-fields=false template=''"
    ),
    "config current-context": "",
    "config get-contexts": "no-headers=false -o,output=''",
    "config get-clusters": "",
    "config get-users": "",
}


def run(session: Session) -> int:
    verb = session.command.rpartition(" ")[2]
    if verb == "view":
        return _view(session)
    config = load(session.flags.text("kubeconfig"), must_exist=False)
    if verb == "current-context":
        if not config.current_context:
            raise CommandError("current-context is not set")
        session.print(config.current_context)
    elif verb == "get-contexts":
        _contexts(session, config)
    else:
        section = verb.removeprefix("get-")
        columns = Columns(session.out.write)
        columns.add(["NAME"])
        for name in sorted(config.section(section)):
            columns.add([name])
        columns.flush()
    return 0


def _contexts(session: Session, config: Kubeconfig) -> None:
    output = session.flags.text("output")
    if output not in ("", "name"):
        raise CommandError(
            f"--output {output} is not available in kubectl config get-contexts; resetting to default output format"
        )
    names = session.args or sorted(config.contexts)
    missing = [name for name in names if name not in config.contexts]
    columns = Columns(session.out.write)
    by_name = output == "name"
    if not by_name and not session.flags.on("no-headers"):
        columns.add(["CURRENT", "NAME", "CLUSTER", "AUTHINFO", "NAMESPACE"])
    for name in sorted(names) if session.args else names:
        if name in missing:
            continue
        if by_name:
            columns.add([name])
            continue
        context = config.contexts[name]
        mark = "*" if name == config.current_context else ""
        columns.add(
            [
                mark,
                name,
                str(context.get("cluster", "")),
                str(context.get("user", "")),
                str(context.get("namespace", "")),
            ]
        )
    columns.flush()
    if missing:
        prefix = "error: " if len(missing) == 1 else ""
        raise CommandError("\n".join(f"context {name} not found" for name in missing), prefix=prefix)


def _view(session: Session) -> int:
    flags = session.flags
    if session.args:
        raise UsageError(f"unexpected arguments: [{' '.join(session.args)}]", "config view")
    if flags.text("template") and not flags.changed("output"):
        flags.set("output", "go-template")
    explicit = flags.text("kubeconfig")
    if not flags.on("merge") and not explicit:
        raise CommandError("if merge==false a precise file must be specified")
    if not flags.on("merge") and not os.path.exists(explicit):
        raise CommandError(f"open {explicit}: no such file or directory")
    config = load(explicit, absolute=False, must_exist=False)
    if flags.on("minify"):
        _minify(config, flags.text("context"))
    if flags.on("flatten"):
        _flatten(config)
    document = document_of(config)
    if not flags.on("raw") and not flags.on("flatten"):
        _redact(document)
    from ..output.printers import printer_for

    printer_for(session, default="yaml").print(document, True)
    return 0


def _minify(config: Kubeconfig, context: str) -> None:
    """Keep what the current context needs. CommandError."""
    name = context or config.current_context
    if not name:
        raise CommandError("current-context must exist in order to minify")
    if name not in config.contexts:
        raise CommandError(f"cannot locate context {name}")
    chosen = config.contexts[name]
    config.current_context = name
    config.contexts = {name: chosen}
    config.clusters = _needed(config.clusters, chosen.get("cluster"), "cluster")
    config.users = _needed(config.users, chosen.get("user"), "user")


def _needed(entries: dict[str, dict[str, Any]], name: str | None, kind: str) -> dict[str, dict[str, Any]]:
    if not name:
        return {}
    if name not in entries:
        raise CommandError(f"cannot locate {kind} {name}")
    return {name: entries[name]}


_FILES = {
    "clusters": ("certificate-authority",),
    "users": ("client-certificate", "client-key"),
}


def _flatten(config: Kubeconfig) -> None:
    """Files, which may be named relative to the kubeconfig, into data. CommandError."""
    from binascii import b2a_base64

    for section in ("users", "clusters"):
        for name, fields in config.section(section).items():
            base = os.path.dirname(os.path.abspath(config.origins[section, name]))
            for key in _FILES[section]:
                path = fields.pop(key, None)
                if not path:
                    continue
                if fields.get(f"{key}-data"):
                    raise CommandError("cannot have values for both path and contents")
                path = os.path.normpath(os.path.join(base, path))
                try:
                    with open(path, "rb") as file:
                        fields[f"{key}-data"] = b2a_base64(file.read(), newline=False).decode()
                except OSError as error:
                    verb = "read" if isinstance(error, IsADirectoryError) else "open"
                    raise CommandError(f"{verb} {path}: {reason_of(error)}") from None


def _redact(document: dict[str, Any]) -> None:
    for entry in document.get("clusters") or ():
        if "certificate-authority-data" in entry["cluster"]:
            entry["cluster"]["certificate-authority-data"] = "DATA+OMITTED"
    for entry in document.get("users") or ():
        user = entry["user"]
        for key in ("client-certificate-data", "client-key-data"):
            if key in user:
                user[key] = "DATA+OMITTED"
        for key in ("token", "password"):
            if key in user:
                user[key] = "REDACTED"
