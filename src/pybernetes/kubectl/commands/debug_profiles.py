"""What the profiles of `kubectl debug` make of a debugging container and its pod; and partial containers of one's own.

`where` is "ephemeral" (in the pod itself), "copy" (in a copy of it) or "node".
"""

from __future__ import annotations

from ..apply.merge_keys import field, type_of
from ..errors import CommandError, os_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Object = dict[str, Any]

PROFILES = ("legacy", "general", "baseline", "netadmin", "restricted", "sysadmin")
LEGACY = (
    "--profile=legacy is deprecated and planned to be removed in v1.39. It is recommended to specify other profile, "
    'for example "--profile=general".'
)
NOT_ROOT = (
    "Warning: Non-root user is configured for the entire target Pod, and some capabilities granted by debug profile "
    'may not work. Please consider using "--custom" with a custom profile that specifies '
    '"securityContext.runAsUser: 0".'
)
_RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def apply(profile: str, spec: Object, container: Object, where: str) -> None:
    """Change the pod's spec and the container, which is one of its own."""
    if where == "node":
        _on_node(profile, spec, container)
    if profile == "legacy":
        return
    if where == "copy":
        spec.setdefault("shareProcessNamespace", True)
    if profile == "general" and where != "node":
        _add(container, "SYS_PTRACE")
    elif profile == "netadmin":
        _add(container, "NET_ADMIN", "NET_RAW")
    elif profile == "sysadmin":
        container["securityContext"] = {**(container.get("securityContext") or {}), "privileged": True}
    elif profile == "restricted":
        container["securityContext"] = dict(_RESTRICTED)
    elif profile == "baseline":
        container.pop("securityContext", None)


def _on_node(profile: str, spec: Object, container: Object) -> None:
    """The node's namespaces and its file system at /host, but for the profiles that keep away from them."""
    if profile in ("baseline", "restricted"):
        return
    spec["hostNetwork"] = spec["hostPID"] = spec["hostIPC"] = True
    if profile != "netadmin":
        container["volumeMounts"] = [{"mountPath": "/host", "name": "host-root"}]
        spec["volumes"] = [{"name": "host-root", "hostPath": {"path": "/"}}]


def _add(container: Object, *names: str) -> None:
    context = dict(container.get("securityContext") or {})
    capabilities = dict(context.get("capabilities") or {})
    capabilities["add"] = [*(capabilities.get("add") or ()), *names]
    container["securityContext"] = {**context, "capabilities": capabilities}


def custom(path: str) -> Object:
    """The partial container of a file. CommandError."""
    from ..wire.yaml_read import load_one

    try:
        with open(path, encoding="utf-8") as file:
            found = load_one(file.read())
    except OSError as error:
        raise CommandError(f"must pass a container spec json file for custom profile: {os_text(error)}") from None
    except ValueError as error:
        raise CommandError(f"{path} does not contain a valid container spec: {error}") from None
    if not isinstance(found, dict):
        raise CommandError(f"{path} does not contain a valid container spec: not an object")
    return found


def check(partial: Object) -> None:
    """CommandError where a partial container has what no such container may change."""
    if any(partial.get(key) for key in ("name", "command", "image", "lifecycle", "volumeDevices")):
        raise CommandError("name, command, image, lifecycle and volume devices are not modifiable via custom profile")


def lay_over(container: Object, partial: Object) -> None:
    """The partial container over the debugging container, as a strategic merge patch."""
    from pybernetes.api.patch.strategic import strategic_merge

    spec, _, _ = field(type_of("v1", "Pod"), "spec")
    kind, _, _ = field(spec, "containers")
    new = strategic_merge(container, partial, kind)
    container.clear()
    container.update(new)


def may_lack_rights(spec: Object, container: Object) -> bool:
    """Are capabilities given to a container that the pod runs as somebody?"""
    user = (spec.get("securityContext") or {}).get("runAsUser")
    context = container.get("securityContext") or {}
    if not user or context.get("runAsUser") == 0:
        return False
    return bool(context.get("privileged") or (context.get("capabilities") or {}).get("add"))
