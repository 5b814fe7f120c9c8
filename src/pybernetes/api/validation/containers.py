"""Containers of a pod: regular, init and ephemeral ones (core/v1 Container, EphemeralContainer).

What they all share is `_common`; `regular`, `init` and `ephemeral` add what differs. `PodContext` carries what a
container's rules need to know of its pod.
"""

from collections.abc import Collection

import msgspec

from .. import field
from . import security_context
from .environment import bulk_sources, variables
from .handlers import lifecycle, probes
from .paths import descending, no_backsteps
from .resources import requirements
from .values import PROTOCOLS, Errors, Object, each, label, one_of, port_name, port_number

_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_MESSAGE_POLICIES = ("File", "FallbackToLogsOnError")
_RESTARTS = ("Always", "Never", "OnFailure")
_PROPAGATIONS = ("Bidirectional", "HostToContainer", "None")
_RECURSIVE = ("Disabled", "Enabled", "IfPossible")
_NOT_IN_INIT = "may not be set for init containers without restartPolicy=Always"
_NOT_EPHEMERAL = "cannot be set for an Ephemeral Container"
_EPHEMERAL_FIELDS = frozenset(
    {
        "name",
        "image",
        "command",
        "args",
        "workingDir",
        "env",
        "envFrom",
        "volumeMounts",
        "volumeDevices",
        "terminationMessagePath",
        "terminationMessagePolicy",
        "imagePullPolicy",
        "securityContext",
        "stdin",
        "stdinOnce",
        "tty",
        "resources",
        "targetContainerName",
    }
)


class PodContext(msgspec.Struct, frozen=True):
    """What containers need to know of their pod. `volumes` are the sources of the good volumes by name."""

    volumes: dict[str, Object]
    claim_names: Collection[str] = ()
    grace_period: int | None = None
    restart_policy: str = "Always"
    host_users: bool = True
    os_name: str = ""


def regular(containers: list[Object], context: PodContext, path: str) -> Errors:
    """`containers`: at least one, names unique, host ports unique."""
    if not containers:
        return [field.required(path)]
    errors: Errors = []
    seen: set[str] = set()
    for index, container in enumerate(containers):
        where = f"{path}[{index}]"
        errors += _common(container, context, where)
        name = container.get("name") or ""
        if name in seen:
            errors.append(field.duplicate(f"{where}.name", name))
        seen.add(name)
        errors += _hooks(container, context, where)
        errors += _restart(container, where)
    return errors + _host_ports(containers, path)


def init(containers: list[Object], others: list[Object], context: PodContext, path: str) -> Errors:
    """`initContainers`: those that restart always are sidecars and may have probes and hooks."""
    errors: Errors = []
    seen = {container.get("name") for container in others}
    for index, container in enumerate(containers):
        where = f"{path}[{index}]"
        errors += _common(container, context, where)
        errors += _restart(container, where)
        name = container.get("name") or ""
        if name in seen:
            errors.append(field.duplicate(f"{where}.name", name))
        elif name:
            seen.add(name)
        errors += _host_ports([container], path)
        if container.get("restartPolicy") == "Always":
            errors += _hooks(container, context, where)
        else:
            for key in ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe"):
                if container.get(key) is not None:
                    errors.append(field.forbidden(f"{where}.{key}", _NOT_IN_INIT))
    return errors


def ephemeral(containers: list[Object], spec: Object, context: PodContext, path: str) -> Errors:
    """`ephemeralContainers`: for debugging, so nothing that a service would rely on."""
    errors: Errors = []
    others = {c.get("name") for key in ("containers", "initContainers") for c in spec.get(key) or ()}
    seen = set(others)
    for index, container in enumerate(containers):
        where = f"{path}[{index}]"
        errors += _common(container, context, where)
        errors += untrimmed_image(container, where)
        name = container.get("name") or ""
        if name in seen:
            errors.append(field.duplicate(f"{where}.name", name))
        seen.add(name)
        target = container.get("targetContainerName")
        if target and target not in others:
            errors.append(field.not_found(f"{where}.targetContainerName", target))
        for key, value in container.items():
            if value and (key not in _EPHEMERAL_FIELDS or key == "resources"):
                errors.append(field.forbidden(f"{where}.{key}", _NOT_EPHEMERAL))
        for place, mount in enumerate(container.get("volumeMounts") or ()):
            for key in ("subPath", "subPathExpr"):
                if mount.get(key):
                    errors.append(field.forbidden(f"{where}.volumeMounts[{place}].{key}", _NOT_EPHEMERAL))
    return errors


def untrimmed_image(container: Object, path: str) -> Errors:
    """In pods, though not in templates, an image name has no white space around it."""
    image = container.get("image") or ""
    if image == image.strip():
        return []
    return [field.invalid(f"{path}.image", image, "must not have leading or trailing whitespace")]


def _common(container: Object, context: PodContext, path: str) -> Errors:
    get = container.get
    errors: Errors = []
    name = get("name")
    if not name:
        errors.append(field.required(f"{path}.name"))
    elif messages := label(name):
        errors += each(f"{path}.name", name, messages)
    if not get("image"):
        errors.append(field.required(f"{path}.image"))
    if get("terminationMessagePolicy") not in _MESSAGE_POLICIES:
        errors += one_of(get("terminationMessagePolicy"), _MESSAGE_POLICIES, f"{path}.terminationMessagePolicy")
    mounts, devices = get("volumeMounts"), get("volumeDevices")
    if ports := get("ports"):
        errors += _ports(ports, f"{path}.ports")
    if env := get("env"):
        errors += variables(env, f"{path}.env")
    if sources := get("envFrom"):
        errors += bulk_sources(sources, f"{path}.envFrom")
    if mounts:
        errors += _mounts(mounts, devices or [], container, context, f"{path}.volumeMounts")
    if devices:
        errors += _devices(devices, mounts or [], context, f"{path}.volumeDevices")
    if get("imagePullPolicy") not in _PULL_POLICIES:
        errors += one_of(get("imagePullPolicy"), _PULL_POLICIES, f"{path}.imagePullPolicy")
    if resources := get("resources"):
        errors += requirements(resources, f"{path}.resources", claim_names=context.claim_names)
    if policies := get("resizePolicy"):
        errors += _resize_policies(policies, context.restart_policy, f"{path}.resizePolicy")
    if security := get("securityContext"):
        where = f"{path}.securityContext"
        errors += security_context.of_container(security, where, host_users=context.host_users)
    return errors


def _hooks(container: Object, context: PodContext, path: str) -> Errors:
    errors: Errors = []
    if (given := container.get("lifecycle")) is not None:
        errors += lifecycle(given, f"{path}.lifecycle", context.grace_period, context.os_name)
    return errors + probes(container, path, context.grace_period)


def _ports(ports: list[Object], path: str) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for index, port in enumerate(ports):
        name = port.get("name")
        if name:
            if messages := port_name(name):
                errors += each(f"{path}[{index}].name", name, messages)
            elif name in seen:
                errors.append(field.duplicate(f"{path}[{index}].name", name))
            seen.add(name)
        number = port.get("containerPort") or 0
        if not number:
            errors.append(field.required(f"{path}[{index}].containerPort"))
        elif not 1 <= number <= 65535:
            errors += port_number(number, f"{path}[{index}].containerPort")
        if port.get("hostPort"):
            errors += port_number(port["hostPort"], f"{path}[{index}].hostPort")
        if port.get("protocol") not in PROTOCOLS:
            errors += one_of(port.get("protocol"), PROTOCOLS, f"{path}[{index}].protocol")
    return errors


def _host_ports(containers: list[Object], path: str) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for index, container in enumerate(containers):
        for place, port in enumerate(container.get("ports") or ()):
            number = port.get("hostPort")
            if not number:
                continue
            key = f"{port.get('protocol') or ''}/{port.get('hostIP') or ''}/{number}"
            if key in seen:
                errors.append(field.duplicate(f"{path}[{index}].ports[{place}].hostPort", key))
            seen.add(key)
    return errors


def _mounts(mounts: list[Object], devices: list[Object], container: Object, context: PodContext, path: str) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    device_names = {device.get("name") for device in devices}
    device_paths = {device.get("devicePath") for device in devices}
    for index, mount in enumerate(mounts):
        where = f"{path}[{index}]"
        name, place = mount.get("name") or "", mount.get("mountPath") or ""
        if not name:
            errors.append(field.required(f"{where}.name"))
        if name not in context.volumes:
            errors.append(field.not_found(f"{where}.name", name))
        if not place:
            errors.append(field.required(f"{where}.mountPath"))
        if place in seen:
            errors.append(field.invalid(f"{where}.mountPath", place, "must be unique"))
        seen.add(place)
        if name in device_names:
            errors.append(field.invalid(f"{where}.name", name, "must not already exist in volumeDevices"))
        if place in device_paths:
            words = "must not already exist as a path in volumeDevices"
            errors.append(field.invalid(f"{where}.mountPath", place, words))
        if inner := mount.get("subPath"):
            errors += descending(inner, f"{path}.subPath")
        if expression := mount.get("subPathExpr"):
            if mount.get("subPath"):
                words = "subPathExpr and subPath are mutually exclusive"
                errors.append(field.invalid(f"{where}.subPathExpr", expression, words))
            errors += descending(expression, f"{path}.subPathExpr")
        if (mode := mount.get("mountPropagation")) is not None:
            errors += _propagation(mode, container, f"{path}.mountPropagation")
        if mount.get("recursiveReadOnly") is not None:
            errors += _recursive(mount, f"{path}.recursiveReadOnly")
    return errors


def _propagation(mode: str, container: Object, path: str) -> Errors:
    if mode not in _PROPAGATIONS:
        return [field.not_supported(path, mode, _PROPAGATIONS)]
    if mode == "Bidirectional" and not (container.get("securityContext") or {}).get("privileged"):
        words = "Bidirectional mount propagation is available only to privileged containers"
        return [field.forbidden(path, words)]
    return []


def _recursive(mount: Object, path: str) -> Errors:
    mode = mount["recursiveReadOnly"]
    if mode not in _RECURSIVE:
        return [field.not_supported(path, mode, _RECURSIVE)]
    errors: Errors = []
    if mode != "Disabled":
        if not mount.get("readOnly"):
            errors.append(field.forbidden(path, "may only be specified when readOnly is true"))
        if (mount.get("mountPropagation") or "None") != "None":
            words = "may only be specified when mountPropagation is None or not specified"
            errors.append(field.forbidden(path, words))
    return errors


def _devices(devices: list[Object], mounts: list[Object], context: PodContext, path: str) -> Errors:
    errors: Errors = []
    names: set[str] = set()
    paths: set[str] = set()
    mount_names = {mount.get("name") for mount in mounts}
    mount_paths = {mount.get("mountPath") for mount in mounts}
    for index, device in enumerate(devices):
        where = f"{path}[{index}]"
        name, place = device.get("name") or "", device.get("devicePath") or ""
        source = context.volumes.get(name)
        if not name:
            errors.append(field.required(f"{where}.name"))
        if name in names:
            errors.append(field.invalid(f"{where}.name", name, "must be unique"))
        if source is None:
            errors.append(field.not_found(f"{where}.name", name))
        elif "persistentVolumeClaim" not in source and "ephemeral" not in source:
            words = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
            errors.append(field.invalid(f"{where}.name", name, words))
        if not place:
            errors.append(field.required(f"{where}.devicePath"))
        if place in paths:
            errors.append(field.invalid(f"{where}.devicePath", place, "must be unique"))
        if no_backsteps(place, ""):
            errors.append(field.invalid(f"{where}.devicePath", place, "can not contain backsteps ('..')"))
        paths.add(place)
        if name in mount_names:
            errors.append(field.invalid(f"{where}.name", name, "must not already exist in volumeMounts"))
        if place in mount_paths:
            words = "must not already exist as a path in volumeMounts"
            errors.append(field.invalid(f"{where}.devicePath", place, words))
        names.add(name)
    return errors


def _resize_policies(policies: list[Object], restart_policy: str, path: str) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for index, policy in enumerate(policies):
        name, action = policy.get("resourceName") or "", policy.get("restartPolicy") or ""
        if name in seen:
            errors.append(field.duplicate(f"{path}[{index}]", name))
        seen.add(name)
        errors += one_of(name, ("cpu", "memory"), path)
        errors += one_of(action, ("NotRequired", "RestartContainer"), path)
        if restart_policy == "Never" and action != "NotRequired":
            words = "must be 'NotRequired' when `restartPolicy` is 'Never'"
            errors.append(field.invalid(path, action, words))
    return errors


def _restart(container: Object, path: str) -> Errors:
    policy, rules = container.get("restartPolicy"), container.get("restartPolicyRules") or []
    if policy is None and not rules:
        return []
    errors: Errors = []
    if policy is None:
        words = "must specify restartPolicy when restart rules are used"
        errors.append(field.required(f"{path}.restartPolicy", words))
    elif policy not in _RESTARTS:
        errors.append(field.not_supported(f"{path}.restartPolicy", policy, _RESTARTS))
    if len(rules) > 20:
        errors.append(field.too_long(f"{path}.restartPolicyRules", 20))
    for index, rule in enumerate(rules):
        where, codes = f"{path}.restartPolicyRules[{index}]", rule.get("exitCodes")
        if rule.get("action") not in ("Restart", "RestartAllContainers"):
            errors.append(field.not_supported(f"{where}.action", rule.get("action") or "", ("Restart",)))
        if codes is None:
            errors.append(field.required(f"{where}.exitCodes", "must be specified"))
            continue
        operator = codes.get("operator") or ""
        if operator not in ("In", "NotIn"):
            errors.append(field.not_supported(f"{where}.exitCodes.operator", operator, ("In", "NotIn")))
        if len(codes.get("values") or ()) > 255:
            errors.append(field.too_long(f"{where}.exitCodes.values", 255))
    return errors
