"""Credential plugins (client.authentication.k8s.io): run a program, read an ExecCredential from its output."""

from __future__ import annotations

import os
import sys

from ..errors import CommandError, Unreachable, reason_of
from ..kuberc import check_plugin
from ..wire.json_read import JsonError, kind_of, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .target import Target

_GROUP = "client.authentication.k8s.io"
_INTERNAL = f"{_GROUP}/__internal"
_EVER = float("inf")
_VERSIONS = (f"{_GROUP}/v1", f"{_GROUP}/v1beta1")
_SCHEME = "pkg/client/auth/exec/exec.go:62"
_TYPE_META = r'struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }'
_NOT_INSTALLED = (
    "It looks like you are trying to use a client-go credential plugin that is not installed.\n\n"
    "To learn more about this feature, consult the documentation available at:\n"
    "      https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins"
)


def authenticate(target: Target) -> None:
    """Fill the target's token or client certificate. CommandError, Unreachable when the plugin fails."""
    settings = target.exec or {}
    command = str(settings.get("command") or "")
    check_plugin(command, target.kuberc)
    version = str(settings.get("apiVersion") or "")
    if version not in _VERSIONS:
        raise CommandError(f'exec plugin: invalid apiVersion "{version}"')
    credential = _run(command, settings, version, target)
    shown = str(credential.get("apiVersion") or _INTERNAL)
    kind = credential.get("kind")
    if kind and (kind != "ExecCredential" or shown not in (*_VERSIONS, _INTERNAL)):
        raise _failed(f'decoding stdout: no kind "{kind}" is registered for version "{shown}" in scheme "{_SCHEME}"')
    status = _status(credential, shown.rpartition("/")[2])
    if shown != version:
        raise _failed(
            f"exec plugin is configured to use API version {version}, plugin returned version {shown}",
        )
    token, certificate, key = (
        (status or {}).get(name) or "" for name in ("token", "clientCertificateData", "clientKeyData")
    )
    why = ""
    if status is None:
        why = "exec plugin didn't return a status field"
    elif not token and not certificate and not key:
        why = "exec plugin didn't return a token or cert/key pair"
    elif bool(certificate) != bool(key):
        why = "exec plugin returned only certificate or key, not both"
    if why:
        raise _failed(why)
    if certificate:
        from ..transport.pair import matched
        from ..transport.tls import check_pair

        try:
            certificate, key = matched(certificate, key)
            check_pair(certificate, key)
        except CommandError as error:
            raise _failed(f"failed parsing client key/certificate: {error.message}") from None
    target.token, target.certificate, target.key = token, certificate, key
    until = (status or {}).get("expirationTimestamp")
    target.until = _seconds(until) if until else _EVER


def _status(credential: dict[str, Any], version: str) -> dict[str, Any] | None:
    """What the plugin says of its success. Unreachable for values that are no texts."""
    status = credential.get("status")
    head = "decoding stdout: json: cannot unmarshal"
    if status is None:
        return None
    if not isinstance(status, dict):
        where = f"field ExecCredential.status of type {version}.ExecCredentialStatus"
        raise _failed(f"{head} {kind_of(status)} into Go struct {where}")
    for name in ("clientCertificateData", "clientKeyData", "expirationTimestamp", "token"):
        value = status.get(name)
        if value is not None and not isinstance(value, str):
            raise _failed(
                f"{head} {kind_of(value)} into Go struct field ExecCredentialStatus.status.{name} of type string"
            )
    return status


def _seconds(text: str) -> float:
    """A time as seconds since the epoch. Unreachable."""
    from ..output.age import check_time, seconds_of

    try:
        check_time(text)
        return seconds_of(text)
    except CommandError as error:
        raise _failed(f"decoding stdout: {error.message}") from None


def _failed(why: str) -> Unreachable:
    message = f"getting credentials: {why}"
    return Unreachable(message, detail=message)


def _run(command: str, settings: dict[str, Any], version: str, target: Target) -> dict[str, Any]:
    """Run the program; what it printed. Unreachable when it cannot be had or fails."""
    import subprocess

    from ..output.go_json import compact

    mode = str(settings.get("interactiveMode") or "IfAvailable")
    interactive = mode != "Never" and sys.stdin is not None and sys.stdin.isatty()
    if mode == "Always" and (not interactive or target.stdin_taken):
        taken = "unavailable: used by stdin resource manifest reader" if interactive else "not a terminal"
        raise _failed(f"exec plugin cannot support interactive mode: standard input is {taken}")
    interactive = interactive and not target.stdin_taken
    cluster = {"cluster": _cluster_info(target)} if settings.get("provideClusterInfo") else {}
    info = {"kind": "ExecCredential", "apiVersion": version, "spec": {**cluster, "interactive": interactive}}
    environment = {**os.environ, "KUBERNETES_EXEC_INFO": compact(info, ordered=True) + "\n"}
    environment |= {str(item["name"]): str(item["value"]) for item in settings.get("env") or ()}
    words = [command, *(str(word) for word in settings.get("args") or ())]
    try:
        done = subprocess.run(
            words,
            stdout=subprocess.PIPE,
            env=environment,
            stdin=None if interactive else subprocess.DEVNULL,
            check=False,
        )
    except OSError as error:
        if "/" in command:
            raise _failed(f"exec: fork/exec {os.path.abspath(command)}: {reason_of(error)}") from None
        more = f"\n\n{_harmless(settings['installHint'])}" if settings.get("installHint") else ""
        raise _failed(f"exec: executable {command} not found\n\n{_NOT_INSTALLED}{more}") from None
    if done.returncode:
        code = max(done.returncode, -1)
        raise _failed(f"exec: executable {command} failed with exit code {code}")
    return _decoded(done.stdout)


def _harmless(text: str) -> str:
    """Without what would make a terminal act."""
    from unicodedata import category

    return "".join(one if one in "\t\n\v\f\r" or category(one)[0] in "LMNPSZ" else f"U+{ord(one):04X}" for one in text)


def _decoded(output: bytes) -> dict[str, Any]:
    """What the plugin printed: JSON, or YAML as the stock client takes it too. Unreachable."""
    if output.lstrip()[:1] == b"{":
        try:
            found = loads(output)
        except JsonError as error:
            raise _failed(f"decoding stdout: couldn't get version/kind; json parse error: {error}") from None
    else:
        from ..wire.yaml_read import load_one

        try:
            found = load_one(output.decode("utf-8", "replace"))
        except ValueError as error:
            raise _failed(f"decoding stdout: {error}") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise _failed(
            f"decoding stdout: couldn't get version/kind; json parse error: json: cannot unmarshal {kind_of(found)} "
            f"into Go value of type {_TYPE_META}"
        )
    return found


def _cluster_info(target: Target) -> dict[str, Any]:
    from binascii import b2a_base64

    authority = b2a_base64(target.ca.encode("latin-1"), newline=False).decode()
    info: dict[str, Any] = {
        "server": target.server,
        "tls-server-name": target.server_name,
        "insecure-skip-tls-verify": target.insecure,
        "certificate-authority-data": authority,
        "proxy-url": target.proxy,
        "disable-compression": not target.compress,
    }
    info = {key: value for key, value in info.items() if value}
    found = [one for one in target.cluster.get("extensions") or () if one.get("name") == f"{_GROUP}/exec"]
    return {**info, "config": found[-1].get("extension") if found else None}
