"""Policy rules, compiled for matching. Pure: what a rule allows, what one set of rules covers of another.

A rule allows a request when verb, API group, resource (or `*/subresource`) and, if it lists any, the name match;
for paths, when verb and URL match, where a trailing `*` stands for any ending.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from .authorizer import Attributes
from .forbidden import quote_list

Wire = dict[str, Any]
"""A PolicyRule in wire form."""


class Rule(msgspec.Struct, frozen=True):
    """One PolicyRule with its lists as sets."""

    verbs: frozenset[str]
    groups: frozenset[str]
    resources: frozenset[str]
    names: frozenset[str]
    urls: tuple[str, ...]

    def allows_but_for_name(self, attributes: Attributes, combined: str) -> bool:
        """Whether everything but `resourceNames` matches; `combined` is `resource[/subresource]`."""
        verbs = self.verbs
        if attributes.verb not in verbs and "*" not in verbs:
            return False
        if not attributes.is_resource:
            return any(url_covers(url, attributes.path) for url in self.urls)
        if attributes.group not in self.groups and "*" not in self.groups:
            return False
        resources = self.resources
        if combined in resources or "*" in resources:
            return True
        return bool(attributes.subresource) and f"*/{attributes.subresource}" in resources

    def allows(self, attributes: Attributes) -> bool:
        """Whether the rule allows this request."""
        if not self.allows_but_for_name(attributes, combined_resource(attributes)):
            return False
        return not attributes.is_resource or not self.names or attributes.name in self.names


def compile_rule(rule: Wire) -> Rule:
    """The rule with sets for lists; absent and null lists are empty."""
    return Rule(
        frozenset(rule.get("verbs") or ()),
        frozenset(rule.get("apiGroups") or ()),
        frozenset(rule.get("resources") or ()),
        frozenset(rule.get("resourceNames") or ()),
        tuple(rule.get("nonResourceURLs") or ()),
    )


def combined_resource(attributes: Attributes) -> str:
    """`pods` or `pods/log`."""
    return f"{attributes.resource}/{attributes.subresource}" if attributes.subresource else attributes.resource


def url_covers(pattern: str, path: str) -> bool:
    """`*` covers all, `/healthz/*` everything that begins so, anything else itself."""
    return pattern == path or (pattern.endswith("*") and path.startswith(pattern.rstrip("*")))


def missing_rules(held: Iterable[Wire], wanted: Iterable[Wire]) -> list[Wire]:
    """What of `wanted` the rules `held` do not cover, broken down to single verb, group, resource and name."""
    owners = [compile_rule(rule) for rule in held]
    return [part for rule in wanted for part in _breakdown(rule) if not any(_covers(o, part) for o in owners)]


def compact(rules: Iterable[Wire]) -> list[Wire]:
    """Rules for the same single group, resource and name joined by their verbs."""
    joined: dict[tuple[str, str, str | None], Wire] = {}
    others: list[Wire] = []
    for rule in rules:
        groups, resources = rule.get("apiGroups") or [], rule.get("resources") or []
        names = rule.get("resourceNames") or []
        if rule.get("nonResourceURLs") or len(groups) != 1 or len(resources) != 1 or len(names) > 1:
            others.append(rule)
            continue
        key = (groups[0], resources[0], names[0] if names else None)
        if key in joined:
            verbs = joined[key]["verbs"]
            verbs.extend(verb for verb in rule["verbs"] if verb not in verbs)
        else:
            joined[key] = {**rule, "verbs": list(rule["verbs"])}
    return [*others, *joined.values()]


def describe(rule: Wire) -> str:
    """`{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`."""
    labels = (
        ("APIGroups", "apiGroups"),
        ("Resources", "resources"),
        ("NonResourceURLs", "nonResourceURLs"),
        ("ResourceNames", "resourceNames"),
        ("Verbs", "verbs"),
    )
    return "{" + ", ".join(f"{label}:{quote_list(rule[key])}" for label, key in labels if rule.get(key)) + "}"


def _breakdown(rule: Wire) -> list[Wire]:
    verbs: Sequence[str] = rule.get("verbs") or ()
    names: Sequence[str] = rule.get("resourceNames") or ()
    parts: list[Wire] = []
    for group in rule.get("apiGroups") or ():
        for resource in rule.get("resources") or ():
            for verb in verbs:
                part: Wire = {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
                parts += [{**part, "resourceNames": [name]} for name in names] if names else [part]
    parts += [
        {"nonResourceURLs": [url], "verbs": [verb]} for url in rule.get("nonResourceURLs") or () for verb in verbs
    ]
    return parts


def _covers(owner: Rule, part: Wire) -> bool:
    """Whether the owner's rule covers one part of `_breakdown`."""
    if "*" not in owner.verbs and part["verbs"][0] not in owner.verbs:
        return False
    if "nonResourceURLs" in part:
        return any(url_covers(url, part["nonResourceURLs"][0]) for url in owner.urls)
    if "*" not in owner.groups and part["apiGroups"][0] not in owner.groups:
        return False
    resource = part["resources"][0]
    if "*" not in owner.resources and resource not in owner.resources:
        _, slash, subresource = resource.partition("/")
        if not slash or f"*/{subresource}" not in owner.resources:
            return False
    names = part.get("resourceNames")
    return not owner.names or (names is not None and names[0] in owner.names)
