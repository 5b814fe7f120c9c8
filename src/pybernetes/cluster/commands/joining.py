"""`up --join`: from the flags to the settings and keys of a further control plane."""

import argparse
import asyncio
from typing import TYPE_CHECKING

from .. import state
from ..config import ClusterConfig, ConfigError, fitted
from .settings import CommandError

if TYPE_CHECKING:
    from ..shared_keys import Shared

_SURVIVING = 3
"""So many control planes survive the loss of one."""


def invited(arguments: argparse.Namespace, config: ClusterConfig) -> "tuple[ClusterConfig, Shared | None]":
    """The settings with those of the cluster to join, and its keys; as given when there is nothing to join, or when
    this machine has joined already. CommandError."""
    if not arguments.join or (config.etcd and state.has_etcd_data(config)):
        return config, None
    from ..invitation import Invitation, accept
    from ..join import JoinError

    invitation = Invitation(arguments.token, arguments.certificate_key)
    try:
        shared = asyncio.run(accept(arguments.join, invitation, arguments.ca_cert_hash))
    except JoinError as error:
        raise CommandError(str(error)) from None
    for name, value in ((name, getattr(shared.settings, name)) for name in shared.settings.__struct_fields__):
        given = getattr(arguments, name, None)
        if given is not None and getattr(config, name) != value:
            flag = "--" + name.replace("_", "-")
            raise CommandError(f"{flag} is decided by the cluster at {arguments.join} ({value}); leave it out")
    _same_cluster(config, shared)
    try:
        return fitted(shared.applied_to(config)), shared
    except ConfigError as error:
        raise CommandError(str(error)) from None


def _same_cluster(config: ClusterConfig, shared: "Shared") -> None:
    authority = config.pki / "ca.crt"
    if authority.exists() and authority.read_bytes() != shared.files["ca.crt"]:
        raise CommandError(
            f"{config.data_dir} holds the keys of another cluster; choose another directory with --data-dir, "
            "or remove it with: pybernetes down --purge"
        )


def hint(members: int, config: ClusterConfig) -> str:
    """What this cluster still needs: workers, and so many control planes that it survives the loss of a machine."""
    where = "" if config.data_dir == ClusterConfig().data_dir else f" --data-dir {config.data_dir}"
    lines = []
    if members < _SURVIVING:
        so_far = "one control plane" if members == 1 else f"{members} control planes"
        lines.append(f"This cluster has {so_far}; three survive the loss of one. Add one by what this prints:")
        lines.append(f"  pybernetes token create --control-plane{where}")
    if config.keeps_applications_off and config.has_containers:
        lines.append("Applications run on workers. Add one by what this prints:")
        lines.append(f"  pybernetes token create{where}")
    return "\n".join(lines)
