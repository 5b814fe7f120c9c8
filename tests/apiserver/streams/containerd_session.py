"""Runs inside a containerd node's namespaces: exec, attach and port-forward through our handlers to the real runtime.

    python containerd_session.py SOCKET DIRECTORY      prints one JSON object: scenario -> what came back

The kubelet of the stage hands every upgrade on to the streaming server that containerd names, as the real one does.
"""

import asyncio
import base64
import json
import sys
from pathlib import Path
from typing import Any

from tests.apiserver.streams.stage import Stage, stage
from tests.contract.cri import Pod
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from pybernetes.base.http.message import Request, Response
from pybernetes.base.http.spdy import SpdyConnection
from pybernetes.base.http.websocket import MessageStream, open_websocket
from pybernetes.kubelet.cri.containerd import Containerd
from pybernetes.kubelet.server_streams import StreamingClient

BASE = "/api/v1/namespaces/default/pods/web"
BLOCK = bytes(range(256)) * 8192


async def converse(s: Stage, path: str, query: str, protocol: str, sent: list[bytes]) -> dict[str, Any]:
    """Output per channel of one WebSocket session."""
    found: dict[int, bytes] = {}
    url = f"ws://127.0.0.1:{s.front_port}{path}?{query}"
    async with connect(url, subprotocols=[Subprotocol(protocol)], compression=None, proxy=None) as socket:
        for message in sent:
            await socket.send(message)
        async for message in socket:
            assert isinstance(message, bytes)
            found[message[0]] = found.get(message[0], b"") + message[1:]
    status = json.loads(found.get(3) or b"{}")
    causes = (status.get("details") or {}).get("causes") or [{}]
    out = found.get(1, b"")
    shown = out.decode() if len(out) < 200 else f"{len(out)} bytes, {'intact' if out == BLOCK else 'damaged'}"
    return {
        "out": shown,
        "err": found.get(2, b"").decode(),
        "status": status.get("status", ""),
        "code": causes[0].get("message", ""),
    }


async def forwarded(s: Stage) -> str:
    """What a web server in the pod answers through the tunnel."""
    socket = await open_websocket(s.client, f"{BASE}/portforward", protocols=["SPDY/3.1+portforward.k8s.io"])
    async with SpdyConnection(MessageStream(socket), server=False) as connection:
        common = [("port", "8080"), ("requestid", "0")]
        error = await connection.create_stream([("streamtype", "error"), *common])
        await error.close_write()
        data = await connection.create_stream([("streamtype", "data"), *common])
        await data.write(b"GET / HTTP/1.0\r\n\r\n")
        await data.close_write()
        answer = b""
        while piece := await data.read():
            answer += piece
        trouble = await error.read()
    return answer.decode().splitlines()[0] + trouble.decode()


async def main(socket: str, directory: str) -> None:
    runtime = Containerd(socket)
    pod = Pod(runtime, Path(directory))
    await pod.run()
    app = await pod.start("app", "sh", "-c", "httpd -p 8080; exec sleep 1000")
    streaming = StreamingClient()

    async def kubelet(request: Request) -> Response:
        params = request.params()
        wanted = {name: params.get(key) == "1" for name, key in (("stdin", "input"), ("stdout", "output"))}
        wanted |= {"stderr": params.get("error") == "1", "tty": params.get("tty") == "1"}
        if request.path.startswith("/portForward"):
            url = await runtime.port_forward_url(pod.id, [])
        else:
            url = await runtime.exec_url(app, request.param_all("command"), **wanted)
        return await streaming.proxy(request, url)

    results: dict[str, Any] = {}
    v5, v4 = "v5.channel.k8s.io", "v4.channel.k8s.io"
    shell = "command=sh&command=-c&stdout=true&stderr=true&command="
    async with asyncio.timeout(120), stage(kubelet) as s:
        for name, protocol in (("v5", v5), ("v4", v4)):
            results[name] = await converse(s, f"{BASE}/exec", shell + "echo+out;echo+err+>%262;exit+5", protocol, [])
        cat = "command=cat&stdin=true&stdout=true"
        pieces = [b"\x00" + BLOCK[at : at + 32768] for at in range(0, len(BLOCK), 32768)]
        results["stdin"] = await converse(s, f"{BASE}/exec", cat, v5, [b"\x00hello\n", b"\xff\x00"])
        results["large"] = await converse(s, f"{BASE}/exec", cat, v5, [*pieces, b"\xff\x00"])
        terminal = "command=sh&stdin=true&stdout=true&tty=true"
        size = b'\x04{"Width":77,"Height":33}'
        typed = b"\x00sleep 0.3; stty size 2>/dev/null || echo no; exit 3\n"
        results["tty"] = await converse(s, f"{BASE}/exec", terminal, v5, [size, typed])
        results["forward"] = await forwarded(s)
    await streaming.close()
    await runtime.stop_sandbox(pod.id)
    await runtime.remove_sandbox(pod.id)
    await runtime.close()
    print(base64.b64encode(json.dumps(results).encode()).decode())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
