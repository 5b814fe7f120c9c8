"""How foreground commands end: a signal lets a node end its pods first, a failure does not."""

import asyncio
import os
import signal

import pytest

from pybernetes.base.tasks import running
from pybernetes.cluster.commands.foreground import for_ever, until_signal
from pybernetes.cluster.progress import Progress


class Node:
    """A node whose shutdown takes until it is let go of."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.serves = False
        self.fails = asyncio.Event()

    async def serve(self, ready: asyncio.Event) -> None:
        self.serves = True
        ready.set()
        try:
            await self.fails.wait()
            raise OSError("broken")
        finally:
            self.serves = False

    async def shut_down(self) -> None:
        self.told.append("serves" if self.serves else "ended")

    async def body(self) -> None:
        async with running("node", self.serve):
            await for_ever(Progress(), self.shut_down)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_shuts_the_node_down_while_it_still_serves(number: signal.Signals) -> None:
    async def run() -> list[str]:
        node = Node()
        asyncio.get_running_loop().call_later(0.01, os.kill, os.getpid(), number)
        await until_signal(node.body())
        assert not node.serves
        return node.told

    assert asyncio.run(run()) == ["serves"]


def test_a_failure_leaves_the_pods_alone() -> None:
    async def run() -> list[str]:
        node = Node()
        asyncio.get_running_loop().call_later(0.01, node.fails.set)
        with pytest.raises(BaseExceptionGroup):
            await until_signal(node.body())
        return node.told

    assert asyncio.run(run()) == []
