"""The machine's processor in the words of images, nodes and versions: `amd64`, `arm64`."""

import os

_NAMES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "ppc64le": "ppc64le", "s390x": "s390x"}


def architecture() -> str:
    """GOARCH of this machine; the kernel's own word for one that has no other name."""
    machine = os.uname().machine
    return _NAMES.get(machine, machine)
