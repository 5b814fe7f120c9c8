"""What travels between the event loop and the writer thread of the SQLite store, and how the loop waits for threads."""

import asyncio
import sqlite3
from collections.abc import Callable
from typing import TypeVar

from pybernetes.base.log import logger
from pybernetes.store.sqlite_file import DataFile, LogRow, Statement
from pybernetes.store.store import KeyValue

log = logger(__name__)

T = TypeVar("T")
Thunk = Callable[[sqlite3.Connection], bool]


class Write:
    """One accepted change of a key on its way to the disk. `answer` resolves to None when it is durable."""

    __slots__ = ("answer", "batch", "kv", "note", "previous")

    def __init__(self, kv: KeyValue, previous: int, batch: "WriteBatch", note: bytes) -> None:
        """previous: the mod revision of the state before it, 0 for none."""
        self.kv = kv
        self.previous = previous
        self.batch = batch
        self.note = note
        self.answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class WriteBatch:
    """What becomes one transaction. `work` runs outside any transaction, after it."""

    __slots__ = ("decided", "rows", "statements", "work", "writes")

    def __init__(self) -> None:
        self.rows: list[LogRow] = []
        self.writes: list[Write] = []
        self.statements: list[Statement] = []
        self.work: Thunk | None = None
        self.decided: asyncio.Future[bool] = asyncio.get_running_loop().create_future()


async def finished(function: Callable[..., T], *arguments: object) -> T:
    """Run a function in a thread and wait for its end even when cancelled: it works on a file that is closed next."""
    work = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        if not work.cancelled() and work.exception() is None and isinstance(result := work.result(), DataFile):
            result.close()
        raise


def attempt(work: Thunk, connection: sqlite3.Connection) -> bool:
    try:
        return work(connection)
    except sqlite3.Error as error:
        log.warning("Store maintenance failed", err=error)
        return False
