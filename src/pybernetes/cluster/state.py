"""What `up` leaves behind for `down` and `status`: the settings in force and the supervisor's process."""

import os
from pathlib import Path

import msgspec

from ..base.x509 import write_file
from .config import ClusterConfig


class ClusterState(msgspec.Struct, kw_only=True):
    """The content of cluster.json. `started` is the supervisor's start time, which guards against reused numbers."""

    pid: int = 0
    started: str = ""
    config: ClusterConfig
    sample_deployed: bool = False


def _encode_path(value: object) -> str:
    return str(value)


def _decode_path(kind: type, value: object) -> Path:
    if kind is not Path or not isinstance(value, str):
        raise NotImplementedError(kind)
    return Path(value)


def process_started(pid: int) -> str:
    """When a process began (clock ticks since boot, as text); "" when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def save(state: ClusterState) -> None:
    """Write cluster.json at once, readable by its owner only."""
    data = msgspec.json.encode(state, enc_hook=_encode_path)
    write_file(state.config.state_file, msgspec.json.format(data), mode=0o600)


def load(data_dir: Path) -> ClusterState | None:
    """The state below a data directory; None when there is none or it is damaged beyond reading."""
    try:
        data = (data_dir / "cluster.json").read_bytes()
        return msgspec.json.decode(data, type=ClusterState, dec_hook=_decode_path)
    except (OSError, msgspec.MsgspecError):
        return None


def is_running(state: ClusterState | None) -> bool:
    """Whether the supervisor that wrote this state is still there."""
    return bool(state and state.pid and process_started(state.pid) == state.started != "")


def own(config: ClusterConfig, *, sample_deployed: bool = False) -> ClusterState:
    """The state of a cluster supervised by this very process."""
    pid = os.getpid()
    return ClusterState(pid=pid, started=process_started(pid), config=config, sample_deployed=sample_deployed)
