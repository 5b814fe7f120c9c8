"""From a profile of the configuration to the plugins that act: one instance of each, sorted by extension point.

Plugins that are not built in come from Python packages: an entry point of the group `pybernetes.scheduler.plugins`
whose name is the plugin's and whose object is called as `factory(args, handle)` (args: the dict of `pluginConfig`). It
is imported only if a profile names it. A plugin acts at the extension points whose methods it has (framework.py).
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from pybernetes.api.core import PersistentVolume, PersistentVolumeClaim
from pybernetes.api.selectors import Labels
from pybernetes.api.storage import CSINode, StorageClass, VolumeAttachment
from pybernetes.base.clock import Clock
from pybernetes.client.client import Client
from pybernetes.client.informers import Informers
from pybernetes.scheduler.claims import Claims
from pybernetes.scheduler.configuration.arguments import ConfigurationError, arguments_of
from pybernetes.scheduler.configuration.plugin_sets import expand
from pybernetes.scheduler.configuration.types import ProfileConfig
from pybernetes.scheduler.extended_resources import Backing
from pybernetes.scheduler.framework import AnyEvent, Profile
from pybernetes.scheduler.permit import Permits
from pybernetes.scheduler.plugins.default_binder import DefaultBinder
from pybernetes.scheduler.plugins.default_preemption import DefaultPreemption
from pybernetes.scheduler.plugins.dynamic_resources import DynamicResources
from pybernetes.scheduler.plugins.image_locality import ImageLocality
from pybernetes.scheduler.plugins.inter_pod_affinity import InterPodAffinity
from pybernetes.scheduler.plugins.node_affinity import NodeAffinity
from pybernetes.scheduler.plugins.node_declared_features import NodeDeclaredFeatures
from pybernetes.scheduler.plugins.node_name import NodeName
from pybernetes.scheduler.plugins.node_ports import NodePorts
from pybernetes.scheduler.plugins.node_resources_balanced_allocation import NodeResourcesBalancedAllocation
from pybernetes.scheduler.plugins.node_resources_fit import NodeResourcesFit
from pybernetes.scheduler.plugins.node_unschedulable import NodeUnschedulable
from pybernetes.scheduler.plugins.node_volume_limits import NodeVolumeLimits
from pybernetes.scheduler.plugins.pod_topology_spread import PodTopologySpread
from pybernetes.scheduler.plugins.priority_sort import PrioritySort
from pybernetes.scheduler.plugins.scheduling_gates import SchedulingGates
from pybernetes.scheduler.plugins.taint_toleration import TaintToleration
from pybernetes.scheduler.plugins.volume_binding import VolumeBinding
from pybernetes.scheduler.plugins.volume_restrictions import VolumeRestrictions
from pybernetes.scheduler.plugins.volume_zone import VolumeZone
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot
from pybernetes.scheduler.storage_capacity import StorageCapacity

ENTRY_POINTS = "pybernetes.scheduler.plugins"


class Handle(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin may use of the scheduler."""

    client: Client
    informers: Informers
    snapshot: Snapshot
    owner_selectors: Callable[[PodInfo], tuple[Labels, ...]]
    """The selectors of the services and the workload of a pod."""
    namespace_labels: Callable[[str], dict[str, str]]
    namespaces: Callable[[], Iterable[str]]
    """The names of all."""
    permits: Permits
    """Where pods are that Permit plugins hold: to be allowed or rejected."""
    backing: Backing
    """Which extended resources come as devices."""
    clock: Clock
    note: Callable[[PodInfo, str, str], None]
    """Tell something about a pod: a normal event with a reason and a message."""
    extended_elsewhere: frozenset[str] = frozenset()
    """Resources that extenders manage, and that NodeResourcesFit must not judge."""


def _claims(handle: Handle) -> Claims:
    informers = handle.informers
    return Claims(informers.of(PersistentVolumeClaim), informers.of(PersistentVolume))


_METHODS = {
    "pre_enqueue": "pre_enqueue",
    "queue_sort": "sort_key",
    "pre_filter": "pre_filter",
    "filter": "filter",
    "post_filter": "post_filter",
    "pre_score": "pre_score",
    "score": "score",
    "reserve": "reserve",
    "permit": "permit",
    "pre_bind": "pre_bind",
    "bind": "bind",
    "post_bind": "post_bind",
}

_REJECTING = ("pre_enqueue", "pre_filter", "filter", "reserve", "permit")
"""Where a plugin may send a pod back to wait."""

Factory = Callable[[Any, Handle], Any]

BUILT_IN: dict[str, Factory] = {
    "SchedulingGates": lambda _, __: SchedulingGates(),
    "PrioritySort": lambda _, __: PrioritySort(),
    "NodeUnschedulable": lambda _, __: NodeUnschedulable(),
    "NodeName": lambda _, __: NodeName(),
    "TaintToleration": lambda _, __: TaintToleration(),
    "NodeAffinity": lambda args, _: NodeAffinity(args),
    "NodePorts": lambda _, __: NodePorts(),
    "NodeResourcesFit": lambda args, handle: NodeResourcesFit(args, handle.extended_elsewhere, handle.backing),
    "VolumeRestrictions": lambda _, handle: VolumeRestrictions(_claims(handle)),
    "NodeVolumeLimits": lambda _, handle: NodeVolumeLimits(
        _claims(handle),
        handle.informers.of(StorageClass),
        handle.informers.of(CSINode),
        handle.informers.of(VolumeAttachment),
    ),
    "VolumeBinding": lambda args, handle: VolumeBinding(
        handle.client,
        handle.informers.of(PersistentVolumeClaim),
        handle.informers.of(PersistentVolume),
        handle.informers.of(StorageClass),
        StorageCapacity(handle.informers),
        args.bind_timeout_seconds,
    ),
    "VolumeZone": lambda _, handle: VolumeZone(_claims(handle)),
    "PodTopologySpread": lambda args, handle: PodTopologySpread(handle.owner_selectors, args),
    "InterPodAffinity": lambda args, handle: InterPodAffinity(
        handle.namespace_labels,
        handle.namespaces,
        args.hard_pod_affinity_weight,
        args.ignore_preferred_terms_of_existing_pods,
    ),
    "DynamicResources": lambda _, handle: DynamicResources(
        handle.client, handle.informers, handle.backing, handle.clock, handle.note
    ),
    "DefaultPreemption": lambda args, _: DefaultPreemption(args),
    "NodeResourcesBalancedAllocation": lambda args, _: NodeResourcesBalancedAllocation(args),
    "ImageLocality": lambda _, __: ImageLocality(),
    "DefaultBinder": lambda _, handle: DefaultBinder(handle.client),
    "NodeDeclaredFeatures": lambda _, __: NodeDeclaredFeatures(),
}


def build_profile(config: ProfileConfig, handle: Handle) -> Profile:
    """Fresh plugins for one profile. ConfigurationError when one is unknown."""
    arguments = arguments_of(config)
    made: dict[str, Any] = {}

    def plugin(name: str) -> Any:
        if name not in made:
            made[name] = _factory(name)(arguments.get(name, {}), handle)
        return made[name]

    def acts_at(name: str, point: str) -> bool:
        return hasattr(plugin(name), _METHODS[point])

    points = expand(config.plugins, acts_at)
    for point, rows in points.items():
        for row in rows:
            if not acts_at(row.name, point):
                raise ConfigurationError(f'plugin "{row.name}" does not extend {_camel(point)} plugin')
    if len(points["queue_sort"]) != 1:
        words = (
            "only one queue sort plugin can be enabled" if points["queue_sort"] else "no queue sort plugin is enabled"
        )
        raise ConfigurationError(f"profile {config.scheduler_name}: {words}")
    if not points["bind"]:
        raise ConfigurationError(f"profile {config.scheduler_name}: at least one bind plugin is needed")
    at = {point: tuple(plugin(row.name) for row in rows) for point, rows in points.items()}
    score = tuple((plugin(row.name), row.weight or 1) for row in points["score"])
    acting = {one.name: one for plugins in at.values() for one in plugins}
    return Profile(
        scheduler_name=config.scheduler_name,
        queue_sort=at["queue_sort"][0],
        pre_enqueue=at["pre_enqueue"],
        pre_filter=at["pre_filter"],
        pre_filter_extensions=tuple(one for one in at["pre_filter"] if hasattr(one, "add_pod")),
        filter=at["filter"],
        post_filter=at["post_filter"],
        pre_score=at["pre_score"],
        score=score,
        reserve=at["reserve"],
        permit=at["permit"],
        pre_bind=at["pre_bind"],
        bind=at["bind"],
        post_bind=at["post_bind"],
        interests=tuple(
            one if hasattr(one, "interests") else AnyEvent(one.name)
            for one in acting.values()
            if hasattr(one, "interests") or any(acts_at(one.name, point) for point in _REJECTING)
        ),
    )


def _factory(name: str) -> Factory:
    found = BUILT_IN.get(name)
    if found is not None:
        return found
    from importlib.metadata import entry_points

    for entry in entry_points(group=ENTRY_POINTS, name=name):
        loaded: Factory = entry.load()
        return loaded
    raise ConfigurationError(f'plugin "{name}" does not exist in the registry')


def _camel(point: str) -> str:
    return "".join(word.capitalize() for word in point.split("_"))
