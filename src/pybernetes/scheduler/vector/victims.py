"""Whom a node must lose so that a pod has room there, when nothing but the room matters. Pure.

The rules are those of `preemption.try_node`: all less important pods go in thought; if there is room then, they come
back one by one, the most important first and those that a disruption budget protects before the others, as long as
there still is room; the rest are the victims.
"""

from collections.abc import Sequence

from pybernetes.api.policy import PodDisruptionBudget
from pybernetes.scheduler.framework import Verdict
from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.preemption import NO_VICTIMS, Plan, importance, split_by_budgets
from pybernetes.scheduler.vector.codes import CPU, EPHEMERAL, MEMORY, SCALAR, TOO_MANY_PODS, fit_verdict

_NOTHING = -(1 << 62)
"""Less than any node has left: what is not asked for is never missing."""


class Demand:
    """What pods of one shape and priority need of a node."""

    __slots__ = ("_cpu", "_ephemeral", "_memory", "_priority", "_scalars")

    def __init__(self, pod: PodInfo) -> None:
        requests = pod.requests
        self._priority = pod.priority
        self._cpu = requests.milli_cpu or _NOTHING
        self._memory = requests.memory or _NOTHING
        self._ephemeral = requests.ephemeral or _NOTHING
        self._scalars = tuple(requests.scalars.items())

    def victims(self, node: NodeInfo, budgets: Sequence[PodDisruptionBudget]) -> Plan | Verdict:
        """The plan for one node, or why none helps there."""
        priority = self._priority
        potential = [other for other in node.pods.values() if other.priority < priority]
        if not potential:
            return NO_VICTIMS
        cpu = node.allocatable_cpu - node.cpu
        memory = node.allocatable_memory - node.memory
        ephemeral = node.allocatable_ephemeral - node.ephemeral
        slots = node.allocatable_pods - len(node.pods) + len(potential)
        for other in potential:
            requests = other.requests
            cpu += requests.milli_cpu
            memory += requests.memory
            ephemeral += requests.ephemeral
        cpu -= self._cpu
        memory -= self._memory
        ephemeral -= self._ephemeral
        scalars = self._spare_scalars(node, potential) if self._scalars else []
        if cpu < 0 or memory < 0 or ephemeral < 0 or slots < 1 or (scalars and min(scalars) < 0):
            bits = (TOO_MANY_PODS if slots < 1 else 0) | (CPU if cpu < 0 else 0)
            bits |= (MEMORY if memory < 0 else 0) | (EPHEMERAL if ephemeral < 0 else 0)
            for position, spare in enumerate(scalars):
                bits |= SCALAR << position if spare < 0 else 0
            return fit_verdict(bits, tuple([name for name, _ in self._scalars]))
        if len(potential) > 1:
            potential.sort(key=importance)
        protected, free = split_by_budgets(potential, budgets) if budgets else ((), potential)
        victims: list[PodInfo] = []
        violations = 0
        for group in (protected, free):
            for other in group:
                requests = other.requests
                if (
                    requests.milli_cpu <= cpu
                    and requests.memory <= memory
                    and requests.ephemeral <= ephemeral
                    and slots > 1
                    and (not scalars or self._may_stay(other, scalars))
                ):
                    cpu -= requests.milli_cpu
                    memory -= requests.memory
                    ephemeral -= requests.ephemeral
                    slots -= 1
                else:
                    victims.append(other)
                    violations += group is protected
        if violations:  # else they are in the order of `potential`
            victims.sort(key=importance)
        return Plan(node.name, tuple(victims), violations)

    def _spare_scalars(self, node: NodeInfo, gone: Sequence[PodInfo]) -> list[int]:
        """What the node has of each extended resource, beyond what is needed, when these pods are gone."""
        return [
            node.allocatable_scalars.get(name, 0)
            - node.scalars.get(name, 0)
            + sum([other.requests.scalars.get(name, 0) for other in gone])
            - wanted
            for name, wanted in self._scalars
        ]

    def _may_stay(self, other: PodInfo, spare: list[int]) -> bool:
        """Whether the extended resources suffice for both; if so `spare` becomes less by what the other has."""
        taken = [other.requests.scalars.get(name, 0) for name, _ in self._scalars]
        if any(amount > left for amount, left in zip(taken, spare, strict=True)):
            return False
        for position, amount in enumerate(taken):
            spare[position] -= amount
        return True
