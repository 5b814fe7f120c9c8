"""Memory that was freed goes back to the system; in a process of its own, whose heap nobody else has touched."""

import subprocess
import sys

_PROGRAM = """
import asyncio
from pathlib import Path

from pybernetes.base import memory


def resident_mib():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 >> 20


async def main():
    busy = [bytes(2000) for _ in range(50_000)]
    last = busy[-1]
    before = resident_mib()
    del busy
    freed = resident_mib()
    memory.INTERVAL_SECONDS = 0.01
    task = asyncio.create_task(memory.give_back())
    async with asyncio.timeout(60):
        while resident_mib() > before - 50:
            await asyncio.sleep(0.01)
    task.cancel()
    print(len(last), before - freed)


asyncio.run(main())
"""


def test_a_busy_hour_is_not_paid_for_ever():
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    length, given_back_before = map(int, done.stdout.split())
    assert length == 2000
    assert given_back_before < 50
