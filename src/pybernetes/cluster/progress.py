"""How far a start has come, told by the process that starts to the one that shows it.

The starting process writes one JSON line per step to a pipe whose number is in the environment; `up` reads lines until
the last step or the end of the pipe, which means that the process died. Without a pipe nothing is told.
"""

import json
import os
import time
from typing import Any

DESCRIPTOR = "PYBERNETES_PROGRESS_FD"


class Progress:
    """Tells the steps of a start. Seconds are counted from the start of the process."""

    def __init__(self) -> None:
        number = os.environ.pop(DESCRIPTOR, "")
        self._descriptor = int(number) if number else -1
        self._began = _process_start()
        self.complete = False

    def tell(self, step: str, **facts: Any) -> None:
        """One step is done."""
        if self._descriptor < 0:
            return
        line = json.dumps(
            {"step": step, "seconds": round(time.clock_gettime(time.CLOCK_BOOTTIME) - self._began, 3), **facts}
        )
        try:
            os.write(self._descriptor, line.encode() + b"\n")
        except OSError:
            self.close()

    def finish(self) -> None:
        """The start is complete."""
        self.tell("done")
        self.complete = True
        self.close()

    def close(self) -> None:
        """Nothing more will be told."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _process_start() -> float:
    """When this process began, seconds since boot (proc(5), field 22)."""
    with open("/proc/self/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")
