"""`certificates check | renew [NAME...]`: how long they are valid, and new ones."""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime

from .. import state
from ..certificates import LIVE, RenewError, Validity, authority_validities, leaf_validities, renew, residual
from ..config import ClusterConfig, ConfigError
from . import columns
from .settings import CommandError, data_dir

__all__ = ["CommandError", "main"]

_LEAVES = ("CERTIFICATE", "EXPIRES", "RESIDUAL TIME", "CERTIFICATE AUTHORITY", "EXTERNALLY MANAGED")
_AUTHORITIES = ("CERTIFICATE AUTHORITY", "EXPIRES", "RESIDUAL TIME", "EXTERNALLY MANAGED")


def main(arguments: argparse.Namespace) -> int:
    directory = data_dir(arguments)
    try:
        config = state.load(directory) or ClusterConfig(data_dir=directory)
        if not config.pki.is_dir():
            raise CommandError(f"there is no cluster in {directory}; start one with: pybernetes up")
        if arguments.action == "check":
            _check(config)
        else:
            _renew(config, [name for name in arguments.name if name != "all"])
    except (ConfigError, RenewError, OSError) as error:
        raise CommandError(str(error)) from None
    return 0


def _check(config: ClusterConfig) -> None:
    now = datetime.now(UTC)
    print("\n".join(columns.lines(_LEAVES, [_row(found, now) for found in leaf_validities(config)])))
    if authorities := authority_validities(config):
        print()
        print("\n".join(columns.lines(_AUTHORITIES, [_row(found, now) for found in authorities])))


def _row(found: Validity, now: datetime) -> Sequence[str]:
    """The columns of `kubeadm certs check-expiration`."""
    authority = [found.authority] if found.authority else []
    if found.expires is None:
        return (f"!MISSING! {found.name}", "", "", *(["", ""] if authority else [""]))
    return (
        found.name,
        found.expires.strftime("%b %d, %Y %H:%M UTC"),
        residual(found.expires - now),
        *authority,
        "no",
    )


def _renew(config: ClusterConfig, names: list[str]) -> None:
    renewed = renew(config, names)
    for name in renewed:
        print(f"{name} renewed")
    waiting = [name for name in renewed if name not in LIVE and name != "admin.kubeconfig"]
    if waiting and state.owner(config.data_dir):
        where = "" if config.data_dir == ClusterConfig().data_dir else f" --data-dir {config.data_dir}"
        print(f"What runs goes on with the old {', '.join(waiting)}")
        print(f"until it is started again: pybernetes down{where}; pybernetes up{where}")
