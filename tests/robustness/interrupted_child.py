"""Run by test_interrupted_snapshots: a pybernetes command, killed at the n-th thing that it does to files.

    interrupted_child.py TEMPLATE SCRATCH STRIDE WORD...

For n = 1, 1 + STRIDE, ... the directory TEMPLATE is copied to SCRATCH/n and the command runs there, until one of them
comes to its end. Each n, and whether the command was killed, is told on a line.
"""

import os
import shutil
import signal
import sys
from pathlib import Path

from pybernetes import cli
from pybernetes.cluster.commands import snapshot
from pybernetes.cluster.snapshot import restore, save  # noqa: F401 (imported once, for all that are forked)

_CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "subprocess.Popen", "sqlite3.connect"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def killed_at(number: int) -> None:
    """End this process as `kill -9` does, just before its number-th change."""
    left = number

    def look(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        if event in _CHANGES or (event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING):
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(look)


def main(template: str, scratch: str, stride: str, *words: str) -> None:
    arguments = cli._parser().parse_args(words)
    number = 1
    while True:
        copy = Path(scratch) / str(number)
        shutil.copytree(template, copy)
        child = os.fork()
        if not child:
            os.chdir(copy)
            os.dup2(2, 1)
            killed_at(number)
            os._exit(snapshot.main(arguments))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(number, "killed" if code == -signal.SIGKILL else code, flush=True)
        if code != -signal.SIGKILL:
            return
        number += int(stride)


main(*sys.argv[1:])
