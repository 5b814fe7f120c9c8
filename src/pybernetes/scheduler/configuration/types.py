"""The document as Structs. Absent fields have upstream's defaults; names on the wire are camelCase."""

from typing import Any

import msgspec

from pybernetes.api.core import NodeAffinity, TopologySpreadConstraint

API_VERSION = "kubescheduler.config.k8s.io/v1"
KIND = "KubeSchedulerConfiguration"
DEFAULT_SCHEDULER = "default-scheduler"


class _Document(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Strict: an unknown field is an error, as upstream's strict decoding has it."""


class PluginRef(_Document, frozen=True):
    name: str
    weight: int = 0


class PluginSet(_Document, frozen=True):
    """What is added to and taken from the defaults of one extension point; `*` takes all."""

    enabled: list[PluginRef] = []
    disabled: list[PluginRef] = []


class Plugins(_Document, frozen=True):
    pre_enqueue: PluginSet = PluginSet()
    queue_sort: PluginSet = PluginSet()
    pre_filter: PluginSet = PluginSet()
    filter: PluginSet = PluginSet()
    post_filter: PluginSet = PluginSet()
    pre_score: PluginSet = PluginSet()
    score: PluginSet = PluginSet()
    reserve: PluginSet = PluginSet()
    permit: PluginSet = PluginSet()
    pre_bind: PluginSet = PluginSet()
    bind: PluginSet = PluginSet()
    post_bind: PluginSet = PluginSet()
    multi_point: PluginSet = PluginSet()


class PluginConfig(_Document, frozen=True):
    name: str
    args: dict[str, Any] = {}


class ProfileConfig(_Document, frozen=True):
    scheduler_name: str = ""
    percentage_of_nodes_to_score: int | None = None
    plugins: Plugins = Plugins()
    plugin_config: list[PluginConfig] = []


class ExtenderResource(_Document, frozen=True):
    name: str
    ignored_by_scheduler: bool = False


class ExtenderTls(_Document, frozen=True):
    insecure: bool = False
    server_name: str = ""
    cert_file: str = ""
    key_file: str = ""
    ca_file: str = ""
    cert_data: str = ""
    key_data: str = ""
    ca_data: str = ""


class Extender(_Document, frozen=True):
    """An HTTP service that filters, weighs, preempts or binds along (docs: "Scheduler Configuration", Extender)."""

    url_prefix: str = msgspec.field(name="urlPrefix", default="")
    filter_verb: str = ""
    preempt_verb: str = ""
    prioritize_verb: str = ""
    weight: int = 0
    bind_verb: str = ""
    enable_https: bool = msgspec.field(name="enableHTTPS", default=False)
    tls_config: ExtenderTls | None = msgspec.field(name="tlsConfig", default=None)
    http_timeout: str = msgspec.field(name="httpTimeout", default="0s")
    node_cache_capable: bool = False
    managed_resources: list[ExtenderResource] = []
    ignorable: bool = False


class Configuration(_Document, frozen=True):
    """The fields of the process itself (connections, leader election, profiling) are accepted as they are: this program
    has flags and files of its own for them."""

    api_version: str = API_VERSION
    kind: str = KIND
    parallelism: int = 16
    leader_election: dict[str, Any] = {}
    client_connection: dict[str, Any] = {}
    enable_profiling: bool = True
    enable_contention_profiling: bool = True
    percentage_of_nodes_to_score: int = 0
    pod_initial_backoff_seconds: int = 1
    pod_max_backoff_seconds: int = 10
    profiles: list[ProfileConfig] = []
    extenders: list[Extender] = []
    delay_cache_until_active: bool = False


# The arguments of plugins


class _Arguments(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    api_version: str = API_VERSION
    kind: str = ""


class DefaultPreemptionArgs(_Arguments, frozen=True):
    min_candidate_nodes_percentage: int = 10
    min_candidate_nodes_absolute: int = 100


class InterPodAffinityArgs(_Arguments, frozen=True):
    hard_pod_affinity_weight: int = 1
    ignore_preferred_terms_of_existing_pods: bool = False


class NodeAffinityArgs(_Arguments, frozen=True):
    added_affinity: NodeAffinity | None = None


class ResourceWeight(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str = ""
    weight: int = 1


CPU_AND_MEMORY = (ResourceWeight("cpu"), ResourceWeight("memory"))


class NodeResourcesBalancedAllocationArgs(_Arguments, frozen=True):
    resources: tuple[ResourceWeight, ...] = CPU_AND_MEMORY


class ShapePoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    utilization: int = 0
    score: int = 0


class RatioShape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    shape: tuple[ShapePoint, ...] = ()


class ScoringStrategy(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    type: str = "LeastAllocated"
    resources: tuple[ResourceWeight, ...] = CPU_AND_MEMORY
    requested_to_capacity_ratio: RatioShape | None = None


class NodeResourcesFitArgs(_Arguments, frozen=True):
    ignored_resources: tuple[str, ...] = ()
    ignored_resource_groups: tuple[str, ...] = ()
    scoring_strategy: ScoringStrategy = ScoringStrategy()


class PodTopologySpreadArgs(_Arguments, frozen=True):
    default_constraints: list[TopologySpreadConstraint] = []
    defaulting_type: str = "System"


class VolumeBindingArgs(_Arguments, frozen=True):
    bind_timeout_seconds: int = 600
    shape: list[ShapePoint] | None = None


class DynamicResourcesArgs(_Arguments, frozen=True):
    filter_timeout: str = "10s"
    binding_timeout: str = "600s"


ARGUMENTS: dict[str, type[_Arguments]] = {
    "DefaultPreemption": DefaultPreemptionArgs,
    "InterPodAffinity": InterPodAffinityArgs,
    "NodeAffinity": NodeAffinityArgs,
    "NodeResourcesBalancedAllocation": NodeResourcesBalancedAllocationArgs,
    "NodeResourcesFit": NodeResourcesFitArgs,
    "PodTopologySpread": PodTopologySpreadArgs,
    "VolumeBinding": VolumeBindingArgs,
    "DynamicResources": DynamicResourcesArgs,
}
