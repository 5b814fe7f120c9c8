"""`kubectl config set-cluster|set-credentials|set-context`."""

from __future__ import annotations

import os

from ..config.files import Kubeconfig, load
from ..config.writing import save
from ..errors import CommandError, quoted, reason_of
from ..help import write_help
from .config_change import misused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

FLAGS = {
    "config set-cluster": (
        "certificate-authority='' embed-certs=false insecure-skip-tls-verify=false proxy-url='' server='' "
        "tls-server-name=''"
    ),
    "config set-context": "cluster='' current=false -n,namespace='' user=''",
    "config set-credentials": (
        "auth-provider='' auth-provider-arg=[] client-certificate='' client-key='' embed-certs=false "
        "exec-api-version='' exec-arg=[] exec-command='' exec-env=[+] exec-interactive-mode='' "
        "exec-provide-cluster-info=false password='' token='' username=''"
    ),
}


def run(session: Session) -> int:
    verb = session.command.rpartition(" ")[2]
    if verb == "set-context":
        return _context(session)
    if verb == "set-cluster":
        name = _name(session, "Unexpected args", "cluster")
        _check_cluster(session)
        config = _config(session)
        config.clusters[name] = _cluster(session, dict(config.clusters.get(name) or {}))
        save(config, relative=True)
        session.print(f"Cluster {quoted(name)} set.")
        return 0
    if len(session.args) != 1:
        raise misused(session, "unexpected args")
    changes = _Changes(session)
    name = _name(session, "unexpected args", "user")
    _check_user(session)
    config = _config(session)
    config.users[name] = _user(session, dict(config.users.get(name) or {}), changes)
    save(config, relative=True)
    session.print(f"User {quoted(name)} set.")
    return 0


def _config(session: Session) -> Kubeconfig:
    return load(session.flags.text("kubeconfig"), absolute=False, must_exist=False)


def _name(session: Session, unexpected: str, kind: str) -> str:
    if len(session.args) != 1:
        raise misused(session, unexpected)
    if not session.args[0]:
        raise CommandError(f"you must specify a non-empty {kind} name")
    return session.args[0]


def _context(session: Session) -> int:
    flags = session.flags
    if len(session.args) > 1:
        raise misused(session)
    name = session.args[0] if session.args else ""
    if not name and not flags.on("current"):
        raise CommandError("you must specify a non-empty context name or --current")
    if name and flags.on("current"):
        raise CommandError("you cannot specify both a context name and --current")
    config = _config(session)
    name = name or config.current_context
    if not name:
        raise CommandError("no current context is set")
    existed = name in config.contexts
    given = {key: flags.text(key) for key in ("cluster", "user", "namespace") if flags.changed(key)}
    config.contexts[name] = {**(config.contexts.get(name) or {}), **given}
    save(config, relative=True)
    session.print(f"Context {quoted(name)} {'modified' if existed else 'created'}.")
    return 0


def _check_cluster(session: Session) -> None:
    flags = session.flags
    if flags.on("insecure-skip-tls-verify") and flags.text("certificate-authority"):
        raise CommandError("you cannot specify a certificate authority and insecure mode at the same time")
    if flags.on("embed-certs"):
        if not flags.text("certificate-authority"):
            raise CommandError("you must specify a --certificate-authority to embed")
        _check_file(session, "certificate-authority")


def _check_file(session: Session, flag: str) -> None:
    path = session.flags.text(flag)
    try:
        os.stat(path)
    except OSError as error:
        raise CommandError(f"could not stat {flag} file {path}: stat {path}: {reason_of(error)}") from None


def _cluster(session: Session, fields: dict[str, Any]) -> dict[str, Any]:
    flags = session.flags
    if flags.changed("server"):
        fields["server"] = flags.text("server")
        fields.pop("tls-server-name", None)
    for key in ("tls-server-name", "proxy-url"):
        if flags.changed(key):
            fields[key] = flags.text(key)
    # A cluster is not trusted blindly unless each change says so.
    fields["insecure-skip-tls-verify"] = flags.on("insecure-skip-tls-verify")
    if flags.on("insecure-skip-tls-verify"):
        fields.pop("certificate-authority", None)
        fields.pop("certificate-authority-data", None)
    if flags.changed("certificate-authority"):
        _file(session, fields, "certificate-authority")
    return fields


def _file(session: Session, fields: dict[str, Any], key: str) -> None:
    """A file by its path, or with --embed-certs by what it holds; nothing of what cannot be read."""
    from binascii import b2a_base64

    path = session.flags.text(key)
    fields.pop(f"{key}-data", None)
    fields.pop(key, None)
    if not session.flags.on("embed-certs"):
        fields[key] = os.path.abspath(path)
        return
    try:
        with open(path, "rb") as file:
            fields[f"{key}-data"] = b2a_base64(file.read(), newline=False).decode()
    except OSError:
        pass


def _check_user(session: Session) -> None:
    flags = session.flags
    if flags.text("token") and (flags.text("username") or flags.text("password")):
        raise CommandError(
            "you cannot specify more than one authentication method at the same time: --token, --username/--password"
        )
    if flags.on("embed-certs"):
        given = [flag for flag in ("client-certificate", "client-key") if flags.text(flag)]
        if not given:
            raise CommandError("you must specify a --client-certificate or --client-key to embed")
        for flag in given:
            _check_file(session, flag)
    mode = flags.text("exec-interactive-mode")
    if flags.changed("exec-interactive-mode") and mode not in ("IfAvailable", "Never", "Always"):
        raise CommandError("invalid interactive mode type, can be only IfAvailable, Never, Always")


class _Changes:
    """The `key=value` and `key-` of the flags for a provider and for a plugin. CommandError for other forms."""

    def __init__(self, session: Session) -> None:
        self.provider, self.not_provider = _pairs(session, "auth-provider-arg")
        self.env, self.not_env = _pairs(session, "exec-env")


def _pairs(session: Session, flag: str) -> tuple[dict[str, str], list[str]]:
    setting: dict[str, str] = {}
    removing: list[str] = []
    wrong: list[str] = []
    for text in session.flags.many(flag):
        key, equals, value = text.partition("=")
        if key and equals:
            setting[key] = value
        elif text.endswith("-") and text != "-":
            removing.append(text[:-1])
        else:
            wrong.append(text)
    if wrong:
        write_help(session.command, session.out)
        raise CommandError(f"invalid {flag} format: {', '.join(wrong)}")
    return setting, removing


def _user(session: Session, fields: dict[str, Any], changes: _Changes) -> dict[str, Any]:
    flags = session.flags
    for key in ("client-certificate", "client-key"):
        if flags.changed(key):
            _file(session, fields, key)
    for key in ("token", "username", "password"):
        if flags.changed(key):
            fields[key] = flags.text(key)
    if flags.text("token"):
        fields.pop("username", None)
        fields.pop("password", None)
    elif flags.text("username") or flags.text("password"):
        fields.pop("token", None)
    name = flags.text("auth-provider")
    if flags.changed("auth-provider") and (fields.get("auth-provider") or {}).get("name") != name:
        fields["auth-provider"] = {"name": name}
    if fields.get("auth-provider"):
        config = {**(fields["auth-provider"].get("config") or {}), **changes.provider}
        kept = {
            key: value for key, value in config.items() if key not in changes.not_provider or key in changes.provider
        }
        fields["auth-provider"] = {**fields["auth-provider"], "config": kept}
    if flags.changed("exec-command"):
        fields["exec"] = {**(fields.get("exec") or {}), "command": flags.text("exec-command"), "args": None}
    if fields.get("exec"):
        fields["exec"] = _plugin(session, dict(fields["exec"]), changes)
    return fields


def _plugin(session: Session, plugin: dict[str, Any], changes: _Changes) -> dict[str, Any]:
    flags = session.flags
    if flags.changed("exec-api-version"):
        plugin["apiVersion"] = flags.text("exec-api-version")
    if flags.many("exec-arg"):
        plugin["args"] = flags.many("exec-arg")
    if flags.changed("exec-interactive-mode"):
        plugin["interactiveMode"] = flags.text("exec-interactive-mode")
    if flags.changed("exec-provide-cluster-info"):
        plugin["provideClusterInfo"] = flags.on("exec-provide-cluster-info")
    if changes.env or changes.not_env:
        old = {one["name"]: one.get("value") for one in plugin.get("env") or () if one["name"] not in changes.not_env}
        plugin["env"] = [{"name": name, "value": value} for name, value in {**old, **changes.env}.items()]
    return plugin
