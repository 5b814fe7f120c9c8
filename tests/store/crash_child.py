"""Run by test_sqlite_crash: writes with several writers and reports each acknowledged write on standard output."""

import asyncio
import os
import sys

from pybernetes.base.tasks import running
from pybernetes.store.sqlite import SqliteStore


async def main(path: str, tag: str) -> None:
    store = SqliteStore(path)

    async def writer(number: int) -> None:
        i = 0
        while True:
            i += 1
            key, value = f"/w{number}/{i % 50}", f"{tag}-{number}-{i}"
            if i % 7 == 0:
                revision = await store.delete(key)
                value = ""
            else:
                revision = await store.put(key, value.encode() * 20)
            os.write(1, f"{revision} {key} {value}\n".encode())
            if number == 0 and i % 40 == 0:
                await store.compact(revision - 20)

    async with running("store", store.serve):
        await asyncio.gather(*(writer(number) for number in range(8)))


asyncio.run(main(sys.argv[1], sys.argv[2]))
