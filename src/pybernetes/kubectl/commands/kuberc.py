"""`kubectl kuberc view` and `set`: the preference file."""

from __future__ import annotations

import os

from ..errors import CommandError
from ..kuberc import read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

FLAGS = {
    "kuberc view": "-o,output='yaml' allow-missing-template-keys=true show-managed-fields=false template=''",
    "kuberc set": ("appendarg=[+] command='' name='' option=[+] overwrite=false prependarg=[+] section=''"),
}


def _path(session: Session) -> str:
    given = session.flags.text("kuberc") or os.environ.get("KUBERC", "")
    return given or os.path.join(os.path.expanduser("~"), ".kube", "kuberc")


def run(session: Session) -> int:
    path = _path(session)
    if session.command == "kuberc view":
        if not os.path.exists(path):
            raise CommandError(f"no kuberc file found at {path}")
        from ..output.printers import printer_for

        printer_for(session, default="yaml").print(read(path))
        return 0
    return _set(session, path)


def _set(session: Session, path: str) -> int:
    flags = session.flags
    section, command = flags.text("section"), flags.text("command")
    if section not in ("defaults", "aliases"):
        raise CommandError("invalid section: must be one of defaults or aliases")
    if not command:
        raise CommandError("command is required")
    document: dict[str, Any] = read(path) if os.path.exists(path) else {}
    document.setdefault("apiVersion", "kubectl.config.k8s.io/v1beta1")
    document.setdefault("kind", "Preference")
    entry: dict[str, Any] = {"command": command}
    key = command
    if section == "aliases":
        key = flags.text("name")
        if not key:
            raise CommandError("alias name is required for section aliases")
        entry = {"name": key, "command": command}
        for flag, field in (("prependarg", "prependArgs"), ("appendarg", "appendArgs")):
            if flags.many(flag):
                entry[field] = flags.many(flag)
    entry["options"] = [
        {"name": text.partition("=")[0], "default": text.partition("=")[2]} for text in flags.many("option")
    ]
    entries = document.setdefault(section, [])
    field = "name" if section == "aliases" else "command"
    known = [position for position, other in enumerate(entries) if other.get(field) == key]
    if known and not flags.on("overwrite"):
        raise CommandError(f"{section} for {key} already exist, use --overwrite to replace them")
    if known:
        entries[known[0]] = entry
    else:
        entries.append(entry)
    from ..output.go_yaml import dump

    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(dump(document))
    session.print(f"Updated {path}")
    return 0
