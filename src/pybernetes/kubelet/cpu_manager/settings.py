"""From the kubelet's settings to the rules of the CPU manager, and which settings do not go together. Pure."""

from collections.abc import Mapping

from pybernetes.api import quantity

from ..config import KubeletConfig
from . import affinity
from .assignment import NotEnoughCpus, take
from .cpu_set import parse, shown
from .policy import OPTIONS, STATIC, Rules
from .topology import Topology

NONE = "none"


def problem(config: KubeletConfig) -> str:
    """Why these settings cannot be, in upstream's words; "" when they can."""
    policy, options = config.cpu_manager_policy, config.cpu_manager_policy_options
    if policy not in (NONE, STATIC):
        return f'unknown policy: "{policy}"'
    if options and policy == NONE:
        return f"cpumanager policy options not supported with the none policy: {', '.join(sorted(options))}"
    for name, value in options.items():
        if name not in OPTIONS:
            return f'unsupported cpumanager option: "{name}" (here: {", ".join(OPTIONS)})'
        if value not in ("true", "false"):
            return f'bad value for option "{name}": "{value}"'
    for field, flag, value, known in (
        ("Policy", "policy", config.topology_manager_policy, affinity.POLICIES),
        ("Scope", "scope", config.topology_manager_scope, affinity.SCOPES),
    ):
        if value not in known:
            listed = " ".join(f'"{one}"' for one in known)
            return f'topologyManager{field} (--topology-manager-{flag}) "{value}" must be one of: [{listed}]'
    try:
        parse(config.reserved_system_cpus)
    except ValueError as error:
        return f"unable to parse reservedSystemCPUs (--reserved-cpus) {config.reserved_system_cpus}, error: {error}"
    if policy == STATIC and not reserved_count(config.reservations):
        return "the static policy requires systemreserved.cpu + kubereserved.cpu to be greater than zero"
    return ""


def reserved_count(reservations: tuple[Mapping[str, str], ...]) -> int:
    """Whole CPUs that are not given away."""
    millis = sum(quantity.milli(reserved.get("cpu", "0")) for reserved in reservations)
    return -(-millis // 1000)


def rules_of(config: KubeletConfig, topology: Topology) -> Rules | None:
    """The rules, None for the policy `none`. ValueError when the machine does not have what is reserved."""
    if config.cpu_manager_policy == NONE:
        return None
    reserved = parse(config.reserved_system_cpus)
    try:
        reserved = reserved or take(topology, topology.cpus, reserved_count(config.reservations))
    except NotEnoughCpus as error:
        raise ValueError(f"[cpumanager] unable to reserve the required amount of CPUs ({error})") from None
    if not reserved <= topology.cpus:
        gone = shown(reserved - topology.cpus)
        raise ValueError(f"[cpumanager] unable to reserve CPUs {gone}: there are {shown(topology.cpus)}")
    return Rules(
        topology=topology,
        reserved=reserved,
        options=frozenset(name for name, value in config.cpu_manager_policy_options.items() if value == "true"),
        topology_policy=config.topology_manager_policy,
        topology_scope=config.topology_manager_scope,
    )
