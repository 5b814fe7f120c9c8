"""What services cost: themselves, their node ports and load balancers."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ..quantity import Quantity
from .amounts import ONE, ZERO, Amounts
from .evaluator import COUNT_PREFIX
from .scopes import Requirement

Object = dict[str, Any]

_COUNT = COUNT_PREFIX + "services"
_NODE_PORTS = "services.nodeports"
_LOAD_BALANCERS = "services.loadbalancers"
_RESOURCES = frozenset({_COUNT, "services", _NODE_PORTS, _LOAD_BALANCERS})


class Services:
    """The evaluator of services. Ports are counted by what is meant: admission comes before they are given out."""

    group_resource = "services"

    def handles(self, operation: str, subresource: str) -> bool:
        return operation in ("CREATE", "UPDATE") and not subresource

    def matching(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if name in _RESOURCES]

    def in_scope(self, obj: Object, requirement: Requirement) -> bool:
        return False

    def constraint(self, names: Iterable[str], obj: Object) -> str:
        return ""

    def usage(self, obj: Object, now: datetime) -> Amounts:
        spec = obj.get("spec") or {}
        ports = spec.get("ports") or ()
        found = {_COUNT: ONE, "services": ONE, _NODE_PORTS: ZERO, _LOAD_BALANCERS: ZERO}
        kind = spec.get("type")
        if kind == "NodePort":
            found[_NODE_PORTS] = Quantity.of(len(ports))
        elif kind == "LoadBalancer":
            if spec.get("allocateLoadBalancerNodePorts") is False:
                ports = [port for port in ports if port.get("nodePort")]
            found[_NODE_PORTS] = Quantity.of(len(ports))
            found[_LOAD_BALANCERS] = ONE
        return found
