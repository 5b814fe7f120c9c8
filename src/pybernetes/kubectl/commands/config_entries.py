"""`kubectl config set-cluster|set-credentials|set-context`."""

from __future__ import annotations

import os

from ..config.files import Kubeconfig, load
from ..config.writing import save_entry
from ..errors import CommandError, reason_of
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
    "config set-context": "cluster='' current=false namespace='' user=''",
    "config set-credentials": (
        "auth-provider='' auth-provider-arg=[+] client-certificate='' client-key='' embed-certs=false "
        "exec-api-version='' exec-arg=[+] exec-command='' exec-env=[+] exec-interactive-mode='' "
        "exec-provide-cluster-info=false password='' token='' username=''"
    ),
}


def run(session: Session) -> int:
    verb = session.command.rpartition(" ")[2]
    config = load(session.flags.text("kubeconfig"), must_exist=False)
    if verb == "set-context":
        return _context(session, config)
    if len(session.args) != 1:
        words = "unexpected args" if session.command.endswith("credentials") else "Unexpected args"
        raise misused(session, words)
    name = session.args[0]
    if verb == "set-cluster":
        fields = _cluster(session, dict(config.clusters.get(name) or {}))
        save_entry(config, "clusters", name, fields)
        session.print(f'Cluster "{name}" set.')
    else:
        fields = _user(session, dict(config.users.get(name) or {}))
        save_entry(config, "users", name, fields)
        session.print(f'User "{name}" set.')
    return 0


def _context(session: Session, config: Kubeconfig) -> int:
    flags = session.flags
    if len(session.args) > 1:
        raise misused(session)
    if flags.on("current") == bool(session.args) or len(session.args) > 1:
        if flags.on("current"):
            raise CommandError("you cannot specify both a context name and --current")
        raise CommandError("you must specify a non-empty context name or --current")
    name = session.args[0] if session.args else config.current_context
    if flags.on("current") and not name:
        raise CommandError("no current context is set")
    existed = name in config.contexts
    fields = dict(config.contexts.get(name) or {})
    for key in ("cluster", "user", "namespace"):
        if flags.changed(key):
            fields[key] = flags.text(key)
    save_entry(config, "contexts", name, fields)
    session.print(f'Context "{name}" {"modified" if existed else "created"}.')
    return 0


def _cluster(session: Session, fields: dict[str, Any]) -> dict[str, Any]:
    flags = session.flags
    for key in ("server", "tls-server-name", "proxy-url"):
        if flags.changed(key):
            fields[key] = flags.text(key)
    if flags.changed("insecure-skip-tls-verify"):
        fields["insecure-skip-tls-verify"] = flags.on("insecure-skip-tls-verify")
        if flags.on("insecure-skip-tls-verify"):
            fields.pop("certificate-authority", None)
            fields.pop("certificate-authority-data", None)
    if flags.on("embed-certs") and not flags.text("certificate-authority"):
        raise CommandError("you must specify a --certificate-authority to embed")
    if flags.changed("certificate-authority"):
        if flags.on("insecure-skip-tls-verify"):
            raise CommandError("you cannot specify a certificate authority and insecure mode at the same time")
        _file(session, fields, "certificate-authority")
        fields.pop("insecure-skip-tls-verify", None)
    return fields


def _file(session: Session, fields: dict[str, Any], key: str) -> None:
    """A file by its path, or with --embed-certs by what it holds."""
    from binascii import b2a_base64

    path = session.flags.text(key)
    fields.pop(f"{key}-data", None)
    fields.pop(key, None)
    if not path:
        return
    if not session.flags.on("embed-certs"):
        fields[key] = os.path.abspath(path)
        return
    try:
        with open(path, "rb") as file:
            fields[f"{key}-data"] = b2a_base64(file.read(), newline=False).decode()
    except OSError as error:
        raise CommandError(
            f"could not stat {key} file {path}: stat {path}: {reason_of(error)}"
            if not os.path.exists(path)
            else f"could not read {key} data from {path}: {reason_of(error)}"
        ) from None


def _user(session: Session, fields: dict[str, Any]) -> dict[str, Any]:
    flags = session.flags
    if flags.text("token") and (flags.text("username") or flags.text("password")):
        raise CommandError(
            "you cannot specify more than one authentication method at the same time: --token, --username/--password"
        )
    if flags.on("embed-certs") and not (flags.text("client-certificate") or flags.text("client-key")):
        raise CommandError("you must specify a --client-certificate or --client-key to embed")
    for key in ("client-certificate", "client-key"):
        if flags.changed(key):
            _file(session, fields, key)
    if flags.changed("token"):
        fields["token"] = flags.text("token")
        if flags.text("token"):
            fields.pop("username", None)
            fields.pop("password", None)
    for key in ("username", "password"):
        if flags.changed(key):
            fields[key] = flags.text(key)
            if flags.text(key):
                fields.pop("token", None)
    if flags.changed("auth-provider") or flags.many("auth-provider-arg"):
        _provider(session, fields)
    _plugin(session, fields)
    return fields


def _pairs(session: Session, texts: list[str], what: str) -> tuple[dict[str, str], list[str]]:
    setting: dict[str, str] = {}
    removing: list[str] = []
    for text in texts:
        key, equals, value = text.partition("=")
        if equals:
            setting[key] = value
        elif text.endswith("-"):
            removing.append(text[:-1])
        else:
            write_help(session.command, session.out)
            raise CommandError(f"invalid {what} format: {text}")
    return setting, removing


def _provider(session: Session, fields: dict[str, Any]) -> None:
    flags = session.flags
    provider = dict(fields.get("auth-provider") or {})
    if flags.changed("auth-provider") and provider.get("name") != flags.text("auth-provider"):
        provider = {"config": None, "name": flags.text("auth-provider")}
    setting, removing = _pairs(session, flags.many("auth-provider-arg"), "auth-provider-arg")
    config = {**(provider.get("config") or {}), **setting}
    for key in removing:
        config.pop(key, None)
    provider["config"] = config or None
    fields["auth-provider"] = provider


def _plugin(session: Session, fields: dict[str, Any]) -> None:
    flags = session.flags
    names = (
        "exec-command",
        "exec-api-version",
        "exec-arg",
        "exec-env",
        "exec-interactive-mode",
        "exec-provide-cluster-info",
    )
    if not any(flags.changed(name) for name in names):
        return
    plugin = dict(fields.get("exec") or {})
    if flags.changed("exec-command"):
        plugin["command"] = flags.text("exec-command")
    if flags.changed("exec-api-version"):
        plugin["apiVersion"] = flags.text("exec-api-version")
    if flags.changed("exec-arg"):
        plugin["args"] = flags.many("exec-arg")
    if flags.changed("exec-interactive-mode"):
        plugin["interactiveMode"] = flags.text("exec-interactive-mode")
    if flags.changed("exec-provide-cluster-info"):
        plugin["provideClusterInfo"] = flags.on("exec-provide-cluster-info")
    if flags.changed("exec-env"):
        setting, removing = _pairs(session, flags.many("exec-env"), "exec-env")
        env = {item["name"]: item["value"] for item in plugin.get("env") or () if item["name"] not in removing}
        plugin["env"] = [{"name": key, "value": value} for key, value in {**env, **setting}.items()]
    fields["exec"] = plugin
