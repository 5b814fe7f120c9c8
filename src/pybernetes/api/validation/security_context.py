"""Security settings of pods and containers (core/v1 PodSecurityContext, SecurityContext)."""

import re

from .. import field
from .internal import SECURITY_CONTEXT, as_internal
from .paths import descending
from .values import Errors, Object, one_of_if_set

_ID_LIMIT = 2**31 - 1
_PROFILES = ("Localhost", "RuntimeDefault", "Unconfined")
_SYSCTL = r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_sysctl = re.compile(_SYSCTL).fullmatch
_NET_SYSCTLS = ("net.",)
_IPC_SYSCTLS = ("kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue.")
_APPARMOR_LIMIT = 4095
_WINDOWS_FORBIDS = (
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "capabilities",
    "readOnlyRootFilesystem",
    "privileged",
    "allowPrivilegeEscalation",
    "procMount",
    "runAsUser",
    "runAsGroup",
)
_WINDOWS_FORBIDS_POD = (
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "fsGroup",
    "fsGroupChangePolicy",
    "sysctls",
    "runAsUser",
    "runAsGroup",
    "supplementalGroups",
    "supplementalGroupsPolicy",
    "seLinuxChangePolicy",
)


def _identity(value: int | None, path: str) -> Errors:
    if value is None or 0 <= value <= _ID_LIMIT:
        return []
    return [field.invalid(path, value, f"must be between 0 and {_ID_LIMIT}, inclusive")]


def of_pod(context: Object, spec: Object, path: str) -> Errors:
    """`spec.securityContext`; some of what it depends on lies in the spec itself."""
    errors: Errors = []
    for key in ("fsGroup", "runAsUser", "runAsGroup"):
        errors += _identity(context.get(key), f"{path}.{key}")
    for index, group in enumerate(context.get("supplementalGroups") or ()):
        errors += _identity(group, f"{path}.supplementalGroups[{index}]")
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        words = "ShareProcessNamespace and HostPID cannot both be enabled"
        errors.append(field.invalid(f"{path}.shareProcessNamespace", True, words))
    errors += _sysctls(context.get("sysctls") or [], spec, f"{path}.sysctls")
    errors += one_of_if_set(
        context.get("fsGroupChangePolicy"), ("Always", "OnRootMismatch"), f"{path}.fsGroupChangePolicy"
    )
    errors += _profiles(context, path)
    errors += one_of_if_set(
        context.get("supplementalGroupsPolicy"), ("Merge", "Strict"), f"{path}.supplementalGroupsPolicy"
    )
    return errors + one_of_if_set(
        context.get("seLinuxChangePolicy"), ("MountOption", "Recursive"), f"{path}.seLinuxChangePolicy"
    )


def _sysctls(sysctls: list[Object], spec: Object, path: str) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for index, sysctl in enumerate(sysctls):
        where, name = f"{path}[{index}].name", sysctl.get("name") or ""
        if not name:
            errors.append(field.required(where))
        elif len(name) > 253 or _sysctl(name) is None:
            words = f"must have at most 253 characters and match regex ^{_SYSCTL}$"
            errors.append(field.invalid(where, name, words))
        elif name in seen:
            errors.append(field.duplicate(where, name))
        seen.add(name)
        dotted = name.replace("/", ".")
        if spec.get("hostNetwork") and dotted.startswith(_NET_SYSCTLS):
            errors.append(field.invalid(where, name, "may not be specified when 'hostNetwork' is true"))
        elif spec.get("hostIPC") and dotted.startswith(_IPC_SYSCTLS):
            errors.append(field.invalid(where, name, "may not be specified when 'hostIPC' is true"))
    return errors


def _profiles(context: Object, path: str) -> Errors:
    errors: Errors = []
    if (seccomp := context.get("seccompProfile")) is not None:
        errors += _seccomp(seccomp, f"{path}.seccompProfile")
    if (apparmor := context.get("appArmorProfile")) is not None:
        errors += _apparmor(apparmor, f"{path}.appArmorProfile")
    return errors


def _seccomp(profile: Object, path: str) -> Errors:
    kind, local = profile.get("type") or "", profile.get("localhostProfile")
    errors: Errors = []
    if not kind:
        errors.append(field.required(f"{path}.type", "type is required when seccompProfile is set"))
    elif kind not in _PROFILES:
        errors.append(field.not_supported(f"{path}.type", kind, _PROFILES))
    if kind == "Localhost":
        if local is None:
            words = "must be set when seccomp type is Localhost"
            errors.append(field.required(f"{path}.localhostProfile", words))
        else:
            errors += descending(local, f"{path}.localhostProfile")
    elif local is not None:
        words = "can only be set when seccomp type is Localhost"
        errors.append(field.invalid(f"{path}.localhostProfile", profile, words))
    return errors


def _apparmor(profile: Object, path: str) -> Errors:
    kind, local = profile.get("type") or "", profile.get("localhostProfile")
    where = f"{path}.localhostProfile"
    if not kind:
        return [field.required(f"{path}.type", "type is required when appArmorProfile is set")]
    if kind not in _PROFILES:
        return [field.not_supported(f"{path}.type", kind, _PROFILES)]
    if kind != "Localhost":
        if local is None:
            return []
        return [field.invalid(where, local, "can only be set when AppArmor type is Localhost")]
    if local is None:
        return [field.required(where, "must be set when AppArmor type is Localhost")]
    errors: Errors = []
    if local != local.strip():
        errors.append(field.invalid(where, local, "must not be padded with whitespace"))
    elif not local:
        errors.append(field.required(where, "must be set when AppArmor type is Localhost"))
    if len(local) > _APPARMOR_LIMIT:
        errors.append(field.too_long(where, _APPARMOR_LIMIT))
    return errors


def of_container(context: Object, path: str, *, host_users: bool) -> Errors:
    """A container's `securityContext`."""
    errors: Errors = []
    for key in ("runAsUser", "runAsGroup"):
        errors += _identity(context.get(key), f"{path}.{key}")
    mount = context.get("procMount")
    if mount is not None:
        errors += one_of_if_set(mount, ("Default", "Unmasked"), f"{path}.procMount")
        if host_users and mount == "Unmasked":
            words = "`hostUsers` must be false to use `Unmasked`"
            errors.append(field.invalid(f"{path}.procMount", mount, words))
    if (seccomp := context.get("seccompProfile")) is not None:
        errors += _seccomp(seccomp, f"{path}.seccompProfile")
    if context.get("allowPrivilegeEscalation") is False:
        if context.get("privileged"):
            words = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
            errors.append(field.invalid(path, as_internal(context, SECURITY_CONTEXT), words))
        if "CAP_SYS_ADMIN" in ((context.get("capabilities") or {}).get("add") or ()):
            words = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
            errors.append(field.invalid(path, as_internal(context, SECURITY_CONTEXT), words))
    if (apparmor := context.get("appArmorProfile")) is not None:
        errors += _apparmor(apparmor, f"{path}.appArmorProfile")
    return errors


def for_os(os_name: str, spec: Object, path: str) -> Errors:
    """What a pod that says its operating system may not carry."""
    errors: Errors = []
    pod = spec.get("securityContext") or {}
    windows = os_name == "windows"
    if windows:
        for key in _WINDOWS_FORBIDS_POD:
            if pod.get(key):
                errors.append(field.forbidden(f"{path}.securityContext.{key}", "cannot be set for a windows pod"))
        for key in ("hostUsers", "hostPID", "hostIPC", "shareProcessNamespace"):
            if spec.get(key):
                errors.append(field.forbidden(f"{path}.{key}", "cannot be set for a windows pod"))
    elif pod.get("windowsOptions"):
        words = "windows options cannot be set for a linux pod"
        errors.append(field.forbidden(f"{path}.securityContext.windowsOptions", words))
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        for index, container in enumerate(spec.get(kind) or ()):
            context = container.get("securityContext") or {}
            where = f"{path}.{kind}[{index}].securityContext"
            if windows:
                errors += [
                    field.forbidden(f"{where}.{key}", "cannot be set for a windows pod")
                    for key in _WINDOWS_FORBIDS
                    if context.get(key) is not None
                ]
            elif context.get("windowsOptions"):
                words = "windows options cannot be set for a linux pod"
                errors.append(field.forbidden(f"{where}.windowsOptions", words))
    return errors
