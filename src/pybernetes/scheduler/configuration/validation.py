"""The rules of the document, with upstream's paths and words (pkg/scheduler/apis/config/validation)."""

from collections.abc import Mapping, Sequence
from typing import Any

from pybernetes.api import field, names
from pybernetes.api.duration import parse_seconds
from pybernetes.scheduler.configuration.affinity_rules import added_affinity
from pybernetes.scheduler.configuration.types import (
    Configuration,
    DefaultPreemptionArgs,
    DynamicResourcesArgs,
    Extender,
    InterPodAffinityArgs,
    NodeResourcesBalancedAllocationArgs,
    NodeResourcesFitArgs,
    PodTopologySpreadArgs,
    ResourceWeight,
    ShapePoint,
    VolumeBindingArgs,
)

_STRATEGIES = ("LeastAllocated", "MostAllocated", "RequestedToCapacityRatio")
_ACTIONS = ("DoNotSchedule", "ScheduleAnyway")
MAX_SHAPE_SCORE = 10

Errors = list[field.FieldError]


def validate(found: Configuration, arguments: Mapping[int, Mapping[str, Any]]) -> Errors:
    """Every broken rule. arguments: those of the plugins of each profile, by the profile's position."""
    errors: Errors = []
    if found.parallelism <= 0:
        errors.append(field.invalid("parallelism", found.parallelism, "should be an integer value greater than zero"))
    seen: dict[str, int] = {}
    for position, profile in enumerate(found.profiles):
        path = f"profiles[{position}]"
        if not profile.scheduler_name:
            errors.append(field.required(f"{path}.schedulerName"))
        if profile.percentage_of_nodes_to_score is not None:
            errors += _percentage(f"{path}.percentageOfNodesToScore", profile.percentage_of_nodes_to_score)
        configured: set[str] = set()
        for at, config in enumerate(profile.plugin_config):
            if config.name in configured:
                errors.append(field.duplicate(f"{path}.pluginConfig[{at}]", config.name))
            configured.add(config.name)
            check = _CHECKS.get(config.name)
            if check is not None:
                errors += check(f"{path}.pluginConfig[{at}].args", arguments[position][config.name])
        if profile.scheduler_name in seen:
            other = f"profiles[{seen[profile.scheduler_name]}].schedulerName"
            errors.append(field.duplicate(f"{path}.schedulerName", other))
        seen[profile.scheduler_name] = position
        if profile.plugins.queue_sort != found.profiles[0].plugins.queue_sort:
            value = [row.name for row in profile.plugins.queue_sort.enabled]
            errors.append(field.invalid(f"{path}.plugins.queueSort", value, "has to match for all profiles"))
    errors += _percentage("percentageOfNodesToScore", found.percentage_of_nodes_to_score)
    initial, most = found.pod_initial_backoff_seconds, found.pod_max_backoff_seconds
    if initial <= 0:
        errors.append(field.invalid("podInitialBackoffSeconds", initial, "must be greater than 0"))
    if most < initial:
        why = "must be greater than or equal to PodInitialBackoffSeconds"
        errors.append(field.invalid("podMaxBackoffSeconds", most, why))
    return errors + _extenders(found.extenders)


def _percentage(path: str, value: int) -> Errors:
    return [] if 0 <= value <= 100 else [field.invalid(path, value, "not in valid range [0-100]")]


def _extenders(extenders: Sequence[Extender]) -> Errors:
    errors: Errors = []
    managed: set[str] = set()
    binders = sum(bool(extender.bind_verb) for extender in extenders)
    for position, extender in enumerate(extenders):
        path = f"extenders[{position}]"
        if extender.prioritize_verb and extender.weight <= 0:
            errors.append(field.invalid(f"{path}.weight", extender.weight, "must have a positive weight applied to it"))
        for at, resource in enumerate(extender.managed_resources):
            where = f"{path}.managedResources[{at}].name"
            problems = list(names.qualified_name(resource.name))
            if not problems and ("/" not in resource.name or resource.name.startswith("kubernetes.io/")):
                problems = [f"{resource.name} is an invalid extended resource name"]
            errors += [field.invalid(where, resource.name, problem) for problem in problems]
            if resource.name in managed:
                errors.append(field.invalid(where, resource.name, "duplicate extender managed resource name"))
            managed.add(resource.name)
    if binders > 1:
        text = f"found {binders} extenders implementing bind"
        errors.append(field.invalid("extenders", text, "only one extender can implement bind"))
    return errors


def _preemption(path: str, args: DefaultPreemptionArgs) -> Errors:
    errors: Errors = []
    percentage, absolute = args.min_candidate_nodes_percentage, args.min_candidate_nodes_absolute
    where, there = f"{path}.minCandidateNodesPercentage", f"{path}.minCandidateNodesAbsolute"
    if not 0 <= percentage <= 100:
        errors.append(field.invalid(where, percentage, "not in valid range [0, 100]"))
    if absolute < 0:
        errors.append(field.invalid(there, absolute, "not in valid range [0, inf)"))
    if percentage == 0 and absolute == 0:
        words = "cannot be zero at the same time as "
        errors.append(field.invalid(where, percentage, words + "minCandidateNodesAbsolute"))
        errors.append(field.invalid(there, absolute, words + "minCandidateNodesPercentage"))
    return errors


def _neighbours(path: str, args: InterPodAffinityArgs) -> Errors:
    weight = args.hard_pod_affinity_weight
    if 0 <= weight <= 100:
        return []
    return [field.invalid(f"{path}.hardPodAffinityWeight", weight, "not in valid range [0, 100]")]


def _spread(path: str, args: PodTopologySpreadArgs) -> Errors:
    errors: Errors = []
    where = f"{path}.defaultingType"
    if args.defaulting_type not in ("System", "List"):
        errors.append(field.not_supported(where, args.defaulting_type, ("List", "System")))
    elif args.defaulting_type == "System" and args.default_constraints:
        errors.append(field.invalid(where, args.defaulting_type, "when .defaultConstraints are not empty"))
    seen: set[tuple[str, str]] = set()
    for position, row in enumerate(args.default_constraints):
        at = f"{path}.defaultConstraints[{position}]"
        if row.max_skew <= 0:
            errors.append(field.invalid(f"{at}.maxSkew", row.max_skew, "not in valid range (0, inf)"))
        if not row.topology_key:
            errors.append(field.required(f"{at}.topologyKey", "can not be empty"))
        else:
            problems = names.qualified_name(row.topology_key)
            errors += [field.invalid(f"{at}.topologyKey", row.topology_key, problem) for problem in problems]
        if not row.when_unsatisfiable:
            errors.append(field.required(f"{at}.whenUnsatisfiable", "can not be empty"))
        elif row.when_unsatisfiable not in _ACTIONS:
            errors.append(field.not_supported(f"{at}.whenUnsatisfiable", row.when_unsatisfiable, _ACTIONS))
        if row.label_selector is not None:
            why = "constraint must not define a selector, as they deduced for each pod"
            errors.append(field.forbidden(f"{at}.labelSelector", why))
        pair = (row.topology_key, row.when_unsatisfiable)
        if pair in seen:
            errors.append(field.duplicate(at, f"{{{pair[0]}, {pair[1]}}}"))
        seen.add(pair)
    return errors


def _balanced(path: str, args: NodeResourcesBalancedAllocationArgs) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for position, row in enumerate(args.resources):
        at = f"{path}.resources[{position}]"
        if row.name in seen:
            errors.append(field.duplicate(f"{at}.name", row.name))
        seen.add(row.name)
        if row.weight != 1:
            errors.append(field.invalid(f"{at}.weight", row.weight, "must be 1"))
    return errors


def _weights(path: str, resources: Sequence[ResourceWeight]) -> Errors:
    return [
        field.invalid(
            f"{path}[{position}].weight", row.weight, f"resource weight of {row.name} not in valid range (0, 100]"
        )
        for position, row in enumerate(resources)
        if not 0 < row.weight <= 100
    ]


def _shape(path: str, shape: Sequence[ShapePoint]) -> Errors:
    if not shape:
        return [field.required(path, "at least one point must be specified")]
    errors: Errors = []
    for position in range(1, len(shape)):
        value = shape[position].utilization
        if shape[position - 1].utilization >= value:
            why = "values must be sorted in increasing order"
            errors.append(field.invalid(f"{path}[{position}].utilization", value, why))
            break
    for position, point in enumerate(shape):
        if not 0 <= point.utilization <= 100:
            why = "not in valid range [0, 100]"
            errors.append(field.invalid(f"{path}[{position}].utilization", point.utilization, why))
        if not 0 <= point.score <= MAX_SHAPE_SCORE:
            why = f"not in valid range [0, {MAX_SHAPE_SCORE}]"
            errors.append(field.invalid(f"{path}[{position}].score", point.score, why))
    return errors


def _fit(path: str, args: NodeResourcesFitArgs) -> Errors:
    errors: Errors = []
    for position, name in enumerate(args.ignored_resources):
        where = f"{path}.ignoredResources[{position}]"
        errors += [field.invalid(where, name, problem) for problem in names.qualified_name(name)]
    for position, group in enumerate(args.ignored_resource_groups):
        where = f"{path}.ignoredResourceGroups[{position}]"
        if "/" in group:
            errors.append(field.invalid(where, group, "resource group name can't contain '/'"))
        errors += [field.invalid(where, group, problem) for problem in names.qualified_name(group)]
    strategy, where = args.scoring_strategy, f"{path}.scoringStrategy"
    if strategy.type not in _STRATEGIES:
        errors.append(field.not_supported(f"{where}.type", strategy.type, _STRATEGIES))
    errors += _weights(f"{where}.resources", strategy.resources)
    ratio, there = strategy.requested_to_capacity_ratio, f"{where}.requestedToCapacityRatio"
    if strategy.type == "RequestedToCapacityRatio":
        if ratio is None:
            errors.append(field.required(there, "must be specified when type is RequestedToCapacityRatio"))
        else:
            errors += _shape(f"{there}.shape", ratio.shape)
    elif ratio is not None:
        errors.append(field.forbidden(there, "must be nil when type is not RequestedToCapacityRatio"))
    return errors


def _volumes(path: str, args: VolumeBindingArgs) -> Errors:
    errors: Errors = []
    if args.bind_timeout_seconds < 0:
        why = "invalid BindTimeoutSeconds, should not be a negative value"
        errors.append(field.invalid(f"{path}.bindTimeoutSeconds", args.bind_timeout_seconds, why))
    if args.shape is not None:
        why = "unexpected field `shape`, remove it or turn on the feature gate StorageCapacityScoring"
        errors.append(field.invalid(f"{path}.shape", [], why))
    return errors


def _devices(path: str, args: DynamicResourcesArgs) -> Errors:
    errors: Errors = []
    if parse_seconds(args.filter_timeout) < 0:
        errors.append(field.invalid(f"{path}.filterTimeout", args.filter_timeout, "must be zero or positive"))
    if parse_seconds(args.binding_timeout) < 1:
        errors.append(field.invalid(f"{path}.bindingTimeout", args.binding_timeout, "must be at least 1 second"))
    return errors


_CHECKS: dict[str, Any] = {
    "DefaultPreemption": _preemption,
    "DynamicResources": _devices,
    "InterPodAffinity": _neighbours,
    "NodeAffinity": added_affinity,
    "NodeResourcesBalancedAllocation": _balanced,
    "NodeResourcesFit": _fit,
    "PodTopologySpread": _spread,
    "VolumeBinding": _volumes,
}
