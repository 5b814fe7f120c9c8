"""Who has which CPUs, kept over a restart of the kubelet: `cpu_manager_state`, in upstream's format."""

import os

import msgspec

from .cpu_set import parse, shown
from .policy import CpuState

FILE = "cpu_manager_state"


class _File(msgspec.Struct, rename="camel"):
    policy_name: str
    default_cpu_set: str = ""
    entries: dict[str, dict[str, str]] = {}
    checksum: int = 0
    """Upstream takes 0 for not given."""


def save(directory: str, policy: str, state: CpuState) -> None:
    """Write the file whole, so that one cut short by a crash is never read. OSError."""
    entries = {
        uid: {name: shown(cpus) for name, cpus in sorted(containers.items())}
        for uid, containers in sorted(state.entries.items())
    }
    path = os.path.join(directory, FILE)
    with open(path + ".new", "wb") as file:
        file.write(msgspec.json.encode(_File(policy, shown(state.shared), entries)))
    os.replace(path + ".new", path)


def load(directory: str) -> tuple[str, CpuState] | None:
    """(policy, state), None when nothing was kept. ValueError when the file cannot be read."""
    try:
        with open(os.path.join(directory, FILE), "rb") as file:
            found = msgspec.json.decode(file.read(), type=_File)
    except FileNotFoundError:
        return None
    entries = {
        uid: {name: parse(cpus) for name, cpus in containers.items()} for uid, containers in found.entries.items()
    }
    return found.policy_name, CpuState(parse(found.default_cpu_set), entries)
