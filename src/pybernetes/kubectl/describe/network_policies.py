"""Network policies."""

from __future__ import annotations

import time

from ..output.age import seconds_of
from .words import joined, selector_text
from .writer import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..objects.item import Item

_NEVER = "0001-01-01 00:00:00 +0000 UTC"


def network_policy(context: Context, item: Item) -> None:
    metadata, spec = item.obj["metadata"], item.obj.get("spec") or {}
    context.named(item)
    made = metadata.get("creationTimestamp")
    local = time.strftime("%Y-%m-%d %H:%M:%S %z %Z", time.localtime(seconds_of(made))) if made else _NEVER
    context.field("Created on", local)
    context.labels("Labels", metadata.get("labels"))
    context.annotations(metadata.get("annotations"))
    context.line(0, "Spec:")
    selected = selector_text(spec.get("podSelector"))
    everything = " (Allowing the specific traffic to all pods in this namespace)" if selected == "<none>" else ""
    context.line(1, f"PodSelector:     {selected}{everything}")
    types = spec.get("policyTypes") or []
    for kind, title, key, end in (("Ingress", "From", "from", "source"), ("Egress", "To", "to", "destination")):
        direction = kind.lower()
        if kind not in types:
            context.line(1, f"Not affecting {direction} traffic")
            continue
        context.line(1, f"Allowing {direction} traffic:")
        rules = spec.get(direction) or []
        if not rules:
            context.line(2, f"<none> (Selected pods are isolated for {direction} connectivity)")
        for number, rule in enumerate(rules):
            if number:
                context.line(2, "----------")
            _ports(context, rule.get("ports") or [])
            if not rule.get(key):
                context.line(2, f"{title}: <any> (traffic not restricted by {end})")
            for peer in rule.get(key) or ():
                context.line(2, f"{title}:")
                _peer(context, peer)
    context.line(1, f"Policy Types: {joined(types) or '<none>'}")


def _ports(context: Context, ports: list[dict[str, Any]]) -> None:
    if not ports:
        context.line(2, "To Port: <any> (traffic allowed to all ports)")
    for port in ports:
        number, protocol = port.get("port", "<nil>"), port.get("protocol", "TCP")
        if port.get("endPort") is None:
            context.line(2, f"To Port: {number}/{protocol}")
        else:
            context.line(2, f"To Port Range: {number}-{port['endPort']}/{protocol}")


def _peer(context: Context, peer: dict[str, Any]) -> None:
    selectors = [key for key in ("namespaceSelector", "podSelector") if peer.get(key) is not None]
    for key in selectors:
        context.line(3, f"{key[0].upper()}{key[1:]}: {selector_text(peer[key])}")
    block = peer.get("ipBlock")
    if block is not None and not selectors:
        context.line(3, "IPBlock:")
        context.line(4, f"CIDR: {block.get('cidr', '')}")
        context.line(4, f"Except: {joined(block.get('except'))}")
