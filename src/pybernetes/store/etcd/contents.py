"""The contents of etcd's data, and data for a new etcd from contents.

    running member ── Maintenance/Snapshot ──▶ file: the database and its SHA-256, as `etcdctl snapshot save` has it
    contents ──▶ file of the same form ── etcdctl snapshot restore ──▶ the directory of a new one-member cluster

In the database (bolt.py) the bucket `key` has an entry for each change: its revision as main number, `_`, number within
a transaction, and `t` for a deletion; the value is mvccpb.KeyValue. `lease` has ID and leasepb.Lease, and `meta` the
revision up to which is to be compacted; etcd does so at its start.
"""

import asyncio
import hashlib
import os
import shutil
import struct
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Annotated as A

from pybernetes.base.protobuf import Message, WireError, decode, encode

from ..contents import MARKER, Contents
from ..store import KeyValue, StoreError, Unavailable
from . import bolt
from . import messages as m
from .connection import Connection, EtcdAddress
from .feed import key_value

_REVISION = struct.Struct(">QcQ")
_LEASE = struct.Struct(">q")
_DELETED = b"t"
_DIGEST_BYTES = hashlib.sha256().digest_size
_BUCKETS = (
    b"alarm", b"auth", b"authRoles", b"authUsers", b"cluster", b"key", b"lease", b"members", b"members_removed",
    b"meta",
)  # fmt: skip
"""What an etcd makes when it is new."""


class StoredKeyValue(m.KeyValue):
    """mvccpb.KeyValue whole."""

    version: A[int, 4] = 0


class StoredLease(Message):
    """leasepb.Lease."""

    id: A[int, 1] = 0
    ttl: A[int, 2] = 0


async def download(address: EtcdAddress, target: Path) -> None:
    """A consistent copy from a running member, of its owner only and on the disk when this returns. Unavailable when
    the member does not answer or what came is not what it sent; OSError."""
    connection = Connection(address)
    digest, last = hashlib.sha256(), b""
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            pieces = connection.download("Maintenance/Snapshot", m.SnapshotRequest(), m.SnapshotResponse)
            async with aclosing(pieces) as answers:
                async for answer in answers:
                    file.write(answer.blob)
                    last += answer.blob
                    digest.update(last[:-_DIGEST_BYTES])
                    last = last[-_DIGEST_BYTES:]
            file.flush()
            os.fsync(file.fileno())
    finally:
        await connection.close()
    if digest.digest() != last:
        raise Unavailable("etcd's copy arrived damaged; try again")


def read(path: Path) -> Contents:
    """The contents of a copy. Unavailable when it is damaged; so may reading the items fail."""
    try:
        with bolt.BoltFile(path) as file:
            latest: dict[bytes, bytes] = {}
            revision = 1
            for key, value in file.bucket(b"key"):
                revision, _, _ = _REVISION.unpack_from(key)
                name = decode(StoredKeyValue, value).key
                if key.endswith(_DELETED) and len(key) > _REVISION.size:
                    latest.pop(name, None)
                elif name.startswith(b"/"):
                    latest[name] = key
            for name, value in file.bucket(b"meta"):
                if name.endswith(b"CompactRev"):  # everything up to the last revision may be gone
                    revision = max(revision, _REVISION.unpack_from(value)[0])
            leases = [decode(StoredLease, value) for _, value in file.bucket(b"lease")]
    except (bolt.BoltError, WireError, struct.error) as error:
        raise Unavailable(f"the state is damaged: {error}") from None
    return Contents(revision, {lease.id: lease.ttl for lease in leases}, _live(path, set(latest.values())))


def _live(path: Path, wanted: set[bytes]) -> Iterator[KeyValue]:
    with bolt.BoltFile(path) as file:
        for key, value in file.bucket(b"key"):
            if key in wanted:
                yield key_value(decode(StoredKeyValue, value))


def write(path: Path, contents: Contents) -> None:
    """A copy with these contents, as `etcdctl snapshot restore` takes it. OSError."""
    filled = {
        b"key": _changes(contents),
        b"lease": sorted(
            (_LEASE.pack(known), encode(StoredLease(id=known, ttl=ttl))) for known, ttl in contents.leases.items()
        ),
        b"meta": [(b"scheduledCompactRev", _at(contents.begins))],
    }
    bolt.write(path, ((name, filled.get(name, ())) for name in _BUCKETS))
    with path.open("r+b") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
        file.seek(0, os.SEEK_END)
        file.write(digest)


def _at(revision: int) -> bytes:
    return _REVISION.pack(revision, b"_", 0)


def _changes(contents: Contents) -> Iterator[bolt.Entry]:
    for kv in contents.items:
        stored = StoredKeyValue(
            key=kv.key.encode(),
            create_revision=kv.create_revision,
            mod_revision=kv.mod_revision,
            version=1 if kv.create_revision == kv.mod_revision else 2,
            value=kv.value,
            lease=kv.lease if kv.lease in contents.leases else 0,
        )
        yield _at(kv.mod_revision), encode(stored)
    yield _at(contents.begins) + _DELETED, encode(StoredKeyValue(key=MARKER.encode()))


TOOLS = ("etcdutl", "etcdctl")
"""What restores a copy: the first of etcd 3.5 and later, the second before 3.6."""


def tool(path: str | None = None) -> str:
    """The program that is there, "" when none is."""
    return next((name for name in TOOLS if shutil.which(name, path=path)), "")


async def restore(snapshot: Path, directory: Path, name: str, peer_url: str, token: str) -> None:
    """Make the data directory of a new cluster with one member. `token` sets it apart from the one that was copied,
    whose members cannot take it for theirs. StoreError when the tool fails."""
    words = ["snapshot", "restore", str(snapshot), "--data-dir", str(directory), "--name", name]
    words += ["--initial-cluster", f"{name}={peer_url}", "--initial-advertise-peer-urls", peer_url]
    process = await asyncio.create_subprocess_exec(
        tool(),
        *words,
        *("--initial-cluster-token", token),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "ETCDCTL_API": "3"},
    )
    try:
        said, _ = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        last = said.decode(errors="replace").strip().splitlines() or ["no output"]
        raise StoreError(f"{tool()} could not restore the copy: {last[-1][:300]}")
