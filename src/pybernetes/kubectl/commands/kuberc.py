"""`kubectl kuberc view` and `set`: the preference file."""

from __future__ import annotations

import os

from ..errors import CommandError, quoted
from ..kuberc import ALLOW_ALL, ALLOW_LIST, DENY_ALL, path_from
from ..preferences import read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

FLAGS = {
    "kuberc view": "-o,output='yaml' allow-missing-template-keys=true show-managed-fields=false template=''",
    "kuberc set": (
        "allowlist-entry=[+] appendarg=[+] command='' name='' option=[+] overwrite=false policy='' prependarg=[+] "
        "section=''"
    ),
}
_TYPE = {"apiVersion": "kubectl.config.k8s.io/v1beta1", "kind": "Preference"}
_RECOMMENDED = {
    **_TYPE,
    "aliases": None,
    "defaults": [
        {"command": "apply", "options": [{"name": "server-side", "default": "true"}]},
        {"command": "delete", "options": [{"name": "interactive", "default": "true"}]},
    ],
}


_LISTS = {
    "defaults": ("command", "options"),
    "aliases": ("name", "command", "prependArgs", "appendArgs", "options"),
}


def run(session: Session) -> int:
    path, explicit = path_from(session.flags.text("kuberc"))
    if not path:
        if os.environ.get("KUBERC") != "off":
            raise CommandError('unknown command "kuberc" for "kubectl"')
        raise CommandError("KUBERC is disabled via KUBERC=off environment variable")
    return _view(session, path, explicit) if session.command == "kuberc view" else _set(session, path)


def _view(session: Session, path: str, explicit: bool) -> int:
    if not os.path.exists(path):
        if explicit:
            raise CommandError(f"kuberc file not found at {path}")
        session.out.write(
            f"kuberc file not found at {path}\n"
            "Would you like to generate a default kuberc file with recommended options? (y/N): "
        )
        session.out.flush()
        if str(session.stdin.readline()).strip().lower() == "y":
            _save(session, path, _RECOMMENDED)
        return 0
    from ..output.printers import printer_for

    found = _typed(_read(path))
    lists = {name: found[name] or [] for name in _LISTS}
    printer_for(session, default="yaml").print({**found, **lists}, True)
    return 0


def _read(path: str) -> dict[str, Any]:
    try:
        return read(path).fields
    except ValueError as error:
        raise CommandError(f"error parsing kuberc file: {error}") from None


def _typed(document: dict[str, Any]) -> dict[str, Any]:
    """Fields in the order of v1beta1's types."""
    shown: dict[str, Any] = {name: document.get(name) for name in ("kind", "apiVersion")}
    for name, fields in _LISTS.items():
        shown[name] = None if document.get(name) is None else [_entry(entry, fields) for entry in document[name]]
    others = ("credentialPluginPolicy", "credentialPluginAllowlist")
    return shown | {name: document[name] for name in others if name in document}


def _entry(entry: dict[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    ordered = {name: entry[name] for name in fields if name in entry}
    if entry.get("options"):
        names = ("name", "default")
        ordered["options"] = [{name: option[name] for name in names if name in option} for option in entry["options"]]
    return ordered


def _set(session: Session, path: str) -> int:
    _check(session)
    document = {**_TYPE, **(_read(path) if os.path.exists(path) else {})}
    section, command = session.flags.text("section"), session.flags.text("command")
    if section == "defaults":
        what = f"defaults for command {quoted(command)} already exist"
        _put(session, _list(document, "defaults"), "command", command, what, {"command": command})
    elif section == "aliases":
        name = session.flags.text("name")
        entry: dict[str, Any] = {"name": name, "command": command}
        for flag, field in (("prependarg", "prependArgs"), ("appendarg", "appendArgs")):
            if session.flags.many(flag):
                entry[field] = session.flags.many(flag)
        what = f"alias {quoted(name)} already exists"
        _put(session, _list(document, "aliases"), "name", name, what, entry)
    else:
        document["credentialPluginPolicy"] = session.flags.text("policy")
        if session.flags.text("policy") == ALLOW_LIST:
            document["credentialPluginAllowlist"] = _allowed(session.flags.many("allowlist-entry"))
        else:
            document.pop("credentialPluginAllowlist", None)
    _save(session, path, document)
    return 0


def _list(document: dict[str, Any], name: str) -> list[Any]:
    if document.get(name) is None:
        document[name] = []
    found: list[Any] = document[name]
    return found


def _check(session: Session) -> None:
    """CommandError for flags that do not go together."""
    flags = session.flags
    section, policy = flags.text("section"), flags.text("policy")
    if not flags.changed("section"):
        raise CommandError('required flag(s) "section" not set')
    if section not in ("defaults", "aliases", "credentialplugin"):
        raise CommandError(f'--section must be "defaults", "aliases", or "credentialplugin", got: {section}')
    if section == "aliases" and not flags.text("name"):
        raise CommandError("--name is required when --section=aliases")
    if section == "defaults" and flags.text("name"):
        raise CommandError("--name should not be specified when --section=defaults")
    if section == "defaults" and (flags.many("prependarg") or flags.many("appendarg")):
        raise CommandError("--prependarg and --appendarg are only valid for --section=aliases")
    if section != "credentialplugin":
        if not flags.text("command"):
            raise CommandError("--command is required when --section=aliases or --section=defaults")
        return
    where = f"--section={section} and --policy={ALLOW_LIST}"
    if not policy:
        raise CommandError(f"--policy is required when --section={section}")
    if policy not in (ALLOW_ALL, DENY_ALL, ALLOW_LIST):
        raise CommandError(f"invalid value for --policy: {quoted(policy)}")
    if policy == ALLOW_LIST and not flags.many("allowlist-entry"):
        raise CommandError(f"--allowlist-entry is required when {where}")
    if policy != ALLOW_LIST and flags.many("allowlist-entry"):
        raise CommandError(f"--allowlist-entry may only be used when {where}")


def _put(session: Session, entries: list[Any], field: str, key: str, what: str, entry: dict[str, Any]) -> None:
    """Add an entry, or put it in the place of the one of that key."""
    options = []
    for text in session.flags.many("option"):
        name, equals, value = text.partition("=")
        if not equals:
            raise CommandError(f"invalid option format {quoted(text)}, expected flag=value")
        options.append({"name": name.lstrip("-"), "default": value})
    known = next((number for number, other in enumerate(entries) if other.get(field) == key), -1)
    if known >= 0 and not session.flags.on("overwrite"):
        raise CommandError(f"{what}, use --overwrite to replace")
    if options or field == "command":
        entry["options"] = options or None
    if known >= 0:
        # What no flag names stays.
        entries[known] = {**entries[known], **{name: value for name, value in entry.items() if value}}
    else:
        entries.append(entry)


def _allowed(texts: list[str]) -> list[dict[str, str]]:
    found, wrong = [], []
    for pair in (pair for text in texts for pair in text.split(",")):
        key, equals, value = pair.partition("=")
        if not equals:
            wrong.append(f"improperly formatted allowlist entry: {quoted(pair)}")
        elif key == "name":
            wrong.append('allowlist entry field "name" is deprecated, use "command" instead')
        elif key != "command":
            wrong.append(f"unrecognized allowlist entry field: {quoted(key)}")
        elif not value.strip():
            wrong.append(f"empty value in allowlist entry for field {quoted(key)}")
        else:
            found.append({"command": value})
    if wrong:
        raise CommandError("\n".join(wrong))
    return found


def _save(session: Session, path: str, document: dict[str, Any]) -> None:
    from ..output.go_yaml import dump

    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(dump(_typed({"defaults": [], **document})))
    session.print(f"Updated {path}")
