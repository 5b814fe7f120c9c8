"""Two API servers on one etcd, one of them killed again and again: clients go over to the other one, and every key
stays linearizable across both. Judged by `model.check`; PYBERNETES_SEED repeats a run's choices."""

import asyncio
import random

from tests.robustness.history import History
from tests.robustness.servers import Failover, over_etcd, until_ready
from tests.robustness.test_kill import ENOUGH, KILLS, SEED, acknowledged, judge
from tests.robustness.traffic import Traffic
from tests.support.etcd import etcd, needs_etcd


@needs_etcd
async def test_clients_fail_over_between_two_servers(tmp_path):
    history, chance = History(), random.Random(SEED + 1)
    (tmp_path / "etcd").mkdir()
    with etcd(tmp_path / "etcd") as server:
        pairs = [over_etcd(tmp_path / name, server) for name in ("one", "two")]
        processes, makes = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        transports = []
        try:
            for process in processes:
                process.start()
            transports = [await until_ready(make, process) for process, make in pairs]
            # Half of the clients begin at each server, so that reads here are judged by writes acknowledged there.
            both = [
                Traffic(Failover(transports, first), history, SEED + first, name=f"c{first}-v") for first in range(2)
            ]
            async with asyncio.timeout(200), asyncio.TaskGroup() as group:
                for traffic in both:
                    group.create_task(traffic.watch())
                    group.create_task(traffic.watch())
                for one in both:
                    await one.watched.wait()
                working = [group.create_task(one.write()) for one in both for _ in range(3)]
                working += [group.create_task(one.read()) for one in both]
                for turn in range(KILLS):
                    await asyncio.sleep(chance.uniform(0.3, 0.8))
                    processes[turn % 2].kill()
                    await asyncio.sleep(chance.uniform(0.1, 0.4))
                    processes[turn % 2].start()
                    # Never both away at once: somebody always answers.
                    await (await until_ready(makes[turn % 2], processes[turn % 2])).close()
                await asyncio.sleep(0.4)
                while acknowledged(history) <= ENOUGH:  # noqa: ASYNC110 (a loaded machine was down for most of the time)
                    await asyncio.sleep(0.05)
                for traffic in both:
                    traffic.ended.set()
                await asyncio.wait(working)
                await both[0].final()
        finally:
            for transport in transports:
                await transport.close()
            for process in processes:
                process.kill()
    judge(history, SEED)
