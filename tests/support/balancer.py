"""A load balancer of the plainest kind, run as a script: each TCP connection goes to the next backend that takes it.

balancer.py HOST:PORT HOST:PORT...      its own address, then the backends
"""

import asyncio
import contextlib
import sys
from itertools import count


async def main(own: str, *backends: str) -> None:
    turns = count()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        turn = next(turns)
        for offset in range(len(backends)):
            host, _, port = backends[(turn + offset) % len(backends)].rpartition(":")
            try:
                upstream = await asyncio.wait_for(asyncio.open_connection(host, int(port)), 3)
            except (OSError, TimeoutError):
                continue
            await asyncio.gather(pump(reader, upstream[1]), pump(upstream[0], writer))
            return
        writer.close()

    host, _, port = own.rpartition(":")
    server = await asyncio.start_server(serve, host, int(port))
    print("ready", flush=True)
    await server.serve_forever()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
