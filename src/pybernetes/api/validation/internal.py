"""How upstream prints a struct that is wrong as a whole: as the JSON of its internal type, which has Go's field names,
in the order of the type, absent fields as null or empty."""

from collections.abc import Mapping
from typing import Any

Shape = Mapping[str, "tuple[str, Any]"]
"""Wire name -> (Go's name, what an absent field is); a Shape in the place of the latter for a struct within."""

ROLE_REF: Shape = {"apiGroup": ("APIGroup", ""), "kind": ("Kind", ""), "name": ("Name", "")}
DISRUPTION_BUDGET_SPEC: Shape = {
    "minAvailable": ("MinAvailable", None),
    "selector": ("Selector", None),
    "maxUnavailable": ("MaxUnavailable", None),
    "unhealthyPodEvictionPolicy": ("UnhealthyPodEvictionPolicy", None),
}
_ATTACHED: Shape = {
    "persistentVolumeName": ("PersistentVolumeName", None),
    "inlineVolumeSpec": ("InlineVolumeSpec", None),
}
VOLUME_ATTACHMENT_SPEC: Shape = {
    "attacher": ("Attacher", ""),
    "source": ("Source", _ATTACHED),
    "nodeName": ("NodeName", ""),
}
SERVICE_PORT: Shape = {
    "name": ("Name", ""),
    "protocol": ("Protocol", ""),
    "appProtocol": ("AppProtocol", None),
    "port": ("Port", 0),
    "targetPort": ("TargetPort", 0),
    "nodePort": ("NodePort", 0),
}
SECURITY_CONTEXT: Shape = {
    "capabilities": ("Capabilities", None),
    "privileged": ("Privileged", None),
    "seLinuxOptions": ("SELinuxOptions", None),
    "windowsOptions": ("WindowsOptions", None),
    "runAsUser": ("RunAsUser", None),
    "runAsGroup": ("RunAsGroup", None),
    "runAsNonRoot": ("RunAsNonRoot", None),
    "readOnlyRootFilesystem": ("ReadOnlyRootFilesystem", None),
    "allowPrivilegeEscalation": ("AllowPrivilegeEscalation", None),
    "procMount": ("ProcMount", None),
    "seccompProfile": ("SeccompProfile", None),
    "appArmorProfile": ("AppArmorProfile", None),
}
DAEMON_SET_STRATEGY: Shape = {"type": ("Type", ""), "rollingUpdate": ("RollingUpdate", None)}


def as_internal(value: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    """The value by Go's names."""
    found = {}
    for wire, (name, absent) in shape.items():
        if isinstance(absent, dict):
            found[name] = as_internal(value.get(wire) or {}, absent)
        else:
            found[name] = value.get(wire, absent)
    return found
