"""Volumes of a pod or template, and the sources of persistent volumes."""

from __future__ import annotations

from .volume_sources import PERSISTENT, PLAIN
from .words import flag, shortened
from .writer import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Source = dict[str, Any]


def volumes(context: Context, specs: list[dict[str, Any]] | None, level: int = 0) -> None:
    """The section of volumes; a template's (level 1) have their names one column to the right."""
    context.line(level, "Volumes:" if specs else "Volumes:\t<none>")
    for volume in specs or ():
        context.line(1, f"{' ' * level}{volume['name']}:")
        source(context, volume)


def source(context: Context, spec: dict[str, Any], *, persistent: bool = False) -> None:
    """What kind of volume it is; `persistent` for the spec of a persistent volume."""
    for key, writer in _WRITERS.items():
        if spec.get(key) is not None:
            writer(context, spec[key])
            return
    for key, (words, fields) in {**PLAIN, **(PERSISTENT if persistent else {})}.items():
        if spec.get(key) is not None:
            context.field("Type", words, 2)
            for title, name, show in fields:
                end = "" if title == "ISCSIInterface" else ":"
                context.line(2, f"{title}{end}\t{show(spec[key].get(name))}")
            if key == "csi":
                _attributes(context, spec[key].get("volumeAttributes") or {})
            return
    context.line(1, "<unknown>")


# The kinds with more than fields.


def _downward(context: Context, found: Source) -> None:
    context.field("Type", "DownwardAPI (a volume populated by information about the pod)", 2)
    context.line(2, "Items:")
    for item in found.get("items") or ():
        for key, name in (("fieldRef", "fieldPath"), ("resourceFieldRef", "resource")):
            if item.get(key):
                context.line(3, f"{item[key].get(name)} -> {item['path']}")


def _projected(context: Context, found: Source) -> None:
    context.field("Type", "Projected (a volume that contains injected data from multiple sources)", 2)
    for part in found.get("sources") or ():
        for key, title in (("secret", "SecretName"), ("configMap", "ConfigMapName")):
            if part.get(key):
                context.field(title, part[key].get("name", ""), 2)
                context.field("Optional", flag(part[key].get("optional")), 2)
        if part.get("downwardAPI"):
            context.field("DownwardAPI", "true", 2)
        if part.get("serviceAccountToken"):
            context.field("TokenExpirationSeconds", part["serviceAccountToken"].get("expirationSeconds"), 2)


def _ephemeral(context: Context, found: Source) -> None:
    from .storage import claim_spec

    words = "EphemeralVolume (an inline specification for a volume that gets created and deleted with the pod)"
    context.field("Type", words, 2)
    template = found.get("volumeClaimTemplate")
    if template:
        claim_spec(context, template, 2)


_WRITERS: dict[str, Callable[[Context, Source], None]] = {
    "ephemeral": _ephemeral,
    "downwardAPI": _downward,
    "projected": _projected,
}


def _attributes(context: Context, attributes: dict[str, str]) -> None:
    """Each line is indented twice, before the tab and after it."""
    shown = [shortened(f"{key}={value}", 140) for key, value in sorted(attributes.items())]
    context.several("VolumeAttributes", [f"    {one}" for one in shown], 2, 4)
