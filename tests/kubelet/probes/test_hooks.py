"""Lifecycle hooks, in virtual time."""

import asyncio
from typing import Any

import msgspec
import pytest
from tests.kubelet.pods import pod_of

from pybernetes.api.core import LifecycleHandler
from pybernetes.kubelet.cri.protocol import RuntimeServiceError
from pybernetes.kubelet.hooks import run_hook
from pybernetes.kubelet.parts import ExecSync, HookError

POD = pod_of()


async def run(handler: dict[str, Any], exec_sync: ExecSync, timeout: float = 30) -> None:
    found = msgspec.convert(handler, LifecycleHandler)
    await run_hook(found, POD, POD.spec.containers[0], "id", "127.0.0.1", timeout, exec_sync)


def answers(code: int, output: bytes = b"") -> ExecSync:
    async def exec_sync(container_id: str, command: Any, timeout: int) -> tuple[int, bytes]:
        return code, output

    return exec_sync


async def test_exec() -> None:
    await run({"exec": {"command": ["true"]}}, answers(0))
    with pytest.raises(HookError, match="command 'sh -c x' exited with 3: no"):
        await run({"exec": {"command": ["sh", "-c", "x"]}}, answers(3, b"no"))


async def test_exec_that_cannot_start() -> None:
    async def gone(*_: Any) -> tuple[int, bytes]:
        raise RuntimeServiceError("NOT_FOUND", "no such container")

    with pytest.raises(HookError, match="no such container"):
        await run({"exec": {"command": ["true"]}}, gone)


async def test_sleep_takes_its_time() -> None:
    began = asyncio.get_running_loop().time()
    await run({"sleep": {"seconds": 12}}, answers(0))
    assert asyncio.get_running_loop().time() - began == 12


async def test_a_hook_is_cut_at_its_timeout() -> None:
    with pytest.raises(HookError, match="did not end within 5s"):
        await run({"sleep": {"seconds": 60}}, answers(0), timeout=5)


async def test_an_empty_handler() -> None:
    with pytest.raises(HookError, match="invalid handler"):
        await run({}, answers(0))
