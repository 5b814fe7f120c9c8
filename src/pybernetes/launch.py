"""Where the `pybernetes` command starts: `pybernetes kubectl …` goes on before anything else is imported."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line; its exit code."""
    if sys.argv[1:2] == ["kubectl"]:
        from .kubectl.main import main as kubectl

        return kubectl(sys.argv[2:])
    from .cli import main as pybernetes

    return pybernetes()
