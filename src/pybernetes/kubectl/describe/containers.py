"""Containers of a pod or template."""

from __future__ import annotations

from .words import bracketed, date, flag
from .writer import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


def containers(
    context: Context,
    label: str,
    specs: list[dict[str, Any]] | None,
    statuses: Iterable[dict[str, Any]] | None = (),
    *,
    pod: dict[str, Any] | None = None,
) -> None:
    """A section of containers; without a pod they are those of a template.

    The names of a template's containers stand one column to the right, their fields do not.
    """
    known = {status["name"]: status for status in statuses or ()}
    context.line(0 if pod else 1, f"{label}:" if specs else f"{label}: <none>")
    for spec in specs or ():
        status = known.get(spec["name"])
        context.line(1, f"{'' if pod else ' '}{spec['name']}:")
        _images(context, spec, status)
        for title, key in (("Command", "command"), ("Args", "args")):
            _words(context, title, spec.get(key))
        if status is not None:
            _status(context, status)
        resources(context, spec.get("resources"), 2)
        for title, key in (("Liveness", "livenessProbe"), ("Readiness", "readinessProbe"), ("Startup", "startupProbe")):
            if spec.get(key):
                context.field(title, probe_text(spec[key]), 2)
        _environment_sources(context, spec.get("envFrom"))
        _environment(context, spec, pod)
        _mounts(context, spec)


def _images(context: Context, spec: dict[str, Any], status: dict[str, Any] | None) -> None:
    if status is not None:
        context.field("Container ID", status.get("containerID", ""), 2)
    context.field("Image", spec.get("image", ""), 2)
    if status is not None:
        context.field("Image ID", status.get("imageID", ""), 2)
    ports = spec.get("ports") or []
    for title, key in (("Port", "containerPort"), ("Host Port", "hostPort")):
        shown = ", ".join(f"{port.get(key, 0)}/{port.get('protocol', 'TCP')}" for port in ports)
        context.field(f"{title}s" if len(ports) > 1 else title, shown or "<none>", 2)
    profile = (spec.get("securityContext") or {}).get("seccompProfile")
    if profile:
        context.field("SeccompProfile", profile.get("type", ""), 2)
        if profile.get("type") == "Localhost":
            context.field("LocalhostProfile", profile.get("localhostProfile", ""), 3)


def _words(context: Context, title: str, words: list[str] | None) -> None:
    if words:
        context.line(2, f"{title}:")
        for word in words:
            for line in str(word).split("\n"):
                context.line(3, line)


def _status(context: Context, status: dict[str, Any]) -> None:
    _state(context, "State", status.get("state") or {})
    if (status.get("lastState") or {}).get("terminated"):
        _state(context, "Last State", status["lastState"])
    context.field("Ready", "True" if status.get("ready") else "False", 2)
    context.field("Restart Count", status.get("restartCount", 0), 2)


def _state(context: Context, title: str, state: dict[str, Any]) -> None:
    if state.get("running") is not None:
        context.field(title, "Running", 2)
        context.field("Started", date(state["running"].get("startedAt")), 3)
    elif state.get("terminated") is not None:
        ended = state["terminated"]
        context.field(title, "Terminated", 2)
        for name, key in (("Reason", "reason"), ("Message", "message")):
            if ended.get(key):
                context.field(name, ended[key], 3)
        context.field("Exit Code", ended.get("exitCode", 0), 3)
        if ended.get("signal"):
            context.field("Signal", ended["signal"], 3)
        context.field("Started", date(ended.get("startedAt")), 3)
        context.field("Finished", date(ended.get("finishedAt")), 3)
    else:
        context.field(title, "Waiting", 2)
        reason = (state.get("waiting") or {}).get("reason")
        if reason:
            context.field("Reason", reason, 3)


def resources(context: Context, found: dict[str, Any] | None, level: int) -> None:
    """Limits and requests of a container, or of a pod."""
    context.amounts("Limits", (found or {}).get("limits"), level)
    context.amounts("Requests", (found or {}).get("requests"), level)


def probe_text(probe: dict[str, Any]) -> str:
    """A probe on one line."""
    times = (
        f"delay={probe.get('initialDelaySeconds', 0)}s timeout={probe.get('timeoutSeconds', 1)}s "
        f"period={probe.get('periodSeconds', 10)}s #success={probe.get('successThreshold', 1)} "
        f"#failure={probe.get('failureThreshold', 3)}"
    )
    if "exec" in probe:
        return f"exec {bracketed(probe['exec'].get('command'))} {times}"
    if "httpGet" in probe:
        return f"http-get {_url(probe['httpGet'])} {times}"
    if "tcpSocket" in probe:
        return f"tcp-socket {probe['tcpSocket'].get('host', '')}:{probe['tcpSocket'].get('port')} {times}"
    if "grpc" in probe:
        return f"grpc <pod>:{probe['grpc'].get('port')} {probe['grpc'].get('service') or ''} {times}"
    return f"unknown {times}"


def _url(get: dict[str, Any]) -> str:
    """As Go writes it: the path is one with a question mark in it, not one with a query."""
    from urllib.parse import quote

    host, path = get.get("host") or "", quote(get.get("path") or "", safe="/$&+,:;=@~")
    authority = quote(f"{f'[{host}]' if ':' in host else host}:{get.get('port')}", safe="!$&'()*+,;=:[]<>\"")
    if path and not path.startswith("/"):
        path = f"/{path}"
    return f"{str(get.get('scheme', 'HTTP')).lower()}://{authority}{path}"


def _environment_sources(context: Context, sources: list[dict[str, Any]] | None) -> None:
    if not sources:
        return
    context.line(2, "Environment Variables from:")
    for source in sources:
        kind = "ConfigMap" if "configMapRef" in source else "Secret" if "secretRef" in source else ""
        reference = source.get("configMapRef") or source.get("secretRef") or {}
        prefix = f" with prefix '{source['prefix']}'" if source.get("prefix") else ""
        optional = flag(reference.get("optional"))
        context.line(3, f"{reference.get('name', '')}\t{kind}{prefix}\tOptional: {optional}")


def _environment(context: Context, container: dict[str, Any], pod: dict[str, Any] | None) -> None:
    variables = container.get("env") or []
    if not variables:
        context.field("Environment", "<none>", 2)
        return
    context.line(2, "Environment:")
    for variable in variables:
        source = variable.get("valueFrom")
        if source is not None:
            shown = _sourced(source, container, pod)
            if shown:
                context.field(variable["name"], shown, 3)
            continue
        first, *further = str(variable.get("value", "")).split("\n")
        context.field(variable["name"], first, 3)
        for line in further:
            context.line(3, f"\t{line}")


def _sourced(source: dict[str, Any], container: dict[str, Any], pod: dict[str, Any] | None) -> str:
    """Where a variable's value comes from, and the value where it is known."""
    if "fieldRef" in source:
        path = source["fieldRef"].get("fieldPath", "")
        # The names of fields that every version of pods has; no other value is told.
        known = pod["metadata"] if pod and path in ("metadata.name", "metadata.namespace") else {}
        return f"{known.get(path.removeprefix('metadata.'), '')} ({source['fieldRef'].get('apiVersion', 'v1')}:{path})"
    if "resourceFieldRef" in source:
        name = source["resourceFieldRef"].get("resource", "")
        return f"{_amount(source['resourceFieldRef'], container)} ({name})"
    if "fileKeyRef" in source:
        file = source["fileKeyRef"]
        where = f"of file '{file.get('path')}' in volume '{file.get('volumeName')}'"
        return f"<set to the key '{file.get('key')}' {where}>\tOptional: {flag(file.get('optional'))}"
    for key, kind in (("secretKeyRef", "in secret"), ("configMapKeyRef", "of config map")):
        if key in source:
            reference = source[key]
            where = f"{kind} '{reference.get('name', '')}'"
            optional = flag(reference.get("optional"))
            return f"<set to the key '{reference.get('key', '')}' {where}>\tOptional: {optional}"
    return ""


def _amount(reference: dict[str, Any], container: dict[str, Any]) -> str:
    """A container's own limit or request in whole divisors, rounded up."""
    from pybernetes.api.quantity import parse

    which, _, name = str(reference.get("resource", "")).partition(".")
    if which not in ("limits", "requests") or not name.startswith(("cpu", "memory", "ephemeral-storage", "hugepages-")):
        return ""
    amount = parse(str(((container.get("resources") or {}).get(which) or {}).get(name, "0"))).nanos
    divisor = parse(str(reference.get("divisor") or "1")).nanos or parse("1").nanos
    if not amount and which == "limits" and name in ("cpu", "memory"):
        return "node allocatable"
    return str(-(-amount // divisor))


def _mounts(context: Context, spec: dict[str, Any]) -> None:
    mounts, devices = spec.get("volumeMounts") or [], spec.get("volumeDevices") or []
    none = "" if mounts else "\t<none>"
    context.line(2, f"Mounts:{none}")
    for mount in sorted(mounts, key=lambda mount: str(mount["mountPath"])):
        flags = "ro" if mount.get("readOnly") else "rw"
        if mount.get("subPath"):
            from ..errors import quoted

            flags += f",path={quoted(mount['subPath'])}"
        context.line(3, f"{mount['mountPath']} from {mount['name']} ({flags})")
    if devices:
        # The none of the mounts stands here too.
        context.line(2, f"Devices:{none}")
        for device in sorted(devices, key=lambda device: str(device["devicePath"])):
            context.line(3, f"{device['devicePath']} from {device['name']}")
