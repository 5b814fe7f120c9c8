"""The stock kubectl as a client in tests: the newest one by default, any of those that are installed by version.

STOCK_KUBECTL=PATH in the environment names the one to use in the place of all that are installed.
"""

import functools
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.support.machine import Machine


@functools.cache
def installed() -> dict[str, str]:
    """{"1.27": path, ...} of the stock kubectls at hand; the plain `kubectl` under its own version."""
    named = os.environ.get("STOCK_KUBECTL")
    main = named or shutil.which("kubectl")
    if main is None:
        return {}
    found = {}
    if not named:
        for path in sorted(Path(main).resolve().parent.glob("kubectl.1.*")):
            found[path.name.removeprefix("kubectl.")] = str(path)
    if not found:
        found[".".join(map(str, version_of(main)))] = main
    return dict(sorted(found.items(), key=lambda item: tuple(map(int, item[0].split(".")))))


@functools.cache
def version_of(binary: str) -> tuple[int, int]:
    """(1, 33) of a client; (0, 0) of one that does not tell."""
    shown = subprocess.run([binary, "version", "--client"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"v(\d+)\.(\d+)", shown)
    return (int(version[1]), int(version[2])) if version else (0, 0)


def versions() -> list[str]:
    """Installed versions, oldest first."""
    return list(installed())


class Kubectl:
    """Runs kubectl on a machine against one cluster."""

    def __init__(self, machine: Machine, kubeconfig: Path, version: str = "") -> None:
        self.machine = machine
        self.kubeconfig = kubeconfig
        self._binary = installed()[version] if version else list(installed().values())[-1]

    def arguments(self, *words: str) -> list[str]:
        cache = self.machine.directory / "kubectl-cache"
        return [self._binary, "--kubeconfig", str(self.kubeconfig), "--cache-dir", str(cache), *words]

    def with_version(self, version: str) -> "Kubectl":
        return Kubectl(self.machine, self.kubeconfig, version)

    def run(
        self, *words: str, check: bool = True, timeout: float = 150.0, given: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end; fails the test on a non-zero exit code unless check is False."""
        return self.machine.run(*self.arguments(*words), check=check, timeout=timeout, given=given)

    def __call__(self, *words: str, given: str | None = None, timeout: float = 150.0) -> str:
        """Standard output, stripped."""
        return self.run(*words, given=given, timeout=timeout).stdout.strip()

    def start(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        """Start and leave running."""
        return self.machine.start(*self.arguments(*words), **options)

    def json(self, *words: str) -> Any:
        """`get ... -o json`, decoded."""
        return json.loads(self(*words, "-o", "json"))

    def apply(self, *objects: dict[str, Any]) -> str:
        """`apply -f -` of these objects."""
        body = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        return self("apply", "-f", "-", given=json.dumps(body))

    def wait(self, what: str, condition: str, *more: str, timeout: float = 90.0) -> str:
        """`kubectl wait --for=...`: blocks on a watch, not on a poll."""
        return self("wait", what, f"--for={condition}", f"--timeout={timeout:.0f}s", *more, timeout=timeout + 5)

    def until(self, holds: Any, *words: str, timeout: float = 90.0) -> Any:
        """Repeat `get ... -o json` until `holds(object)`; for what `kubectl wait` cannot express."""
        deadline = time.monotonic() + timeout
        while True:
            found = self.json(*words)
            if holds(found):
                return found
            assert time.monotonic() < deadline, f"{' '.join(words)}: {json.dumps(found)[:3000]}"
            time.sleep(0.1)
