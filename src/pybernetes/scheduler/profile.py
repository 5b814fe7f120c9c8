"""The default profile: which plugins act, in which order and with which weights (api_surface: kube-scheduler v1.36)."""

from collections.abc import Callable, Iterable

from pybernetes.api.core import PersistentVolume, PersistentVolumeClaim
from pybernetes.api.selectors import Labels
from pybernetes.api.storage import StorageClass
from pybernetes.client.client import Client
from pybernetes.client.informers import Informers
from pybernetes.scheduler.framework import Profile
from pybernetes.scheduler.plugins.default_binder import DefaultBinder
from pybernetes.scheduler.plugins.image_locality import ImageLocality
from pybernetes.scheduler.plugins.inter_pod_affinity import InterPodAffinity
from pybernetes.scheduler.plugins.node_affinity import NodeAffinity
from pybernetes.scheduler.plugins.node_name import NodeName
from pybernetes.scheduler.plugins.node_ports import NodePorts
from pybernetes.scheduler.plugins.node_resources_balanced_allocation import NodeResourcesBalancedAllocation
from pybernetes.scheduler.plugins.node_resources_fit import NodeResourcesFit
from pybernetes.scheduler.plugins.node_unschedulable import NodeUnschedulable
from pybernetes.scheduler.plugins.pod_topology_spread import PodTopologySpread
from pybernetes.scheduler.plugins.priority_sort import PrioritySort
from pybernetes.scheduler.plugins.scheduling_gates import SchedulingGates
from pybernetes.scheduler.plugins.taint_toleration import TaintToleration
from pybernetes.scheduler.plugins.volume_binding import VolumeBinding
from pybernetes.scheduler.pod_info import PodInfo


def default_profile(
    scheduler_name: str,
    client: Client,
    informers: Informers,
    *,
    owner_selectors: Callable[[PodInfo], tuple[Labels, ...]],
    namespace_labels: Callable[[str], dict[str, str]],
    namespaces: Callable[[], Iterable[str]],
) -> Profile:
    """Fresh plugins, wired to the API. owner_selectors: the selectors of the services and the workload of a pod."""
    gates = SchedulingGates()
    unschedulable = NodeUnschedulable()
    named = NodeName()
    taints = TaintToleration()
    affinity = NodeAffinity()
    ports = NodePorts()
    fit = NodeResourcesFit()
    balanced = NodeResourcesBalancedAllocation()
    spread = PodTopologySpread(owner_selectors)
    neighbours = InterPodAffinity(namespace_labels, namespaces)
    images = ImageLocality()
    volumes = VolumeBinding(
        client, informers.of(PersistentVolumeClaim), informers.of(PersistentVolume), informers.of(StorageClass)
    )
    return Profile(
        scheduler_name=scheduler_name,
        queue_sort=PrioritySort(),
        pre_enqueue=(gates,),
        pre_filter=(affinity, ports, volumes, spread, neighbours),
        pre_filter_extensions=(spread, neighbours),
        filter=(unschedulable, named, taints, affinity, ports, fit, volumes, spread, neighbours),
        pre_score=(taints, affinity, spread, neighbours, balanced, images),
        score=((taints, 3), (affinity, 2), (fit, 1), (spread, 2), (neighbours, 2), (balanced, 1), (images, 1)),
        reserve=(volumes,),
        pre_bind=(volumes,),
        bind=(DefaultBinder(client),),
        interests=(gates, unschedulable, named, taints, affinity, ports, fit, volumes, spread, neighbours),
    )
