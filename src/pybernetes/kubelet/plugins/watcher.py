"""Finds plugins by their registration sockets and keeps their handlers told.

    inotify on plugins_registry and the directories below it ──▶ sockets that are new | gone
    new  ──▶ GetInfo ──▶ handler.validate, handler.register ──▶ NotifyRegistrationStatus
    gone ──▶ handler.deregister

A socket is known by its path and inode, so one that was made anew is another plugin's. A plugin that does not answer
yet is asked again, ever more slowly, for as long as its socket is there (KEP-595).
"""

import asyncio
import os
import stat
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Protocol

import msgspec

from pybernetes.base.inotify import FILE_SET_EVENTS, DirectoryWatch
from pybernetes.base.log import logger

from .channel import PluginChannel, RpcError
from .messages import Empty, PluginInfo, RegistrationStatus

log = logger(__name__)

SERVICE = "/pluginregistration.Registration/"
CALL_TIMEOUT_SECONDS = 10.0
RETRY_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class PluginRefusedError(Exception):
    """Why a plugin cannot be used; the plugin is told."""


class PluginHandler(Protocol):
    """What is done with the plugins of one type."""

    def validate(self, name: str, endpoint: str, versions: list[str]) -> None:
        """PluginRefusedError when the plugin cannot be used; nothing is changed."""

    async def register(self, name: str, endpoint: str, versions: list[str]) -> None:
        """The plugin serves on the socket `endpoint`. PluginRefusedError when it cannot be used after all."""

    async def deregister(self, name: str, endpoint: str) -> None:
        """The plugin's registration socket is gone."""


class Socket(msgspec.Struct, frozen=True):
    """One registration socket; another inode or time at the same path is another socket."""

    path: str
    inode: int
    made_at: int


def find_sockets(root: str) -> tuple[set[Socket], set[str]]:
    """The sockets below root, and the directories they may appear in (root and all below); no hidden names."""
    sockets: set[Socket] = set()
    directories: set[str] = set()
    for parent, below, names in os.walk(root):
        below[:] = [name for name in below if not name.startswith(".")]
        directories.add(parent)
        for name in names:
            path = os.path.join(parent, name)
            try:
                state = os.lstat(path)
            except FileNotFoundError:
                continue
            if stat.S_ISSOCK(state.st_mode) and not name.startswith("."):
                sockets.add(Socket(path, state.st_ino, state.st_mtime_ns))
    return sockets, directories


Sleep = Callable[[float], Awaitable[object]]


class PluginWatcher:
    """See the module docstring. `handlers` by plugin type (`CSIPlugin`)."""

    def __init__(self, directory: str, handlers: Mapping[str, PluginHandler], sleep: Sleep = asyncio.sleep) -> None:
        self._directory = directory
        self._handlers = handlers
        self._sleep = sleep
        self._tasks: dict[Socket, asyncio.Task[None]] = {}
        self._going: dict[Socket, asyncio.Task[None]] = {}
        self._watches: dict[str, DirectoryWatch] = {}

    async def serve(self, ready: asyncio.Event) -> None:
        """Follow the directory until cancelled; ready once it is watched."""
        os.makedirs(self._directory, 0o750, exist_ok=True)
        try:
            async with asyncio.TaskGroup() as group:
                self._look(group)
                ready.set()
                while True:
                    await self._any_change()
                    self._look(group)
        finally:
            for watch in self._watches.values():
                watch.close()
            self._watches.clear()

    async def _any_change(self) -> None:
        waits = [asyncio.ensure_future(watch.wait()) for watch in self._watches.values()]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _look(self, group: asyncio.TaskGroup) -> None:
        """Watch what is there, then see what came and went; what appears between the two is seen by the watch."""
        sockets, directories = find_sockets(self._directory)
        while directories - self._watches.keys():
            for directory in directories - self._watches.keys():
                self._watches[directory] = DirectoryWatch(directory, FILE_SET_EVENTS)
            sockets, directories = find_sockets(self._directory)
        for directory in self._watches.keys() - directories:
            self._watches.pop(directory).close()
        for gone in self._tasks.keys() - sockets:
            task = self._tasks.pop(gone)
            task.cancel()
            self._going[gone] = task
            task.add_done_callback(partial(self._gone, gone))
        for socket in sorted(sockets - self._tasks.keys(), key=lambda found: found.path):
            self._tasks[socket] = group.create_task(self._plugin(socket), name=f"plugin {socket.path}")

    def _gone(self, socket: Socket, _task: asyncio.Task[None]) -> None:
        self._going.pop(socket, None)

    async def _plugin(self, socket: Socket) -> None:
        """One plugin from its socket's first sight to its end, which is this task's cancellation."""
        before = [task for gone, task in self._going.items() if gone.path == socket.path]
        if before:  # a plugin that was started anew takes its predecessor's name
            await asyncio.wait(before)
        known: list[tuple[PluginHandler, PluginInfo]] = []
        try:
            await self._until_registered(socket, known)
            await asyncio.get_running_loop().create_future()
        finally:
            if socket not in self._tasks:  # the socket went; when the kubelet ends, its plugins stay registered
                for handler, info in known[-1:]:
                    await handler.deregister(info.name, info.endpoint)
                    log.info("Plugin is gone", plugin=info.name, type=info.type)

    async def _until_registered(self, socket: Socket, known: list[tuple[PluginHandler, PluginInfo]]) -> None:
        channel = PluginChannel(socket.path)
        attempt = 0
        try:
            while True:
                try:
                    await self._register(socket, channel, known)
                    return
                except (RpcError, PluginRefusedError, OSError) as error:
                    log.warning("Plugin was not registered", socket=socket.path, err=error)
                await self._sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
                attempt += 1
        finally:
            await channel.close()

    async def _register(
        self, socket: Socket, channel: PluginChannel, known: list[tuple[PluginHandler, PluginInfo]]
    ) -> None:
        info = await channel.call(SERVICE + "GetInfo", Empty(), PluginInfo, CALL_TIMEOUT_SECONDS)
        handler = self._handlers.get(info.type)
        if handler is None:
            text = f"RegisterPlugin error -- no handler registered for plugin type: {info.type} at socket {socket.path}"
            await self._notify(channel, text)
            raise PluginRefusedError(text)
        info.endpoint = info.endpoint or socket.path
        step = "validation"
        try:
            handler.validate(info.name, info.endpoint, info.supported_versions)
            step = "registration"
            known.append((handler, info))
            await handler.register(info.name, info.endpoint, info.supported_versions)
        except PluginRefusedError as error:
            await self._notify(channel, f"RegisterPlugin error -- plugin {step} failed with err: {error}")
            raise
        await self._notify(channel, "")
        log.info("Plugin is registered", plugin=info.name, type=info.type, endpoint=info.endpoint)

    async def _notify(self, channel: PluginChannel, error: str) -> None:
        status = RegistrationStatus(plugin_registered=not error, error=error)
        await channel.call(SERVICE + "NotifyRegistrationStatus", status, Empty, CALL_TIMEOUT_SECONDS)
