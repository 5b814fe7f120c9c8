"""How fast is the store? Writes with 1 and 64 writers, reads, lists of 5,000, watch fan-out, start with 200,000 keys.

    .venv/bin/python bench/store.py [--directory DIR] [--rounds 3] [--quick]

Medians with the spread over the rounds; values of 3 KB. SQLite's figures depend on the disk's fdatasync, which is
measured first.
"""

import argparse
import asyncio
import gc
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import uvloop

from pybernetes.base.tasks import running
from pybernetes.store.memory import MemoryStore
from pybernetes.store.sqlite import SqliteStore
from pybernetes.store.store import Store

VALUE = os.urandom(1500).hex().encode()
Measured = dict[str, list[float]]


async def writes(store: Store, writers: int, total: int, found: Measured) -> None:
    """`total` updates by that many writers, each with its own 20 keys."""
    latencies: list[float] = []

    async def work(writer: int) -> None:
        seen: dict[str, int] = {}
        for i in range(total // writers):
            key = f"/registry/pods/default/w{writer}-{i % 20}"
            began = time.perf_counter()
            seen[key] = await store.put(key, VALUE, expected=seen.get(key))
            latencies.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(work(writer) for writer in range(writers)))
    found.setdefault(f"writes/s, {writers} writers", []).append(total / (time.perf_counter() - began))
    latencies.sort()
    found.setdefault(f"p99 ms, {writers} writers", []).append(1000 * latencies[len(latencies) * 99 // 100])


async def reads(store: Store, found: Measured) -> None:
    """Point reads and lists of 5,000 keys."""
    await asyncio.gather(*(store.put(f"/registry/configmaps/default/c{i:05d}", VALUE) for i in range(5000)))
    began = time.perf_counter()
    for i in range(20000):
        await store.get(f"/registry/configmaps/default/c{i % 5000:05d}")
    found.setdefault("gets/s", []).append(20000 / (time.perf_counter() - began))
    began = time.perf_counter()
    for _ in range(10):
        assert len((await store.list("/registry/configmaps/")).items) == 5000
    found.setdefault("list of 5,000, ms", []).append((time.perf_counter() - began) * 100)


async def fan_out(store: Store, watchers: int, prefixes: int, found: Measured) -> None:
    """Cost of one change, seen by every watcher of its prefix."""
    changes = 2000

    async def consume(prefix: str, wanted: int) -> None:
        async with aclosing(store.watch(prefix)) as watch:
            while wanted > 0:
                wanted -= len((await anext(watch)).events)

    per_prefix = changes // prefixes
    tasks = [asyncio.create_task(consume(f"/registry/f{i % prefixes}/", per_prefix)) for i in range(watchers)]
    await asyncio.sleep(0.01)
    began = time.perf_counter()
    for start in range(0, changes, 50):
        await asyncio.gather(*(store.put(f"/registry/f{i % prefixes}/x", b"v") for i in range(start, start + 50)))
    await asyncio.gather(*tasks)
    took = time.perf_counter() - began
    name = f"us per change, {watchers} watchers on {prefixes} prefixes"
    found.setdefault(name, []).append(took / changes * 1e6)


async def start_up(directory: str, found: Measured) -> None:
    """Open a file of 200,000 keys of 1.2 KB."""
    path = Path(directory) / "large.db"
    if not path.exists():
        store = SqliteStore(path)
        async with running("store", store.serve):
            for start in range(0, 200_000, 2000):
                await asyncio.gather(
                    *(store.put(f"/registry/pods/ns{i % 50}/pod-{i}", VALUE[:1200]) for i in range(start, start + 2000))
                )
    gc.collect()
    store = SqliteStore(path)
    began = time.perf_counter()
    async with running("store", store.serve):
        found.setdefault("start with 200,000 keys, s", []).append(time.perf_counter() - began)


async def measure(name: str, make: Callable[[int], Store], rounds: int, extra: Callable[[Measured], Awaitable[None]]):
    found: Measured = {}
    for number in range(rounds):
        store = make(number)
        async with running("store", store.serve):
            await writes(store, 1, 5000, found)
            await writes(store, 64, 64 * 500, found)
            await reads(store, found)
            await fan_out(store, 100, 100, found)
            await fan_out(store, 1000, 1, found)
        await extra(found)
    print(f"\n{name}")
    for what, values in found.items():
        print(f"  {what:45} {statistics.median(values):12,.2f}   ({min(values):,.2f} - {max(values):,.2f})")


def fdatasync_us(directory: str) -> float:
    """Median time to make 4 KB durable, in microseconds."""
    with tempfile.TemporaryFile(dir=directory) as file:
        took = []
        for _ in range(200):
            file.write(VALUE)
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
    return statistics.median(took) * 1e6


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", default=".")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="without the start with 200,000 keys")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        print(f"fdatasync: {fdatasync_us(directory):.0f} us; load {os.getloadavg()[0]:.1f}")

        async def large(found: Measured) -> None:
            if not options.quick:
                await start_up(directory, found)

        async def nothing(found: Measured) -> None:
            pass

        await measure("memory", lambda number: MemoryStore(), options.rounds, nothing)
        await measure("sqlite", lambda number: SqliteStore(f"{directory}/{number}.db"), options.rounds, large)


if __name__ == "__main__":
    uvloop.run(main())
