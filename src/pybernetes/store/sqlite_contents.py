"""The contents of a SQLite data file, and a data file from contents.

`copy` works beside a running server: one read transaction sees one state, and the writer goes on.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path

import msgspec

from .contents import MARKER, Contents
from .sqlite_file import LogRow, grant_lease, mark_compacted, open_file
from .sqlite_formats import FORMAT, OLDEST, copy_into
from .store import KeyValue, Unavailable

_LIVE = """
SELECT revision, key, create_revision, lease, value FROM log
WHERE revision IN (SELECT max(revision) FROM log GROUP BY key) AND value IS NOT NULL ORDER BY revision
"""


def copy(path: Path, target: Path) -> None:
    """A consistent copy of the file, of its owner only and on the disk when this returns. Unavailable, OSError."""
    if not path.exists():
        raise Unavailable(f"{path} does not exist")
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA busy_timeout=5000")
            copy_into(connection, target)
    except sqlite3.Error as error:
        raise Unavailable(f"{path} cannot be copied: {error}") from None


def read(path: Path) -> Contents:
    """The contents of a copy. Unavailable when it is damaged or of another format; so may reading the items fail."""
    try:
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None)
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if not OLDEST <= found <= FORMAT:  # the columns that are asked for are those of all formats
            raise Unavailable(
                f"the state has format {found}, this version reads {FORMAT}; use the version that made it"
            )
        (problem,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if problem != "ok":
            raise Unavailable(f"the state is damaged: {problem}")
        (revision,) = connection.execute("SELECT coalesce(max(revision), 1) FROM log").fetchone()
        leases = dict(connection.execute("SELECT id, ttl_seconds FROM lease").fetchall())
    except sqlite3.Error as error:
        raise Unavailable(f"the state is damaged: {error}") from None
    return Contents(revision, leases, _live(connection))


def _live(connection: sqlite3.Connection) -> Iterator[KeyValue]:
    with closing(connection):
        try:
            for revision, key, create_revision, lease, value in connection.execute(_LIVE):
                yield KeyValue(key, value, revision, create_revision, lease)
        except sqlite3.Error as error:
            raise Unavailable(f"the state is damaged: {error}") from None


def make(path: Path, contents: Contents) -> None:
    """A new data file that begins with these contents. Leases are numbered anew, since ours count up from the last.
    Unavailable, OSError."""
    file = open_file(path)
    try:
        leases = {known: number for number, known in enumerate(sorted(contents.leases), 1)}
        rows: Iterator[LogRow] = (
            (kv.mod_revision, kv.key, kv.create_revision, 0, leases.get(kv.lease, 0), None, kv.value)
            for kv in contents.items
        )
        begin: LogRow = (contents.begins, MARKER, 0, 0, 0, None, None)
        connection = file.connect()
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?)", chain(rows, [begin]))
        for known, number in leases.items():
            connection.executemany(*msgspec.structs.astuple(grant_lease(number, contents.leases[known])))
        connection.executemany(*msgspec.structs.astuple(mark_compacted(contents.begins)))
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise Unavailable(f"{path} cannot be written: {error}") from None
    finally:
        file.close()
    Path(f"{path}.lock").unlink()
