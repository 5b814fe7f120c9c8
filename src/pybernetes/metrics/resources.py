"""What is served: NodeMetrics and PodMetrics under the names of what they measure."""

from ..api.resource import ResourceInfo

GROUP, VERSION = "metrics.k8s.io", "v1beta1"

NODES = ResourceInfo(
    group=GROUP,
    version=VERSION,
    plural="nodes",
    kind="NodeMetrics",
    singular="",
    namespaced=False,
    verbs=("get", "list"),
    schema="metrics/v1beta1.NodeMetrics",
)
PODS = ResourceInfo(
    group=GROUP,
    version=VERSION,
    plural="pods",
    kind="PodMetrics",
    singular="",
    namespaced=True,
    verbs=("get", "list"),
    schema="metrics/v1beta1.PodMetrics",
)
RESOURCES = {"nodes": NODES, "pods": PODS}
