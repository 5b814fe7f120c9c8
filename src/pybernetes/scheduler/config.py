"""What can be set about the scheduler."""

import msgspec

from pybernetes.scheduler.configuration.types import DEFAULT_SCHEDULER, Configuration, Extender, ProfileConfig


class SchedulerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Upstream's defaults (KubeSchedulerConfiguration v1)."""

    scheduler_name: str = DEFAULT_SCHEDULER
    """Pods with this `spec.schedulerName` are ours, when there are no `profiles`."""
    profiles: tuple[ProfileConfig, ...] = ()
    """Each for the pods of its own scheduler name."""
    extenders: tuple[Extender, ...] = ()
    percentage_of_nodes_to_score: int = 0
    """How many fitting nodes end the search in a large cluster; 0: by the size of the cluster."""
    arrays_from_nodes: int = 64
    """From this number of nodes on decisions are made over arrays, which look at every node."""
    initial_backoff_seconds: float = 1.0
    max_backoff_seconds: float = 10.0
    max_waiting_seconds: float = 300.0
    """A rejected pod is tried again after this time even if nothing happened."""
    parallel_bindings: int = 512
    """Bindings on their way to the API server at the same time."""

    @property
    def all_profiles(self) -> tuple[ProfileConfig, ...]:
        """The profiles, the default one when none is given."""
        return self.profiles or (ProfileConfig(scheduler_name=self.scheduler_name),)

    @staticmethod
    def of(found: Configuration) -> "SchedulerConfig":
        """The settings that a KubeSchedulerConfiguration makes."""
        return SchedulerConfig(
            scheduler_name=found.profiles[0].scheduler_name,
            profiles=tuple(found.profiles),
            extenders=tuple(found.extenders),
            percentage_of_nodes_to_score=found.percentage_of_nodes_to_score,
            initial_backoff_seconds=float(found.pod_initial_backoff_seconds),
            max_backoff_seconds=float(found.pod_max_backoff_seconds),
        )
