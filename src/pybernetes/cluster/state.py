"""What a running cluster leaves for `up`, `down` and `status`: its settings, and who owns the data directory.

    cluster.json           the settings in force at the last start
    lock, agent.lock       locked (fcntl) for as long as a control plane or an agent runs on this directory

The kernel knows who holds a lock, so the owner is found even when every file is damaged, and a killed process leaves no
stale mark. The lock survives exec and is not inherited by children (POSIX record locks): the supervisor holds it.
"""

import fcntl
import os
import struct
from pathlib import Path

import msgspec

from .. import GIT_VERSION
from ..base.x509 import write_file
from .config import ClusterConfig, ConfigError

FORMAT = 1
"""Of the data directory: raised when an older version could no longer make sense of one."""
SERVER, AGENT = "lock", "agent.lock"
_FLOCK = "hhqqi4x"
"""struct flock on 64-bit Linux: l_type, l_whence, l_start, l_len, l_pid."""


class Written(msgspec.Struct, frozen=True):
    """In front of the settings: the layout of the data directory, and which version started on it last."""

    format: int = 1
    version: str = "unknown"


class InUse(Exception):
    """Another process runs on this directory; the message is one line."""


def _encode_path(value: object) -> str:
    return str(value)


def _decode_path(kind: type, value: object) -> Path:
    if kind is not Path or not isinstance(value, str):
        raise NotImplementedError(kind)
    return Path(value)


def save(config: ClusterConfig) -> None:
    """Write cluster.json at once, readable by its owner only."""
    settings = msgspec.to_builtins(config, enc_hook=_encode_path)
    data = msgspec.json.encode({**msgspec.structs.asdict(Written(FORMAT, GIT_VERSION)), **settings})
    write_file(config.state_file, msgspec.json.format(data), mode=0o600)


def load(data_dir: Path) -> ClusterConfig | None:
    """The settings of the last start; None when there was none. ConfigError when the file cannot be read."""
    path = data_dir / "cluster.json"
    try:
        content = path.read_bytes()
        written = msgspec.json.decode(content, type=Written)
        if written.format > FORMAT:
            raise ConfigError(
                f"{path} was written by a newer version, {written.version}; use that one, "
                "or restore a snapshot that this one made"
            )
        found = msgspec.json.decode(content, type=ClusterConfig, dec_hook=_decode_path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        hint = "remove that file (only the settings are lost) and start again with the same flags"
        raise ConfigError(f"{path} is damaged ({error}); {hint}") from None
    return msgspec.structs.replace(found, data_dir=data_dir)


def has_etcd_data(config: ClusterConfig) -> bool:
    """Whether this machine's member of etcd has been started before."""
    return any((config.etcd_dir / "member" / "wal").glob("*.wal"))


def owner(data_dir: Path, lock: str = SERVER) -> int:
    """The process that runs on this directory, 0 when none does."""
    try:
        descriptor = os.open(data_dir / lock, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        question = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, *_, pid = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, question))
    finally:
        os.close(descriptor)
    return 0 if kind == fcntl.F_UNLCK else int(pid)


def in_use(data_dir: Path, holder: int) -> str:
    """What a second one on the same directory is told."""
    return f"{data_dir} is in use by process {holder}; stop it, or choose another with --data-dir"


def take(data_dir: Path, lock: str = SERVER) -> None:
    """Own the directory for the life of this process, through exec as well. InUse.

    The descriptor stays open on purpose: closing any descriptor of the file would give the lock up.
    """
    descriptor = os.open(data_dir / lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise InUse(in_use(data_dir, owner(data_dir, lock))) from None
    os.set_inheritable(descriptor, True)
