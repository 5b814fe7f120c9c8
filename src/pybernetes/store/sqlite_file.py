"""The data file of the SQLite store: opening it safely, loading it, and the few statements that run on it.

One append-only table holds every revision; SQLite's write-ahead log makes a transaction durable with one fsync
(`synchronous=FULL`)::

    log(revision PRIMARY KEY, key, create_revision, previous, lease, note, value)      value NULL: a deletion
    lease(id PRIMARY KEY, ttl_seconds)
    meta(name PRIMARY KEY, value)                                                'compacted'

`value` is the last column, so that loading the index skips the overflow pages of large values. Every look-up is by
revision, so the table needs no second index (except for the few rows with a lease).

Everything here blocks. `DataFile` owns three connections: the writer's, the event loop's for short reads, and one for
long reads in a thread; WAL mode lets them work at the same time. An exclusive lock on `<path>.lock` keeps a second
process out.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path

import msgspec

from pybernetes.store.mvcc import Index
from pybernetes.store.sqlite_formats import FORMAT, OLDEST, bring_up
from pybernetes.store.store import KeyValue, Unavailable

_APPLICATION_ID = 0x50594231
_PAGE_BYTES = 8192
_CHECKPOINT_PAGES = 1000
_TOGETHER = 64
_WAL_LIMIT_BYTES = 4 * _CHECKPOINT_PAGES * _PAGE_BYTES

_SCHEMA = """
CREATE TABLE log (
    revision INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    create_revision INTEGER NOT NULL,
    previous INTEGER NOT NULL,
    lease INTEGER NOT NULL,
    note BLOB,
    value BLOB
);
CREATE INDEX log_lease ON log (lease) WHERE lease != 0;
CREATE TABLE lease (id INTEGER PRIMARY KEY, ttl_seconds INTEGER NOT NULL);
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""

LogRow = tuple[int, str, int, int, int, bytes | None, bytes | None]
"""revision, key, create revision, previous revision, lease, note, value."""


class Statement(msgspec.Struct, frozen=True):
    """A statement that rides in the transaction of the next writes, once per row of parameters."""

    sql: str
    rows: Sequence[tuple[int, ...]]


def grant_lease(lease: int, ttl_seconds: int) -> Statement:
    """Record a lease."""
    return Statement("INSERT OR REPLACE INTO lease VALUES (?, ?)", [(lease, ttl_seconds)])


def remove_lease(lease: int) -> Statement:
    """Forget a lease."""
    return Statement("DELETE FROM lease WHERE id = ?", [(lease,)])


def mark_compacted(revision: int) -> Statement:
    """Record the revision before which nothing may be read any more."""
    return Statement("INSERT OR REPLACE INTO meta VALUES ('compacted', ?)", [(revision,)])


def drop_revisions(revisions: Iterable[int]) -> Statement:
    """Delete revisions that a compaction handed out."""
    return Statement("DELETE FROM log WHERE revision = ?", [(revision,) for revision in revisions])


class DataFile:
    """An open data file. Made by `open_file`."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock
        self._connections: list[sqlite3.Connection] = []

    def connect(self) -> sqlite3.Connection:
        """Another connection; closed with the file. One thread at a time may use it."""
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, cached_statements=128)
        self._connections.append(connection)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit={_WAL_LIMIT_BYTES}")
        connection.execute("PRAGMA busy_timeout=5000")
        return connection

    def close(self) -> None:
        """Write back and empty the write-ahead log, close, let go of the lock; idempotent."""
        while self._connections:
            connection = self._connections.pop()
            if not self._connections:
                try:
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                except sqlite3.Error:
                    pass  # a full disk: the log stays and is read at the next start
            connection.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def open_file(path: Path) -> DataFile:
    """Open or create the data file. Unavailable, with one line that says what to do, when it is in use, is not a data
    file, is damaged, or was written by a newer version. One of an older version gets the present format."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Unavailable(f"cannot open {path}: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = os.pread(lock, 20, 0).decode(errors="replace").strip() or "unknown"
        os.close(lock)
        raise Unavailable(f"{path} is in use by pid {owner}; stop it or choose another data directory") from None
    file = DataFile(path, lock)
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        _prepare(file)
    except sqlite3.Error as error:
        file.close()
        raise _unusable(path, error) from None
    except BaseException:
        file.close()
        raise
    return file


def _unusable(path: Path, error: Exception) -> Unavailable:
    if "not a database" in str(error):
        return Unavailable(f"{path} is not a database; move it away or restore a snapshot")
    if "malformed" in str(error):
        return Unavailable(f"{path} is damaged ({error}); move it away and restore a snapshot")
    return Unavailable(f"cannot open {path}: {error}")


def _prepare(file: DataFile) -> None:
    """Check what kind of file it is, and make the tables in a new one."""
    if not file.path.exists():
        os.close(os.open(file.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = file.connect()
    application = _number(connection, "PRAGMA application_id")
    version = _number(connection, "PRAGMA user_version")
    if application == 0 and _number(connection, "SELECT count(*) FROM sqlite_schema") == 0:
        connection.execute(f"PRAGMA page_size={_PAGE_BYTES}")
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id={_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={FORMAT}")
        connection.execute("COMMIT")
    elif application != _APPLICATION_ID:
        raise Unavailable(f"{file.path} is a database of another program; choose another data directory")
    elif version < OLDEST:
        raise Unavailable(f"{file.path} has format {version}, which no version has written; restore a snapshot")
    elif version < FORMAT:
        bring_up(connection, file.path, version)
    elif version > FORMAT:
        raise Unavailable(f"{file.path} has format {version}, this version reads up to {FORMAT}; use a newer version")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    expected = _number(connection, "PRAGMA page_count") * _number(connection, "PRAGMA page_size")
    if os.path.getsize(f"{file.path}-wal") == 0 and file.path.stat().st_size < expected:
        raise Unavailable(f"{file.path} is damaged (cut short); move it away and restore a snapshot")


def _number(connection: sqlite3.Connection, sql: str) -> int:
    (value,) = connection.execute(sql).fetchone()
    return int(value)


class Loaded(msgspec.Struct, frozen=True):
    """What the file said at start. `leases`: (id, ttl seconds); `leased`: (key, lease) of live keys."""

    index: Index
    leases: list[tuple[int, int]]
    leased: list[tuple[str, int]]


def load(file: DataFile, connection: sqlite3.Connection) -> Loaded:
    """Read the index: one pass over the table. Unavailable when the file is damaged."""
    index = Index()
    try:
        index.load(connection.execute("SELECT revision, key, create_revision, value IS NULL FROM log"))
        found = connection.execute("SELECT value FROM meta WHERE name = 'compacted'").fetchone()
        index.compacted = found[0] if found else index.compacted
        leases = connection.execute("SELECT id, ttl_seconds FROM lease").fetchall()
        rows = connection.execute("SELECT key, lease, revision FROM log WHERE lease != 0").fetchall()
    except sqlite3.Error as error:
        raise _unusable(file.path, error) from None
    absent = (0, 0)
    return Loaded(index, leases, [(key, lease) for key, lease, at in rows if index.current.get(key, absent)[0] == at])


def write(connection: sqlite3.Connection, rows: Sequence[LogRow], statements: Sequence[Statement]) -> None:
    """One durable transaction: all or nothing. sqlite3.Error when it did not happen.

    Few rows are one statement, which is a transaction by itself: the interpreter's lock is let go and taken back once
    instead of for each row. Eight rows beside an event loop that is busy take 6 ms so instead of 64."""
    if len(rows) <= _TOGETHER and not statements:
        connection.execute(_insertion(len(rows)), [*chain.from_iterable(rows)])
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany(_insertion(1), rows)
        for statement in statements:
            connection.executemany(statement.sql, statement.rows)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@lru_cache(_TOGETHER)
def _insertion(rows: int) -> str:
    return "INSERT INTO log VALUES " + ", ".join(["(?, ?, ?, ?, ?, ?, ?)"] * rows)


_COLUMNS = "log.revision, log.key, log.create_revision, log.previous, log.lease, log.note, log.value"


def read(connection: sqlite3.Connection, revisions: Iterable[int]) -> dict[int, KeyValue]:
    """The states written at these revisions."""
    found: dict[int, KeyValue] = {}
    for wanted in revisions:
        row = connection.execute(f"SELECT {_COLUMNS} FROM log WHERE revision = ?", (wanted,)).fetchone()
        if row is None:
            raise Unavailable(f"revision {wanted} is missing from the data file; restore a snapshot")
        found[wanted] = key_value(row)
    return found


def note_of(connection: sqlite3.Connection, revision: int) -> bytes:
    """The note of a revision; b"" when it has none or was compacted."""
    row = connection.execute("SELECT note FROM log WHERE revision = ?", (revision,)).fetchone()
    return (row[0] or b"") if row is not None else b""


def size(connection: sqlite3.Connection) -> int:
    """Bytes of the pages in use."""
    pages = _number(connection, "PRAGMA page_count") - _number(connection, "PRAGMA freelist_count")
    return pages * _number(connection, "PRAGMA page_size")


def key_value(row: LogRow) -> KeyValue:
    """A row as the state that it made (a deletion: no value, no create revision)."""
    revision, key, create_revision, _, lease, _, value = row
    if value is None:
        return KeyValue(key, b"", revision, 0)
    return KeyValue(key, value, revision, create_revision, lease)


def changes(connection: sqlite3.Connection, after: int, until: int) -> list[tuple[LogRow, LogRow | None]]:
    """Rows of the revisions in (after, until], each with the row it replaced."""
    previous = _COLUMNS.replace("log.", "before.")
    sql = f"SELECT {_COLUMNS}, {previous} FROM log LEFT JOIN log AS before ON before.revision = log.previous"
    found = connection.execute(f"{sql} WHERE log.revision > ? AND log.revision <= ? ORDER BY 1", (after, until))
    return [(row[:7], row[7:] if row[7] is not None else None) for row in found]


def reclaim(connection: sqlite3.Connection, pages: int) -> bool:
    """Give at most `pages` unused pages back to the file system when a quarter of the file is unused; True when there
    is more to give."""
    unused = _number(connection, "PRAGMA freelist_count")
    if unused <= max(_number(connection, "PRAGMA page_count") // 4, _CHECKPOINT_PAGES):
        return False
    connection.execute(f"PRAGMA incremental_vacuum({pages})").fetchall()
    return True
