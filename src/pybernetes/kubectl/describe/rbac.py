"""Roles and bindings."""

from __future__ import annotations

from .words import bracketed
from .writer import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..objects.item import Item

    Rule = dict[str, list[str]]


def role(context: Context, item: Item) -> None:
    context.head(item, namespaced=False)
    rules = sorted(_compact(item.obj.get("rules") or []), key=_order)
    context.line(0, "PolicyRule:")
    context.table(
        1,
        "Resources|Non-Resource URLs|Resource Names|Verbs",
        [
            (_resource(rule), *(bracketed(rule.get(key)) for key in ("nonResourceURLs", "resourceNames", "verbs")))
            for rule in rules
        ],
    )


def _resource(rule: Rule) -> str:
    """`deployments.apps/scale`."""
    resource = next(iter(rule.get("resources") or ()), "")
    group = next(iter(rule.get("apiGroups") or ()), "")
    name, slash, subresource = resource.partition("/")
    return f"{name}.{group}{slash}{subresource}" if group else resource


def _compact(rules: list[dict[str, Any]]) -> list[Rule]:
    """A rule for each URL and verb, and one for each resource of each group (and name) with all its verbs."""
    urls: list[Rule] = []
    resources: dict[tuple[str, str, str], Rule] = {}
    for rule in rules:
        verbs = list(dict.fromkeys(rule.get("verbs") or ()))
        urls += [
            {"nonResourceURLs": [url], "verbs": [verb]} for url in rule.get("nonResourceURLs") or () for verb in verbs
        ]
        for group in (rule.get("apiGroups") or ()) if verbs else ():
            for resource in rule.get("resources") or ():
                for name in rule.get("resourceNames") or ("",):
                    known = resources.setdefault(
                        (group, resource, name),
                        {
                            "apiGroups": [group],
                            "resources": [resource],
                            "resourceNames": [name] * bool(name),
                            "verbs": [],
                        },
                    )
                    known["verbs"] += [verb for verb in verbs if verb not in known["verbs"]]
    return [*urls, *resources.values()]


def _order(rule: Rule) -> str:
    """As Go prints a rule."""
    names = ("verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs")
    return ",".join(bracketed(rule.get(name)) for name in names)


def binding(context: Context, item: Item) -> None:
    context.head(item, namespaced=False)
    reference = item.obj.get("roleRef") or {}
    context.line(0, "Role:")
    context.fields((("Kind", reference.get("kind", "")), ("Name", reference.get("name", ""))), 1)
    context.line(0, "Subjects:")
    context.table(
        1,
        "Kind|Name|Namespace",
        [[subject.get(key, "") for key in ("kind", "name", "namespace")] for subject in item.obj.get("subjects") or ()],
    )
