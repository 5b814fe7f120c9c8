"""Credential plugins (client.authentication.k8s.io): run a program, read an ExecCredential from its output."""

from __future__ import annotations

import os
import sys

from ..errors import CommandError
from ..kuberc import check_plugin
from ..wire.json_read import JsonError, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .target import Target

_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


def authenticate(target: Target) -> None:
    """Fill the target's token or client certificate. CommandError when the plugin fails."""
    settings = target.exec or {}
    command = str(settings.get("command") or "")
    check_plugin(command, target.kuberc)
    version = str(settings.get("apiVersion") or "")
    if version not in _VERSIONS:
        raise CommandError(f'exec plugin: invalid apiVersion "{version}"')
    credential = _run(command, settings, version, target)
    status = credential.get("status") or {}
    if credential.get("apiVersion") != version:
        raise CommandError(
            f"exec plugin is configured to use API version {version}, plugin returned version "
            f"{credential.get('apiVersion', '')}",
            prefix="Unable to connect to the server: getting credentials: ",
        )
    token, certificate, key = (
        str(status.get(name) or "") for name in ("token", "clientCertificateData", "clientKeyData")
    )
    why = ""
    if credential.get("status") is None:
        why = "exec plugin didn't return a status field"
    elif not token and not certificate and not key:
        why = "exec plugin didn't return a token or cert/key pair"
    elif bool(certificate) != bool(key):
        why = "exec plugin returned only certificate or key, not both"
    if why:
        raise CommandError(why, prefix="Unable to connect to the server: getting credentials: ")
    target.token = token or target.token
    if certificate:
        target.certificate, target.key = certificate, key
    target.exec = None


def _run(command: str, settings: dict[str, Any], version: str, target: Target) -> dict[str, Any]:
    import subprocess

    from ..output.go_json import compact

    mode = str(settings.get("interactiveMode") or "IfAvailable")
    interactive = mode != "Never" and sys.stdin is not None and sys.stdin.isatty()
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
    except FileNotFoundError:
        message = f"exec: executable {command} not found"
        hint = settings.get("installHint")
        if hint:
            message += f"\n\n{hint}"
        raise CommandError(message, prefix="Unable to connect to the server: getting credentials: ") from None
    if done.returncode:
        raise CommandError(
            f"exec: executable {command} failed with exit code {done.returncode}",
            prefix="Unable to connect to the server: getting credentials: ",
        )
    try:
        found = loads(done.stdout)
    except JsonError as error:
        raise CommandError(
            f"decoding stdout: couldn't get version/kind; json parse error: {error}",
            prefix="Unable to connect to the server: getting credentials: ",
        ) from None
    return found if isinstance(found, dict) else {}


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
