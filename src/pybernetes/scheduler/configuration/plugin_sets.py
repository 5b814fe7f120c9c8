"""Which plugins act at which extension point, in which order: the defaults with a profile's changes. Pure.

The rules are upstream's: `multiPoint` enables a plugin wherever it can act; an extension point's own list overrides
that there, comes first when it names a plugin that multiPoint has too, and last when it adds one.
"""

from collections.abc import Callable, Sequence

from pybernetes.scheduler.configuration.types import PluginRef, Plugins, PluginSet

POINTS = (
    "pre_enqueue",
    "queue_sort",
    "pre_filter",
    "filter",
    "post_filter",
    "pre_score",
    "score",
    "reserve",
    "permit",
    "pre_bind",
    "bind",
    "post_bind",
)

DEFAULTS: tuple[PluginRef, ...] = tuple(
    PluginRef(name=name, weight=weight)
    for name, weight in (
        ("SchedulingGates", 0),
        ("PrioritySort", 0),
        ("NodeUnschedulable", 0),
        ("NodeName", 0),
        ("TaintToleration", 3),
        ("NodeAffinity", 2),
        ("NodePorts", 0),
        ("NodeResourcesFit", 1),
        ("VolumeRestrictions", 0),
        ("NodeVolumeLimits", 0),
        ("VolumeBinding", 0),
        ("VolumeZone", 0),
        ("PodTopologySpread", 2),
        ("InterPodAffinity", 2),
        ("DynamicResources", 2),
        ("DefaultPreemption", 0),
        ("NodeResourcesBalancedAllocation", 1),
        ("ImageLocality", 1),
        ("DefaultBinder", 0),
        ("NodeDeclaredFeatures", 0),
    )
)


def merged(defaults: Sequence[PluginRef], custom: PluginSet) -> list[PluginRef]:
    """The defaults without what is disabled, with what is enabled: in place when it was there, else at the end."""
    off = {row.name for row in custom.disabled}
    enabled = {row.name: row for row in custom.enabled}
    found: list[PluginRef] = []
    replaced: set[str] = set()
    if "*" not in off:
        for row in defaults:
            if row.name in off:
                continue
            if row.name in enabled:
                row = enabled[row.name]
                replaced.add(row.name)
            found.append(row)
    return found + [row for row in custom.enabled if row.name not in replaced]


def expand(plugins: Plugins, acts_at: Callable[[str, str], bool]) -> dict[str, list[PluginRef]]:
    """Extension point -> plugins in order. acts_at(plugin, point): whether a plugin can act there."""
    everywhere = merged(DEFAULTS, plugins.multi_point)
    found: dict[str, list[PluginRef]] = {}
    for point in POINTS:
        custom: PluginSet = getattr(plugins, point)
        off = {row.name for row in custom.disabled}
        own = {row.name: row for row in custom.enabled}
        general = [] if "*" in off else [row for row in everywhere if acts_at(row.name, point)]
        overriding = [own[row.name] for row in general if row.name in own]
        rest = [row for row in general if row.name not in own and row.name not in off]
        named = {row.name for row in overriding}
        found[point] = overriding + rest + [row for row in custom.enabled if row.name not in named]
    return found
