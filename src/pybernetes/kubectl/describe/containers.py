"""Containers of a pod or template."""

from __future__ import annotations

from .writer import Context, date

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def containers(
    context: Context,
    label: str,
    specs: list[dict[str, Any]],
    statuses: list[dict[str, Any]],
    pod: dict[str, Any],
    level: int,
) -> None:
    """A section of containers; `statuses` is empty for templates."""
    known = {status["name"]: status for status in statuses}
    if not specs:
        context.line(level, f"{label}: <none>" if not label else f"{label}:\t<none>")
        return
    context.line(level, f"{label}:")
    for spec in specs:
        status = known.get(spec["name"])
        # Those of a template stand one column to the right, their fields do not.
        inner = 2
        context.line(1, f"{' ' * level}{spec['name']}:")
        if status is not None:
            context.field("Container ID", status.get("containerID", ""), inner)
        context.field("Image", spec.get("image", ""), inner)
        if status is not None:
            context.field("Image ID", status.get("imageID", ""), inner)
        _ports(context, spec.get("ports") or [], inner)
        for title, key in (("SeccompProfile", "seccompProfile"),):
            profile = (spec.get("securityContext") or {}).get(key)
            if profile:
                context.field(title, profile.get("type", ""), inner)
        _command(context, spec, inner)
        if status is not None:
            _status(context, spec, status, inner)
        _resources(context, spec, inner)
        _probes(context, spec, inner)
        _env_from(context, spec, inner)
        _environment(context, spec, pod, inner)
        _mounts(context, spec, inner)


def _ports(context: Context, ports: list[dict[str, Any]], level: int) -> None:
    if not ports:
        context.field("Port", "<none>", level)
        context.field("Host Port", "<none>", level)
        return
    plural = "s" if len(ports) > 1 else ""
    shown = [f"{port['containerPort']}/{port.get('protocol', 'TCP')}" for port in ports]
    context.field(f"Port{plural}", ", ".join(shown), level)
    hosts = [f"{port.get('hostPort', 0)}/{port.get('protocol', 'TCP')}" for port in ports]
    context.field(f"Host Port{plural}", ", ".join(hosts), level)


def _command(context: Context, spec: dict[str, Any], level: int) -> None:
    for title, key in (("Command", "command"), ("Args", "args")):
        words = spec.get(key)
        if words:
            context.line(level, f"{title}:")
            for word in words:
                for line in str(word).split("\n"):
                    context.line(level + 1, line)


def _status(context: Context, spec: dict[str, Any], status: dict[str, Any], level: int) -> None:
    _state(context, "State", status.get("state") or {}, level)
    if (status.get("lastState") or {}).get("terminated"):
        _state(context, "Last State", status["lastState"], level)
    context.field("Ready", "True" if status.get("ready") else "False", level)
    context.field("Restart Count", status.get("restartCount", 0), level)


def _state(context: Context, title: str, state: dict[str, Any], level: int) -> None:
    if state.get("running") is not None:
        context.field(title, "Running", level)
        context.line(level + 1, f"Started:\t{date(state['running'].get('startedAt'))}")
    elif state.get("terminated") is not None:
        ended = state["terminated"]
        context.field(title, "Terminated", level)
        if ended.get("reason"):
            context.line(level + 1, f"Reason:\t{ended['reason']}")
        if ended.get("message"):
            context.line(level + 1, f"Message:\t{ended['message']}")
        context.line(level + 1, f"Exit Code:\t{ended.get('exitCode', 0)}")
        if ended.get("signal"):
            context.line(level + 1, f"Signal:\t{ended['signal']}")
        context.line(level + 1, f"Started:\t{date(ended.get('startedAt'))}")
        context.line(level + 1, f"Finished:\t{date(ended.get('finishedAt'))}")
    else:
        context.field(title, "Waiting", level)
        reason = (state.get("waiting") or {}).get("reason")
        if reason:
            context.line(level + 1, f"Reason:\t{reason}")


def _resources(context: Context, spec: dict[str, Any], level: int) -> None:
    resources = spec.get("resources") or {}
    for title, key in (("Limits", "limits"), ("Requests", "requests")):
        amounts = resources.get(key) or {}
        if amounts:
            context.line(level, f"{title}:")
            for name in sorted(amounts):
                context.line(level + 1, f"{name}:\t{amounts[name]}")


def _probes(context: Context, spec: dict[str, Any], level: int) -> None:
    for title, key in (("Liveness", "livenessProbe"), ("Readiness", "readinessProbe"), ("Startup", "startupProbe")):
        probe = spec.get(key)
        if probe:
            context.field(title, probe_text(probe), level)


def probe_text(probe: dict[str, Any]) -> str:
    """A probe on one line."""
    times = (
        f"delay={probe.get('initialDelaySeconds', 0)}s timeout={probe.get('timeoutSeconds', 1)}s "
        f"period={probe.get('periodSeconds', 10)}s #success={probe.get('successThreshold', 1)} "
        f"#failure={probe.get('failureThreshold', 3)}"
    )
    if "exec" in probe:
        return f"exec [{' '.join(probe['exec'].get('command') or ())}] {times}"
    if "httpGet" in probe:
        get = probe["httpGet"]
        port = f":{get.get('port')}" if get.get("port") not in (None, "", 0) else ""
        path = str(get.get("path") or "")
        return f"http-get {str(get.get('scheme', 'HTTP')).lower()}://{get.get('host', '')}{port}{path} {times}"
    if "tcpSocket" in probe:
        return f"tcp-socket {probe['tcpSocket'].get('host', '')}:{probe['tcpSocket'].get('port')} {times}"
    if "grpc" in probe:
        return f"grpc <pod>:{probe['grpc'].get('port')} {probe['grpc'].get('service') or ''} {times}"
    return f"unknown {times}"


def _env_from(context: Context, spec: dict[str, Any], level: int) -> None:
    sources = spec.get("envFrom") or []
    if not sources:
        return
    context.line(level, "Environment Variables from:")
    for source in sources:
        kind = "ConfigMap" if source.get("configMapRef") else "Secret"
        reference = source.get("configMapRef") or source.get("secretRef")
        reference = reference or {}
        optional = "true" if reference.get("optional") else "false"
        prefix = f" with prefix '{source['prefix']}'" if source.get("prefix") else ""
        context.line(level + 1, f"{reference.get('name', '')}\t{kind}{prefix}\tOptional: {optional}")


def _environment(context: Context, spec: dict[str, Any], pod: dict[str, Any], level: int) -> None:
    variables = spec.get("env") or []
    if not variables:
        context.field("Environment", "<none>", level)
        return
    context.line(level, "Environment:")
    for variable in variables:
        source = variable.get("valueFrom")
        if not source:
            lines = str(variable.get("value", "")).split("\n")
            for number, line in enumerate(lines):
                context.line(level + 1, f"{variable['name']}:\t{line}" if not number else f"\t{line}")
            continue
        context.line(level + 1, f"{variable['name']}:\t{_from(source, pod)}")


def _from(source: dict[str, Any], pod: dict[str, Any]) -> str:
    if "fieldRef" in source:
        field = source["fieldRef"]
        path = field.get("fieldPath", "")
        return f"{_field_value(path, pod)} ({field.get('apiVersion', 'v1')}:{path})"
    if "resourceFieldRef" in source:
        field = source["resourceFieldRef"]
        return f"{_limit(field)} ({field.get('resource')})"
    for key, kind in (("secretKeyRef", "in secret"), ("configMapKeyRef", "of config map")):
        if key in source:
            reference = source[key]
            optional = "true" if reference.get("optional") else "false"
            return f"<set to the key '{reference.get('key')}' {kind} '{reference.get('name')}'>\tOptional: {optional}"
    return ""


def _limit(field: dict[str, Any]) -> str:
    return "node allocatable"


def _field_value(path: str, pod: dict[str, Any]) -> str:
    found: Any = pod
    for key in path.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return str(found) if isinstance(found, str) else ""


def _mounts(context: Context, spec: dict[str, Any], level: int) -> None:
    mounts = spec.get("volumeMounts") or []
    if not mounts:
        context.field("Mounts", "<none>", level)
    else:
        context.line(level, "Mounts:")
        for mount in sorted(mounts, key=lambda mount: str(mount["mountPath"])):
            flags = ["ro" if mount.get("readOnly") else "rw"]
            if mount.get("subPath"):
                flags.append(f'path="{mount["subPath"]}"')
            context.line(level + 1, f"{mount['mountPath']} from {mount['name']} ({','.join(flags)})")
    devices = spec.get("volumeDevices") or []
    if devices:
        context.line(level, "Devices:")
        for device in sorted(devices, key=lambda device: str(device["devicePath"])):
            context.line(level + 1, f"{device['devicePath']} from {device['name']}")
