"""From parsed flags to a `ClusterConfig`.

A flag that is not given means "as at the last start on this data directory", and at the first start the default. Only
the machine's address is looked up afresh each time.
"""

import argparse
from pathlib import Path

import msgspec

from .. import endpoint, state
from ..config import ClusterConfig, ConfigError, completed
from ..snapshot import exchange


class CommandError(Exception):
    """Something a user can mend; the message is one line that says how."""


_FIXED = {"pod_cidr": "--pod-cidr", "service_cidr": "--service-cidr"}
"""Settings that objects in the store depend on."""


def data_dir(arguments: argparse.Namespace) -> Path:
    """The data directory, absolute."""
    found: Path = arguments.data_dir.expanduser().absolute()
    return found


def cluster_config(arguments: argparse.Namespace) -> ClusterConfig:
    """The settings of this command line, filled in from the last start and from the machine."""
    directory = data_dir(arguments)
    _finish_restore(directory)
    given = {name: value for name, value in vars(arguments).items() if name in _NAMES and value is not None}
    given["data_dir"] = directory
    if getattr(arguments, "no_sample", False):
        given["sample"] = False
    if "taint_control_plane" in given:
        given["taint_control_plane"] = given["taint_control_plane"] == "true"
    if "apiserver_cert_extra_sans" in given:
        words = ",".join(given["apiserver_cert_extra_sans"]).split(",")
        given["apiserver_cert_extra_sans"] = tuple(word.strip() for word in words if word.strip())
    if "kube_apiserver_arg" in vars(arguments) and arguments.kube_apiserver_arg is not None:
        from . import server_args

        given["kube_apiserver_args"] = server_args.kept(arguments.kube_apiserver_arg)
    if "kubelet_arg" in vars(arguments) and arguments.kubelet_arg is not None:
        from . import kubelet_args

        given["kubelet_args"] = kubelet_args.kept(arguments.kubelet_arg)
    gates, served = given.pop("feature_gates", []), given.pop("runtime_config", [])
    try:
        known = state.load(directory)
        if gates or served:
            from .. import features
        if gates:
            given["feature_gates"] = features.feature_gates(gates)
        if served:
            kept = known.feature_gates if known else {}
            given["runtime_config"] = features.runtime_config(served, given.get("feature_gates", kept))
        for name, flag in _FIXED.items():
            if known and given.get(name, getattr(known, name)) != getattr(known, name):
                raise ConfigError(
                    f"{flag} {given[name]} is not that of the cluster in {directory} ({getattr(known, name)}); "
                    "remove the cluster first with: pybernetes down --purge"
                )
        base = (
            msgspec.structs.replace(known, node_ip="", other_node_ip="", log_level="info") if known else ClusterConfig()
        )
        knows_networks = "pod_cidr" in vars(arguments) and "service_cidr" in vars(arguments)
        joins = bool(getattr(arguments, "join", ""))
        config = completed(msgspec.structs.replace(base, **given), fit=knows_networks and not joins)
        endpoint.check(config)
        return config
    except ConfigError as error:
        raise CommandError(str(error)) from None


def _finish_restore(directory: Path) -> None:
    """Go on with the restore of a snapshot that was cut short, unless whoever does so is still there."""
    if exchange.is_unfinished(directory) and not state.owner(directory):
        try:
            exchange.finish(directory)
        except OSError as error:
            reason = f"{error.filename}: {error.strerror}"
            raise CommandError(f"the restore of a snapshot into {directory} cannot go on: {reason}") from None


_NAMES = frozenset(ClusterConfig.__struct_fields__)
