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
    shown = str(credential.get("apiVersion") or f"{_GROUP}/__internal")
    kind = credential.get("kind")
    if kind and (kind != "ExecCredential" or shown not in _VERSIONS):
        raise _failed(f'decoding stdout: no kind "{kind}" is registered for version "{shown}" in scheme "{_SCHEME}"')
    status = credential.get("status")
    if status is not None and not isinstance(status, dict):
        where = f"field ExecCredential.status of type {shown.rpartition('/')[2]}.ExecCredentialStatus"
        raise _failed(f"decoding stdout: json: cannot unmarshal {kind_of(status)} into Go struct {where}")
    if shown != version:
        raise _failed(
            f"exec plugin is configured to use API version {version}, plugin returned version {shown}",
        )
    token, certificate, key = (
        str((status or {}).get(name) or "") for name in ("token", "clientCertificateData", "clientKeyData")
    )
    why = ""
    if status is None:
        why = "exec plugin didn't return a status field"
    elif not token and not certificate and not key:
        why = "exec plugin didn't return a token or cert/key pair"
    elif bool(certificate) != bool(key):
        why = "exec plugin returned only certificate or key, not both"
    elif certificate and "-----BEGIN" not in certificate:
        why = "failed parsing client key/certificate: tls: failed to find any PEM data in certificate input"
    if why:
        raise _failed(why)
    target.token = token or target.token
    if certificate:
        target.certificate, target.key = certificate, key
    target.exec = None


def _failed(why: str) -> Unreachable:
    message = f"getting credentials: {why}"
    return Unreachable(message, detail=message)


def _run(command: str, settings: dict[str, Any], version: str, target: Target) -> dict[str, Any]:
    """Run the program; what it printed. Unreachable when it cannot be had or fails."""
    import subprocess

    from ..output.go_json import compact

    mode = str(settings.get("interactiveMode") or "IfAvailable")
    interactive = mode != "Never" and sys.stdin is not None and sys.stdin.isatty()
    if mode == "Always" and not interactive:
        raise _failed("exec plugin cannot support interactive mode: standard input is not a terminal")
    info: dict[str, Any] = {"kind": "ExecCredential", "apiVersion": version, "spec": {"interactive": interactive}}
    if settings.get("provideClusterInfo"):
        info["spec"]["cluster"] = _cluster_info(target)
    environment = {**os.environ, "KUBERNETES_EXEC_INFO": compact(info)}
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
        hint = settings.get("installHint")
        more = f"\n\n{hint}" if hint else ""
        raise _failed(f"exec: executable {command} not found\n\n{_NOT_INSTALLED}{more}") from None
    if done.returncode:
        code = max(done.returncode, -1)
        raise _failed(f"exec: executable {command} failed with exit code {code}")
    return _decoded(done.stdout)


def _decoded(output: bytes) -> dict[str, Any]:
    """What the plugin printed: JSON, or YAML as the stock client takes it too."""
    try:
        found = loads(output)
    except JsonError:
        from ..wire.yaml_read import load_one

        found = load_one(output.decode("utf-8", "replace"))
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

    info: dict[str, Any] = {"server": target.server}
    if target.ca:
        info["certificate-authority-data"] = b2a_base64(target.ca.encode("latin-1"), newline=False).decode()
    if target.insecure:
        info["insecure-skip-tls-verify"] = True
    if target.server_name:
        info["tls-server-name"] = target.server_name
    for extension in target.cluster.get("extensions") or ():
        if extension.get("name") == "client.authentication.k8s.io/exec":
            info["config"] = extension.get("extension")
    return info
