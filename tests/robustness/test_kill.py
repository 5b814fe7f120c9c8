"""`kill -9` under load: every acknowledged write stays, reads are consistent, watches resume without gap or duplicate.

Random clients run while the API server (or etcd, or one etcd member) is killed and started again; the recorded history
is judged by `model.check`. PYBERNETES_SEED repeats a run's choices.
"""

import asyncio
import os
import random
from collections.abc import Callable

import pytest
from tests.robustness.history import History
from tests.robustness.model import check
from tests.robustness.servers import over_etcd, over_sqlite, until_ready
from tests.robustness.traffic import Traffic
from tests.support.etcd import etcd, needs_etcd

SEED = int(os.environ.get("PYBERNETES_SEED", "0")) or random.randrange(1, 1 << 30)
KILLS = 4
ENOUGH = 50  # acknowledged writes


async def run(process, make, fault: Callable[[], None], seed: int) -> History:
    """Load, faults, calm, verdict material."""
    history = History()
    process.start()
    transport = await until_ready(make, process)
    try:
        traffic = Traffic(transport, history, seed)
        chance = random.Random(seed + 1)
        async with asyncio.timeout(150), asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(traffic.watch())
            await traffic.watched.wait()
            writers = [group.create_task(traffic.write()) for _ in range(6)] + [group.create_task(traffic.read())]
            for _ in range(KILLS):
                await asyncio.sleep(chance.uniform(0.2, 0.8))
                fault()
            await until_ready(make, process)
            await asyncio.sleep(0.4)
            while acknowledged(history) <= ENOUGH:  # noqa: ASYNC110 (a loaded machine was down for most of the time)
                await asyncio.sleep(0.05)
            traffic.ended.set()
            await asyncio.wait(writers)
            await traffic.final()
        return history
    finally:
        await transport.close()
        process.kill()


def acknowledged(history: History) -> int:
    return sum(1 for write in history.writes if write.revision)


def judge(history: History, seed: int) -> None:
    assert acknowledged(history) > ENOUGH, "hardly anything was written"
    assert check(history) == [], f"PYBERNETES_SEED={seed}"


async def test_the_api_server_over_sqlite(tmp_path):
    process, make = over_sqlite(tmp_path)

    def fault():
        process.kill()
        process.start()

    judge(await run(process, make, fault, SEED), SEED)


@needs_etcd
async def test_the_api_server_over_etcd(tmp_path):
    (tmp_path / "etcd").mkdir()
    with etcd(tmp_path / "etcd") as server:
        process, make = over_etcd(tmp_path, server)

        def fault():
            process.kill()
            process.start()

        judge(await run(process, make, fault, SEED), SEED)


@needs_etcd
async def test_etcd_itself(tmp_path):
    (tmp_path / "etcd").mkdir()
    with etcd(tmp_path / "etcd") as server:
        process, make = over_etcd(tmp_path, server)

        def fault():
            (member,) = server.members
            member.kill()
            server.start(member)

        judge(await run(process, make, fault, SEED), SEED)


@needs_etcd
async def test_etcd_and_the_api_server_at_once(tmp_path):
    (tmp_path / "etcd").mkdir()
    with etcd(tmp_path / "etcd") as server:
        process, make = over_etcd(tmp_path, server)

        def fault():
            (member,) = server.members
            process.kill()
            member.kill()
            process.start()
            server.start(member)

        judge(await run(process, make, fault, SEED), SEED)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda h: h.watches[0][1].pop(3), "saw other changes"),
        (lambda h: h.watches[0][1].insert(3, h.watches[0][1][3]), "twice or out of order"),
        (lambda h: h.final.popitem(), "the last list"),
        (lambda h: [w[1].clear() for w in h.watches], "is lost"),
    ],
)
def test_the_judge_sees_what_is_wrong(spoil, told):
    history = sound()
    assert check(history) == []
    spoil(history)
    assert any(told in line for line in check(history))


def sound() -> History:
    from tests.robustness.history import Change, Read, Write

    history, log = History(), []
    for number in range(6):
        kind = "create" if number == 0 else "update"
        history.writes.append(
            Write(kind, "k", f"v{number}", number, number + 0.5, 10 + number, after=number and 9 + number)
        )
        log.append(Change("ADDED" if number == 0 else "MODIFIED", "k", f"v{number}", 10 + number))
        history.reads.append(Read("k", number + 0.6, number + 0.7, f"v{number}", 10 + number))
    history.watches = [(9, list(log)), (9, list(log)), (12, log[3:])]
    history.final = {"k": ("v5", 15)}
    return history
