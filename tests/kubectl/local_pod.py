"""A server with one pod, `web` in the namespace `default`, whose commands run as processes of this machine.

A thread of its own, since the clients under test block. Programs of `bin` in the pod's directory come before others;
what was run is kept.
"""

import asyncio
import contextlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qsl

from tests.kubectl.test_spdy_fallback import PAGES

from pybernetes.base.http import websocket
from pybernetes.base.http.message import Request, Response
from pybernetes.base.http.server import HttpServer
from pybernetes.base.tasks import running

STDIN, STDOUT, STDERR, ERROR, CLOSE = 0, 1, 2, 3, 255


class LocalPod:
    """Runs what it is asked to in `directory`."""

    def __init__(self) -> None:
        self.directory = Path()
        self.missing: set[str] = set()
        """Programs that it has not."""
        self.ran: list[str] = []
        self.port = 0

    async def app(self, request: Request) -> Response:
        page = PAGES.get(request.path)
        if page is not None:
            return Response(200, [("content-type", "application/json")], json.dumps(page).encode())
        if not request.path.endswith("/exec"):
            status = {"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404}
            status["message"] = f'pods "{request.path.rpartition("/")[2]}" not found'
            return Response(404, [("content-type", "application/json")], json.dumps(status).encode())
        asked = parse_qsl(request.query, keep_blank_values=True)
        command = [value for name, value in asked if name == "command"]
        flags = " ".join(sorted(f"{name}={value}" for name, value in asked if name != "command"))
        self.ran.append(f"{' '.join(command)} ({flags})".replace(str(self.directory), "DIRECTORY"))

        async def upgraded(socket: websocket.WebSocket) -> None:
            await self._run(socket, command, reading="stdin=true" in flags)

        return websocket.accept(request, ["v5.channel.k8s.io"], upgraded)

    async def _run(self, socket: websocket.WebSocket, command: list[str], *, reading: bool) -> None:
        pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        path = f"{self.directory}/bin:{os.environ['PATH']}"
        if command[0] in self.missing:
            message = f'exec: "{command[0]}": executable file not found in $PATH: unknown'
            await self._end(socket, {"status": "Failure", "reason": "InternalError", "message": message, "code": 500})
            return
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=pipe if reading else nothing,
            stdout=pipe,
            stderr=pipe,
            cwd=self.directory,
            env={"PATH": path, "LC_ALL": "C"},
        )
        assert process.stdout is not None
        assert process.stderr is not None
        given = asyncio.create_task(self._given(socket, process))
        try:
            await asyncio.gather(self._told(socket, STDOUT, process.stdout), self._told(socket, STDERR, process.stderr))
            code = await process.wait()
        finally:
            given.cancel()
            await _ended(process)
        cause = {"reason": "ExitCode", "message": str(code)}
        failure = {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": [cause]}}
        failure["message"] = f"command terminated with non-zero exit code: exit status {code}"
        await self._end(socket, failure if code else {"status": "Success"})

    async def _given(self, socket: websocket.WebSocket, process: asyncio.subprocess.Process) -> None:
        with contextlib.suppress(OSError):
            while (message := await socket.recv()) is not None:
                data = message[1]
                if process.stdin is None or data[0] != STDIN:
                    if data[0] == CLOSE and process.stdin is not None:
                        process.stdin.close()
                    continue
                process.stdin.write(data[1:])
                await process.stdin.drain()

    async def _told(self, socket: websocket.WebSocket, channel: int, stream: asyncio.StreamReader) -> None:
        while data := await stream.read(16384):
            await socket.send_binary(bytes((channel,)) + data)

    async def _end(self, socket: websocket.WebSocket, status: object) -> None:
        await socket.send_binary(bytes((ERROR,)) + json.dumps(status).encode())
        await socket.close()


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Nobody waits for it any more."""
    if process.returncode is None:
        process.kill()
    if process.stdin is not None:
        process.stdin.close()
    await process.wait()


@contextmanager
def local_pod() -> Iterator[LocalPod]:
    """The pod, while it is served."""
    pod = LocalPod()
    loop, listening, over = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def serve() -> None:
        http = HttpServer(pod.app)
        async with running("server", http.serve):
            pod.port = http.port
            listening.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert listening.wait(120)
    try:
        yield pod
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()
