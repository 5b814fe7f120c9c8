"""From a file to a data directory: verified, then made beside what is there, then exchanged (exchange.py).

    contents of the copy ─▶ a new store that begins above every revision that was ever handed out (store/contents.py)
    settings, with this machine's address ─▶ cluster.json          CAs, key of service-account tokens ─▶ pki

Both kinds of store can be read and made, so that this is also the way from SQLite to etcd and back. The old state is
there until the new one was read again from what the new store's own program made.
"""

import secrets
import shutil
from pathlib import Path

import msgspec

from ...store import sqlite_contents
from ...store.contents import Contents
from ...store.store import StoreError, Unavailable
from .. import state
from ..config import ClusterConfig, ConfigError, completed
from ..data_dir import foreign, is_taken
from . import archive, exchange
from .archive import Manifest, SnapshotError

_CLUSTER = ("cluster.json", "joined.json", "store/state.db", "etcd", "pki")


class Wanted(msgspec.Struct, frozen=True):
    """How a snapshot is to be restored. store: "sqlite", "etcd", or "" for the one that was saved; node name:
    "" for the one that this machine had in the same cluster, else the saved one; address: "" for this machine's."""

    directory: Path
    store: str = ""
    force: bool = False
    node_name: str = ""
    node_ip: str = ""


def check(wanted: Wanted) -> None:
    """Whether the directory may get another cluster. SnapshotError, state.InUse."""
    directory = wanted.directory
    for lock in (state.SERVER, state.AGENT):
        if state.owner(directory, lock):
            raise SnapshotError(f"the cluster in {directory} is running; stop it first with: pybernetes down")
    if is_taken(directory):
        raise SnapshotError(
            f"{directory} holds other files, such as {foreign(directory)[0]}; choose another directory with --data-dir"
        )
    if not wanted.force and any((directory / name).exists() for name in _CLUSTER):
        raise SnapshotError(f"{directory} holds a cluster already; replace it with --force, or choose --data-dir")


async def restore(file: Path, wanted: Wanted) -> tuple[Manifest, ClusterConfig]:
    """Put the cluster in the file into the directory, which this process owns from then on; what it was, and its
    settings now. SnapshotError, OSError, state.InUse."""
    check(wanted)
    manifest = archive.verified(file)
    kind = wanted.store or manifest.store
    if kind == "etcd":
        _check_tools()
    directory = wanted.directory
    directory.mkdir(mode=0o711, parents=True, exist_ok=True)
    for lock in (state.SERVER, state.AGENT):
        state.take(directory, lock)
    exchange.finish(directory)
    check(wanted)
    with exchange.staged(directory) as made:
        archive.extract(file, made)
        config = _settings(made, kind, wanted)
        copy = made / archive.STATES[manifest.store]
        try:
            await _make_store(made, config, copy, manifest)
        except StoreError as error:
            raise SnapshotError(f"{file} cannot be restored: {error}") from None
        for path in (copy, made / "manifest.json", made / "SHA256SUMS"):
            path.unlink()
        for path in (made / "pki").rglob("*.crt"):
            path.chmod(0o644)
    return manifest, config


def _check_tools() -> None:
    from ...store.etcd.contents import TOOLS, tool

    if not shutil.which("etcd"):
        raise SnapshotError("this needs the program etcd; install it with: apt-get install etcd-server")
    if not tool():
        raise SnapshotError(f"this needs {' or '.join(TOOLS)}; install it with: apt-get install etcd-client")


def _settings(made: Path, kind: str, wanted: Wanted) -> ClusterConfig:
    """Write the settings of the restored cluster: it is one machine again, and applications run where they ran."""
    try:
        saved = state.load(made)
        assert saved is not None
        stays = saved.etcd == (kind == "etcd")
        config = completed(
            msgspec.structs.replace(
                saved,
                node_name=wanted.node_name or _own_name(made, wanted.directory) or saved.node_name,
                node_ip=wanted.node_ip,
                other_node_ip="",
                etcd=kind == "etcd",
                etcd_servers=(),
                taint_control_plane=saved.taint_control_plane if stays else saved.keeps_applications_off,
            )
        )
    except ConfigError as error:
        raise SnapshotError(str(error)) from None
    state.save(config)
    return msgspec.structs.replace(config, data_dir=wanted.directory)


def _own_name(made: Path, directory: Path) -> str:
    """What this machine was called in the same cluster, of which another machine may have been saved; "" when it was
    in none."""
    try:
        same = (directory / "pki" / "ca.crt").read_bytes() == (made / "pki" / "ca.crt").read_bytes()
        known = state.load(directory)
    except (OSError, ConfigError):
        return ""
    return known.node_name if same and known else ""


def _read(copy: Path, kind: str) -> Contents:
    if kind == "sqlite":
        return sqlite_contents.read(copy)
    from ...store.etcd import contents

    return contents.read(copy)


async def _make_store(made: Path, config: ClusterConfig, copy: Path, manifest: Manifest) -> None:
    """The new store's files, read again. StoreError, OSError."""
    contents = _read(copy, manifest.store)
    if config.etcd:
        from ...store.etcd import contents as etcd
        from ..etcd.certificates import urls

        snapshot = made / "new.db"
        etcd.write(snapshot, contents)
        token = f"pybernetes-{secrets.token_hex(8)}"
        await etcd.restore(snapshot, made / "etcd", config.node_name, urls(config).peer, token)
        snapshot.unlink()
        (made / "etcd").chmod(0o700)
        written = etcd.read(made / "etcd" / "member" / "snap" / "db")
    else:
        database = made / "store" / "state.db"
        database.parent.mkdir(mode=0o700)
        sqlite_contents.make(database, contents)
        written = sqlite_contents.read(database)
    keys = sum(1 for _ in written.items)
    if (written.revision, keys) != (contents.begins, manifest.keys):
        raise Unavailable(f"the new store has {keys} keys at revision {written.revision}; nothing was changed")
