"""A set of files that belong together, followed by inotify.

    directories ──inotify──▶ quiet for a moment ──▶ read all ──▶ other content than in force? ──▶ apply(contents)

Directories are watched, since editors and mounted config maps put a new file (or a new target of a symbolic link) in
the place of the old one. What is written in several steps is waited for: a certificate and its key are one change. A
content that was refused is tried again after a minute, for its cause may lie elsewhere.
"""

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from ...base.inotify import FILE_SET_EVENTS, IN_IGNORED, DirectoryWatch
from ...base.log import logger
from .metrics import ReloadMetrics

log = logger(__name__)

QUIET_SECONDS = 0.1
AGAIN_SECONDS = 60.0

Apply = Callable[[list[bytes]], Awaitable[None]]
"""Takes the contents, in the order of the paths. ValueError or OSError when they cannot be used."""


class FollowedFiles:
    """See the module docstring. `what` names the configuration in the log. Made right after the files were loaded."""

    def __init__(self, what: str, paths: Sequence[str], apply: Apply, metrics: ReloadMetrics | None = None) -> None:
        self._what = what
        self._paths = [Path(path) for path in paths]
        self._apply = apply
        self._metrics = metrics
        self._in_force = _digest(self._read())
        self._changed = asyncio.Event()
        if metrics is not None:
            metrics.loaded(self._in_force)

    async def serve(self, ready: asyncio.Event) -> None:
        """Until cancelled; ready when no change can be missed any more."""
        async with asyncio.TaskGroup() as group:
            for directory, own in self._directories().items():
                group.create_task(self._watch(directory, own=own), name=f"watch of {directory}")
            self._changed.set()  # once, for what changed before the watches stood
            while True:
                await self._quiet(ready)
                if not await self._look():
                    asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._changed.set)
                ready.set()

    async def _quiet(self, ready: asyncio.Event) -> None:
        """Wait for a change, and then until nothing has changed for a moment."""
        await self._changed.wait()
        while self._changed.is_set():
            self._changed.clear()
            await asyncio.sleep(QUIET_SECONDS if ready.is_set() else 0)

    async def _look(self) -> bool:
        """Apply what is there if it is new; False when it cannot be used."""
        try:
            contents = self._read()
            digest = _digest(contents)
            if digest == self._in_force:
                return True
            await self._apply(contents)
        except (ValueError, OSError) as error:
            log.error("A changed configuration is not used; the old one stays", what=self._what, err=error)
            self._tell(succeeded=False)
            return False
        self._in_force = digest
        log.info("A changed configuration is in force", what=self._what)
        if self._metrics is not None:
            self._metrics.loaded(digest)
        self._tell(succeeded=True)
        return True

    def _tell(self, *, succeeded: bool) -> None:
        if self._metrics is not None:
            self._metrics.tried(succeeded=succeeded)

    def _read(self) -> list[bytes]:
        return [path.read_bytes() for path in self._paths]

    def _directories(self) -> dict[str, bool]:
        """Directory -> whether a path names it; others are where symbolic links lead."""
        found = {os.path.dirname(os.path.realpath(path)): False for path in self._paths}
        return found | {os.path.dirname(os.path.abspath(path)): True for path in self._paths}

    async def _watch(self, directory: str, *, own: bool) -> None:
        """Note changes in a directory; one that is gone, or cannot be watched, is looked at once a minute."""
        told = False
        while True:
            try:
                watch = DirectoryWatch(directory, FILE_SET_EVENTS)
            except OSError as error:
                if not own:
                    return
                if not told:
                    log.warning("A directory cannot be watched and is looked at each minute", path=directory, err=error)
                told = True
                await asyncio.sleep(AGAIN_SECONDS)
                self._changed.set()
                continue
            try:
                while not await watch.wait() & IN_IGNORED:
                    self._changed.set()
            finally:
                watch.close()
            self._changed.set()
            if not own:
                return


def _digest(contents: Sequence[bytes]) -> str:
    """Of one file that of its bytes, as `sha256sum` shows it."""
    whole = hashlib.sha256()
    for content in contents:
        whole.update(content)
    return whole.hexdigest()
