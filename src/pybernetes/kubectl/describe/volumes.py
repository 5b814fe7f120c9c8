"""Volumes of a pod or template."""

from __future__ import annotations

from .writer import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def volumes(context: Context, specs: list[dict[str, Any]], level: int = 0) -> None:
    if not specs:
        context.line(level, "Volumes:\t<none>")
        return
    context.line(level, "Volumes:")
    for volume in specs:
        context.line(1, f"{' ' * level}{volume['name']}:")
        source = next((key for key in volume if key != "name" and volume[key] is not None), "emptyDir")
        writer = _KINDS.get(source)
        if writer is None:
            context.line(2, "Type:\t<unknown>")
        else:
            writer(context, volume.get(source) or {}, 2)


def _write(context: Context, level: int, kind: str, *pairs: tuple[str, Any]) -> None:
    context.line(level, f"Type:\t{kind}")
    for name, value in pairs:
        context.line(level, f"{name}:\t{value}")


def _flag(value: Any) -> str:
    return "true" if value else "false"


def _empty(context: Context, source: dict[str, Any], level: int) -> None:
    limit = source.get("sizeLimit") or "<unset>"
    kind = "EmptyDir (a temporary directory that shares a pod's lifetime)"
    _write(context, level, kind, ("Medium", source.get("medium") or ""), ("SizeLimit", limit))


def _host(context: Context, source: dict[str, Any], level: int) -> None:
    pairs = (("Path", source.get("path", "")), ("HostPathType", source.get("type") or ""))
    _write(context, level, "HostPath (bare host directory volume)", *pairs)


def _config_map(context: Context, source: dict[str, Any], level: int) -> None:
    kind = "ConfigMap (a volume populated by a ConfigMap)"
    _write(context, level, kind, ("Name", source.get("name", "")), ("Optional", _flag(source.get("optional"))))


def _secret(context: Context, source: dict[str, Any], level: int) -> None:
    kind = "Secret (a volume populated by a Secret)"
    pairs = (("SecretName", source.get("secretName", "")), ("Optional", _flag(source.get("optional"))))
    _write(context, level, kind, *pairs)


def _claim(context: Context, source: dict[str, Any], level: int) -> None:
    kind = "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)"
    pairs = (("ClaimName", source.get("claimName", "")), ("ReadOnly", _flag(source.get("readOnly"))))
    _write(context, level, kind, *pairs)


def _nfs(context: Context, source: dict[str, Any], level: int) -> None:
    kind = "NFS (an NFS mount that lasts the lifetime of a pod)"
    pairs = (
        ("Server", source.get("server", "")),
        ("Path", source.get("path", "")),
        ("ReadOnly", _flag(source.get("readOnly"))),
    )
    _write(context, level, kind, *pairs)


def _downward(context: Context, source: dict[str, Any], level: int) -> None:
    context.line(level, "Type:\tDownwardAPI (a volume populated by information about the pod)")
    context.line(level, "Items:")
    for item in source.get("items") or ():
        if item.get("fieldRef"):
            context.line(level + 1, f"{item['fieldRef'].get('fieldPath')} -> {item['path']}")
        if item.get("resourceFieldRef"):
            context.line(level + 1, f"{item['resourceFieldRef'].get('resource')} -> {item['path']}")


def _projected(context: Context, source: dict[str, Any], level: int) -> None:
    context.line(level, "Type:\tProjected (a volume that contains injected data from multiple sources)")
    for part in source.get("sources") or ():
        if part.get("secret"):
            context.line(level, f"SecretName:\t{part['secret'].get('name', '')}")
            optional = part["secret"].get("optional")
            context.line(level, f"Optional:\t{_flag(optional)}")
        elif part.get("downwardAPI"):
            context.line(level, "DownwardAPI:\ttrue")
        elif part.get("configMap"):
            optional = part["configMap"].get("optional")
            context.line(level, f"ConfigMapName:\t{part['configMap'].get('name', '')}")
            context.line(level, f"Optional:\t{_flag(optional)}")
        elif part.get("serviceAccountToken"):
            seconds = part["serviceAccountToken"].get("expirationSeconds")
            context.line(level, f"TokenExpirationSeconds:\t{seconds}")


def _csi(context: Context, source: dict[str, Any], level: int) -> None:
    kind = "CSI (a Container Storage Interface (CSI) volume source)"
    pairs = (
        ("Driver", source.get("driver", "")),
        ("FSType", source.get("fsType") or ""),
        *((("VolumeHandle", source["volumeHandle"]),) if "volumeHandle" in source else ()),
        ("ReadOnly", _flag(source.get("readOnly"))),
    )
    _write(context, level, kind, *pairs)
    attributes = source.get("volumeAttributes") or {}
    shown = [f"{key}={attributes[key]}" for key in sorted(attributes)] or ["<none>"]
    indent = "  " * level
    for number, one in enumerate(shown):
        context.line(level, f"{indent if number else 'VolumeAttributes:'}\t{indent}{one}")


def _ephemeral(context: Context, source: dict[str, Any], level: int) -> None:
    context.line(
        level,
        "Type:\tEphemeralVolume (an inline specification for a volume that gets created and deleted with the pod)",
    )
    spec = (source.get("volumeClaimTemplate") or {}).get("spec") or {}
    context.line(level, f"StorageClass:\t{spec.get('storageClassName') or ''}")
    context.line(level, f"Volume:\t{spec.get('volumeName') or ''}")
    modes = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
    context.line(level, f"Capacity:\t{((spec.get('resources') or {}).get('requests') or {}).get('storage', '')}")
    context.line(level, f"Access Modes:\t{','.join(modes.get(m, m) for m in spec.get('accessModes') or ())}")


_KINDS = {
    "emptyDir": _empty,
    "hostPath": _host,
    "configMap": _config_map,
    "secret": _secret,
    "persistentVolumeClaim": _claim,
    "nfs": _nfs,
    "downwardAPI": _downward,
    "projected": _projected,
    "csi": _csi,
    "ephemeral": _ephemeral,
}
