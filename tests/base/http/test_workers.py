"""Reused tasks behave like tasks: at once when possible, suspended otherwise, cancelled for good."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar

from pybernetes.base.http.workers import Workers

variable: ContextVar[int] = ContextVar("variable", default=0)


class Job:
    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self.task: asyncio.Task[None] | None = None
        self.work = work
        self.done = asyncio.Event()

    async def handle(self) -> None:
        await self.work()
        self.done.set()


async def nothing() -> None:
    pass


async def settle() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def from_callback(function: Callable[[], None]) -> None:
    """Call the function as the event loop calls protocol methods: outside of any task."""
    finished = asyncio.get_running_loop().create_future()

    def call() -> None:
        try:
            function()
            finished.set_result(None)
        except BaseException as error:
            finished.set_exception(error)

    asyncio.get_running_loop().call_soon(call)
    await finished


async def test_a_parked_worker_continues_within_the_call() -> None:
    workers = Workers("test")
    workers.run(Job(nothing))
    await settle()

    def check() -> None:
        for _ in range(3):
            job = Job(nothing)
            workers.run(job)
            assert job.done.is_set()
            assert job.task is None

    await from_callback(check)
    assert len(workers._tasks) == 1
    await workers.close()


async def test_a_job_that_waits_is_suspended_and_others_run_meanwhile() -> None:
    workers = Workers("test")
    gate = asyncio.Event()

    async def wait() -> None:
        await gate.wait()

    jobs = [Job(wait) for _ in range(3)]
    for job in jobs:
        workers.run(job)
    quick = Job(nothing)
    workers.run(quick)
    await quick.done.wait()
    assert all(job.task is not None for job in jobs)
    gate.set()
    for job in jobs:
        await job.done.wait()
    await settle()
    assert all(job.task is None for job in jobs)
    await workers.close()


async def test_jobs_may_be_started_from_a_task() -> None:
    workers = Workers("test")
    for _ in range(3):
        job = Job(nothing)
        workers.run(job)
        await job.done.wait()
    await settle()
    assert len(workers._tasks) == 1
    await workers.close()


async def test_cancelling_ends_the_job_and_its_worker_but_not_the_pool() -> None:
    workers = Workers("test")
    workers.run(Job(nothing))
    await settle()
    ended = []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    job = Job(wait)
    workers.run(job)
    await settle()
    assert job.task is not None
    job.task.cancel()
    await settle()
    assert ended == [True]
    assert job.task is None
    again = Job(nothing)
    workers.run(again)
    await again.done.wait()
    await workers.close()


async def test_a_job_cancelled_before_it_began_never_runs() -> None:
    workers = Workers("test")
    workers.run(Job(nothing))
    await settle()
    job = Job(nothing)
    workers.run(job)
    assert job.task is not None
    job.task.cancel()
    await settle()
    assert not job.done.is_set()
    assert job.task is None
    await workers.close()


async def test_context_variables_set_before_waiting_can_be_reset_after() -> None:
    workers = Workers("test")
    workers.run(Job(nothing))
    await settle()
    seen = []

    async def work() -> None:
        token = variable.set(1)
        await asyncio.sleep(0)
        seen.append(variable.get())
        variable.reset(token)

    job = Job(work)
    await from_callback(lambda: workers.run(job))
    await job.done.wait()
    assert seen == [1]
    assert variable.get() == 0
    await workers.close()


async def test_timeouts_work_from_the_first_step() -> None:
    workers = Workers("test")
    workers.run(Job(nothing))
    await settle()
    outcome = []

    async def work() -> None:
        assert asyncio.current_task() is not None
        try:
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        except TimeoutError:
            outcome.append("timed out")

    for _ in range(2):
        job = Job(work)
        await from_callback(lambda job=job: workers.run(job))
        await job.done.wait()
        await settle()
    assert outcome == ["timed out"] * 2
    await workers.close()


async def test_closing_cancels_parked_and_busy_workers() -> None:
    workers = Workers("test")
    parked, busy = Job(nothing), Job(asyncio.Event().wait)  # type: ignore[arg-type]
    workers.run(parked)
    workers.run(busy)
    await settle()
    await workers.close()
    assert not workers._tasks
    assert busy.task is None
