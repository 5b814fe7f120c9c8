"""Roles and bindings."""

from __future__ import annotations

from .writer import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..objects.item import Item


def role(context: Context, item: Item) -> None:
    obj = item.obj
    context.field("Name", item.name)
    context.labels("Labels", obj["metadata"].get("labels"))
    context.annotations(obj["metadata"].get("annotations"))
    context.line(0, "PolicyRule:")
    context.line(1, "Resources\tNon-Resource URLs\tResource Names\tVerbs")
    context.line(1, "---------\t-----------------\t--------------\t-----")
    for rule in sorted(_compact(obj.get("rules") or []), key=_order):
        context.line(
            1,
            f"{_resource(rule)}\t[{' '.join(rule.get('nonResourceURLs') or ())}]\t"
            f"[{' '.join(rule.get('resourceNames') or ())}]\t[{' '.join(rule.get('verbs') or ())}]",
        )


def _resource(rule: dict[str, Any]) -> str:
    resource = next(iter(rule.get("resources") or ()), "")
    group = next(iter(rule.get("apiGroups") or ()), "")
    name, slash, subresource = str(resource).partition("/")
    return f"{name}.{group}{slash}{subresource}" if group else str(resource)


def _compact(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One rule for each resource of each group; rules that differ in their verbs only are one."""
    simple: dict[tuple[Any, ...], dict[str, Any]] = {}
    for rule in rules:
        if rule.get("nonResourceURLs"):
            key: tuple[Any, ...] = ("url", tuple(rule["nonResourceURLs"]), tuple(rule.get("verbs") or ()))
            simple[key] = {"nonResourceURLs": rule["nonResourceURLs"], "verbs": rule.get("verbs") or []}
            continue
        for group in rule.get("apiGroups") or ("",):
            for resource in rule.get("resources") or ():
                for name in rule.get("resourceNames") or ("",):
                    key = (group, resource, name)
                    known = simple.setdefault(
                        key,
                        {
                            "apiGroups": [group],
                            "resources": [resource],
                            "resourceNames": [name] if name else [],
                            "verbs": [],
                        },
                    )
                    known["verbs"] += [verb for verb in rule.get("verbs") or () if verb not in known["verbs"]]
    return list(simple.values())


def _order(rule: dict[str, Any]) -> str:
    """As Go prints a rule."""
    names = ("verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs")
    return ",".join(f"[{' '.join(rule.get(name) or ())}]" for name in names)


def binding(context: Context, item: Item) -> None:
    obj = item.obj
    context.field("Name", item.name)
    context.labels("Labels", obj["metadata"].get("labels"))
    context.annotations(obj["metadata"].get("annotations"))
    reference = obj.get("roleRef") or {}
    context.line(0, "Role:")
    context.line(1, f"Kind:\t{reference.get('kind', '')}")
    context.line(1, f"Name:\t{reference.get('name', '')}")
    context.line(0, "Subjects:")
    context.line(1, "Kind\tName\tNamespace")
    context.line(1, "----\t----\t---------")
    for subject in obj.get("subjects") or ():
        context.line(1, f"{subject.get('kind')}\t{subject.get('name')}\t{subject.get('namespace', '')}")
