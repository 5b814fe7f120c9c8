"""What the machine says about itself: sizes, versions and identities for the Node object. Reads /proc and /etc."""

import os
import platform
import shutil
from pathlib import Path

import msgspec

from ..base.architecture import architecture


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of one machine. Sizes in bytes."""

    cpus: int
    memory_bytes: int
    disk_bytes: int
    kernel_version: str = ""
    os_image: str = ""
    machine_id: str = ""
    system_uuid: str = ""
    boot_id: str = ""
    architecture: str = "amd64"
    apparmor: bool = False
    """The kernel enforces AppArmor profiles."""


def read_machine(root_directory: str) -> Machine:
    """The machine we run on; `root_directory` is on the file system whose size counts as ephemeral storage."""
    directory = Path(root_directory)
    while not directory.exists():
        directory = directory.parent
    machine_id = _first_line("/etc/machine-id") or _first_line("/var/lib/dbus/machine-id")
    return Machine(
        cpus=len(os.sched_getaffinity(0)),
        memory_bytes=_memory_bytes(),
        disk_bytes=shutil.disk_usage(directory).total,
        kernel_version=platform.release(),
        os_image=_os_image(),
        machine_id=machine_id,
        system_uuid=_first_line("/sys/class/dmi/id/product_uuid") or machine_id,
        boot_id=_first_line("/proc/sys/kernel/random/boot_id"),
        architecture=architecture(),
        apparmor=_first_line("/sys/module/apparmor/parameters/enabled") == "Y",
    )


def _memory_bytes() -> int:
    for line in _text("/proc/meminfo").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return 0


def _os_image() -> str:
    for line in _text("/etc/os-release").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip().strip('"')
    return "Linux"


def _first_line(path: str) -> str:
    return _text(path).strip().partition("\n")[0]


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
