"""DefaultPreemption at PostFilter: the arguments; the work is done by scheduler/preemption.py and its caller."""

from pybernetes.scheduler.configuration.types import DefaultPreemptionArgs
from pybernetes.scheduler.diagnosis import Diagnosis
from pybernetes.scheduler.framework import CycleState
from pybernetes.scheduler.pod_info import PodInfo


class DefaultPreemption:
    name = "DefaultPreemption"

    def __init__(self, args: DefaultPreemptionArgs | None = None) -> None:
        self.args = args or DefaultPreemptionArgs()

    def post_filter(self, state: CycleState, pod: PodInfo, diagnosis: Diagnosis) -> str | None:
        """Nothing here: the scheduler itself makes and carries out the plan."""
        return None
