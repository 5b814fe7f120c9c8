"""Why no node takes a pod: collected while filtering, and the one sentence that users read.

Example: `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s). preemption: 0/3 nodes are
available: 1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling.`
"""

from collections import Counter

from pybernetes.scheduler.framework import Code, Verdict

NO_NODES = "no nodes available to schedule pods"


class Diagnosis:
    """What rejected a pod where."""

    def __init__(self, total: int) -> None:
        """total: how many nodes there are."""
        self.total = total
        self.rejected: dict[str, Verdict] = {}
        """By node name."""
        self.absent: Verdict | None = None
        """The verdict on all nodes that were not looked at."""
        self.pre_filter = ""
        """What PreFilter said, when it rejected the pod everywhere."""

    @property
    def plugins(self) -> frozenset[str]:
        """The plugins whose change of mind would help."""
        found = {verdict.plugin for verdict in self.rejected.values()}
        if self.absent is not None:
            found.add(self.absent.plugin)
        return frozenset(found)

    def verdict(self, node_name: str) -> Verdict | None:
        """What was said about one node."""
        return self.rejected.get(node_name, self.absent)

    def counted(self) -> dict[str, int]:
        """On how many nodes each reason holds."""
        found: Counter[str] = Counter()
        for verdict in self.rejected.values():
            found.update(verdict.reasons)
        if self.absent is not None:
            missing = self.total - len(self.rejected)
            found.update({reason: missing for reason in self.absent.reasons if missing})
        return found

    def message(self, post_filter: str = "") -> str:
        """The sentence for the pod's condition and its event."""
        if not self.total:
            return NO_NODES
        text = f"0/{self.total} nodes are available:"
        if self.pre_filter:
            text += f" {self.pre_filter}."
        else:
            counted = self.counted()
            if counted:
                text += f" {', '.join(sorted(f'{number} {reason}' for reason, number in counted.items()))}."
        return f"{text} {post_filter}" if post_filter else text


def unsatisfied(plugins: list[str]) -> Verdict:
    """The verdict on nodes that the PreFilter results of these plugins leave out."""
    names = " ".join(sorted(plugins))
    return Verdict(Code.UNRESOLVABLE, plugins[0], (f"node(s) didn't satisfy plugin(s) [{names}]",))
