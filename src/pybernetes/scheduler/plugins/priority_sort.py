"""PrioritySort: higher priority first, then who has waited longer."""

from typing import Any

from pybernetes.scheduler.pod_info import PodInfo


class PrioritySort:
    name = "PrioritySort"

    def sort_key(self, pod: PodInfo, queued_at: float) -> tuple[Any, ...]:
        return (-pod.priority, queued_at)
