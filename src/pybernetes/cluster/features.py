"""`--feature-gates` and `--runtime-config` of a cluster: read and checked before anything starts.

Both are kept with the cluster's settings, so that a later start goes on with them; an empty value takes them back.
Gates reach the API server whole; of the controllers, those run whose gates are on.
"""

from collections.abc import Iterable, Mapping

from ..api.feature_gates import FeatureGates, parse_gates
from .config import ConfigError

CONTROLLER_GATES = {
    "device-taint-eviction-controller": "DRADeviceTaints",
    "podgroup-protection-controller": "GenericWorkload",
    "storageversion-garbage-collector-controller": "StorageVersionAPI",
    "storage-version-migrator-controller": "StorageVersionMigrator",
}
"""Controllers that upstream starts only with a gate on which is not locked."""


def feature_gates(words: Iterable[str]) -> dict[str, bool]:
    """The values of `--feature-gates`. ConfigError for what no component knows, or what is locked."""
    try:
        found = parse_gates(",".join(words))
        FeatureGates(found)
    except ValueError as error:
        raise ConfigError(f"--feature-gates: {error}") from None
    return found


def runtime_config(words: Iterable[str], gates: Mapping[str, bool]) -> dict[str, bool]:
    """The values of `--runtime-config`. ConfigError for what is no group, version or resource."""
    from ..api.resource import resources
    from ..apiserver.runtime_config import parse_runtime_config, served

    try:
        found = parse_runtime_config(",".join(words))
        served(resources().values(), found, FeatureGates(gates))
    except ValueError as error:
        raise ConfigError(f"--runtime-config: {error}") from None
    return found


def controllers(gates: Mapping[str, bool], selected: tuple[str, ...] = ("*",)) -> tuple[str, ...]:
    """`--controllers` as the gates have it: what needs one that is off does not run, what `*` would leave out does when
    it is on."""
    values = FeatureGates(gates)
    off = [f"-{name}" for name, gate in CONTROLLER_GATES.items() if not values[gate]]
    on = [name for name, gate in CONTROLLER_GATES.items() if gates.get(gate)] if "*" in selected else []
    return (*off, *selected, *(name for name in on if f"-{name}" not in selected))
