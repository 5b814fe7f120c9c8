"""`snapshot save FILE | restore FILE | status FILE`: the whole cluster in one file, and back."""

import argparse
import asyncio
import sys
from pathlib import Path

import msgspec

from .. import state
from ..config import ClusterConfig, ConfigError
from ..snapshot import exchange
from ..snapshot.archive import Manifest, SnapshotError, verified
from . import columns
from .settings import CommandError, data_dir

__all__ = ["CommandError", "main"]


def main(arguments: argparse.Namespace) -> int:
    """One of the three."""
    try:
        {"save": _save, "restore": _restore, "status": _status}[arguments.action](arguments)
    except (SnapshotError, ConfigError, state.InUse) as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        decided = arguments.action == "restore" and exchange.is_unfinished(data_dir(arguments))
        rest = "the restore goes on with the next: pybernetes up" if decided else "nothing was changed"
        raise CommandError(f"{where}{error.strerror or error}; {rest}") from None
    return 0


def _file(arguments: argparse.Namespace) -> Path:
    found: Path = arguments.file.expanduser().absolute()
    return found


def _save(arguments: argparse.Namespace) -> None:
    from ..snapshot.save import save

    directory = data_dir(arguments)
    config = state.load(directory)
    if config is None:
        raise CommandError(f"there is no cluster in {directory}; start one with: pybernetes up")
    file = _file(arguments)
    manifest = asyncio.run(save(config, file))
    print(f"Snapshot of revision {manifest.revision} with {manifest.keys} keys saved at {file}")
    print("It holds the keys of the cluster: whoever can read it can do everything there.")


def _restore(arguments: argparse.Namespace) -> None:
    from ..snapshot.restore import Wanted, restore

    wanted = Wanted(
        data_dir(arguments), arguments.store, arguments.force, arguments.node_name or "", arguments.node_ip or ""
    )
    file = _file(arguments)
    manifest, config = asyncio.run(restore(file, wanted))
    where = "" if wanted.directory == ClusterConfig().data_dir else f" --data-dir {wanted.directory}"
    kind = "etcd" if config.etcd else "SQLite"
    print(f"Revision {manifest.revision} with {manifest.keys} keys restored into {wanted.directory} ({kind})")
    print(f"Start it with: pybernetes up{where}")


_COLUMNS = ("STORE", "REVISION", "KEYS", "SIZE", "CREATED", "NODE", "VERSION")


def _status(arguments: argparse.Namespace) -> None:
    manifest = verified(_file(arguments))
    if arguments.output == "json":
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(manifest), indent=2).decode() + "\n")
        return
    for line in columns.lines(_COLUMNS, [_row(manifest)]):
        print(line)


def _row(found: Manifest) -> tuple[str, ...]:
    size = f"{found.size / (1 << 20):.1f} MiB"
    return found.store, str(found.revision), str(found.keys), size, found.created, found.node, found.version
