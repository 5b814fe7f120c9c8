"""Policies and places for the tests, in short form."""

from typing import Any

import msgspec

from pybernetes.api.networking import NetworkPolicy
from pybernetes.proxy.network_policy.seen import Place

NODE = "n1"
NAMESPACES = {"default": {"team": "a"}, "other": {"team": "b"}, "third": {}}


def policy(
    name: str = "p", namespace: str = "default", pods: dict[str, str] | None = None, **spec: Any
) -> NetworkPolicy:
    """A policy on the pods with these labels; keywords are wire fields of the spec."""
    types = spec.pop("policyTypes", ["Ingress", "Egress"] if "egress" in spec else ["Ingress"])
    wire = {"podSelector": {"matchLabels": pods or {}}, "policyTypes": types, **spec}
    return msgspec.convert({"metadata": {"name": name, "namespace": namespace}, "spec": wire}, NetworkPolicy)


def place(ip: str, app: str = "web", namespace: str = "default", node: str = NODE, **ports: int) -> Place:
    """A pod with the label `app` and named TCP ports."""
    named = tuple((name, "tcp", number) for name, number in ports.items())
    return Place(namespace, {"app": app}, ip, node, named)


def app(name: str) -> dict[str, Any]:
    """A peer's podSelector."""
    return {"podSelector": {"matchLabels": {"app": name}}}
