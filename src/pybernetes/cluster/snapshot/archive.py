"""The file that a snapshot is: a tar that any tar program lists, with the checksums of all that is in it in front.

    SHA256SUMS                 as sha256sum writes it
    manifest.json              `Manifest`
    cluster.json               the settings of the last start
    sample.json                that the sample application was deployed once, if it was
    pki/ca.{crt,key} ...       the CAs and the key of service-account tokens; all else is made from them
    state.db or etcd.db        what the store holds

It holds the cluster's keys, and is its owner's only.
"""

import hashlib
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

import msgspec

from ...base.files import replacing
from .exchange import sync_directory

FORMAT = 1
_SUMS, _MANIFEST = "SHA256SUMS", "manifest.json"
SETTINGS, SAMPLE = "cluster.json", "sample.json"
STATES = {"sqlite": "state.db", "etcd": "etcd.db"}
"""The member that has the state, by kind of store."""
KEYS = ("pki/ca.crt", "pki/ca.key", "pki/front-proxy-ca.crt", "pki/front-proxy-ca.key", "pki/sa.key", "pki/sa.pub")
ETCD_KEYS = ("pki/etcd/ca.crt", "pki/etcd/ca.key")
_KNOWN = frozenset((_SUMS, _MANIFEST, SETTINGS, SAMPLE, *STATES.values(), *KEYS, *ETCD_KEYS))
_CHUNK = 1 << 20


class SnapshotError(Exception):
    """A snapshot that cannot be saved or used; the message is one line with the next step."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a snapshot tells about itself. `created` is RFC 3339 text, `size` the bytes of the state."""

    format: int = FORMAT
    version: str
    created: str
    node: str
    store: str
    revision: int
    keys: int
    size: int


def write(target: Path, manifest: Manifest, members: dict[str, Path]) -> None:
    """Put the members, by name and where they are, into one file that is there whole or not at all. OSError."""
    encoded = msgspec.json.format(msgspec.json.encode(manifest)) + b"\n"
    sums = {_MANIFEST: hashlib.sha256(encoded).hexdigest()}
    for name, path in members.items():
        with path.open("rb") as file:
            sums[name] = hashlib.file_digest(file, "sha256").hexdigest()
    lines = "".join(f"{digest}  {name}\n" for name, digest in sums.items()).encode()
    with (
        replacing(target, mode=0o600) as out,
        tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, content in ((_SUMS, lines), (_MANIFEST, encoded)):
            tar.addfile(_header(name, len(content)), io.BytesIO(content))
        for name, path in members.items():
            with path.open("rb") as file:
                tar.addfile(_header(name, path.stat().st_size), file)
    sync_directory(target.parent)


def _header(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info


def verified(path: Path) -> Manifest:
    """What a snapshot tells about itself, once all of it was found as it was saved. SnapshotError, OSError."""
    found: dict[str, str] = {}
    small: dict[str, bytes] = {}

    def look(name: str, content: IO[bytes]) -> None:
        if name in (_SUMS, _MANIFEST):
            small[name] = content.read()
            content.seek(0)
        digest = hashlib.sha256()
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
        found[name] = digest.hexdigest()

    _each(path, look)
    lines = small.get(_SUMS, b"").decode("ascii", "replace").splitlines()
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    found.pop(_SUMS, None)
    if not sums:
        raise SnapshotError(f"{path} is not a snapshot of a cluster; one is made with: pybernetes snapshot save FILE")
    wrong = sorted(name for name in {*sums, *found} if sums.get(name) != found.get(name))
    if wrong:
        raise SnapshotError(f"{path} is damaged: {wrong[0]} is not what was saved; use another copy")
    try:
        manifest = msgspec.json.decode(small[_MANIFEST], type=Manifest)
    except (KeyError, msgspec.MsgspecError) as error:
        raise SnapshotError(f"{path} cannot be read by this version ({error}); use the one that made it") from None
    if manifest.format > FORMAT or manifest.store not in STATES:
        raise SnapshotError(f"{path} was made by a newer version, {manifest.version}; use that one")
    missing = [name for name in (SETTINGS, *KEYS, STATES[manifest.store]) if name not in found]
    if missing:
        raise SnapshotError(f"{path} is damaged: {missing[0]} is missing; use another copy")
    return manifest


def extract(path: Path, directory: Path) -> None:
    """Put everything below a directory, readable by its owner only. SnapshotError, OSError."""

    def put(name: str, content: IO[bytes]) -> None:
        target = directory / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            while chunk := content.read(_CHUNK):
                out.write(chunk)

    _each(path, put)


def _each(path: Path, look: Callable[[str, IO[bytes]], None]) -> None:
    """Every member in order. Only names that we write are taken: no path leads elsewhere."""
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                if member.name not in _KNOWN or not member.isreg():
                    raise SnapshotError(f"{path} is not a snapshot of a cluster: it has {member.name!r}")
                content = tar.extractfile(member)
                assert content is not None
                look(member.name, content)
    except (tarfile.TarError, EOFError) as error:
        raise SnapshotError(
            f"{path} is not a whole snapshot ({error}); use another copy, or make one with: pybernetes snapshot save"
        ) from None
