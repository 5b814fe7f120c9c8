"""Data files of earlier formats, brought up to the present one at the first start of a newer version.

    copy beside it (state.db.format-1), on the disk ─▶ one transaction with all steps and the new number

A crash leaves the file in the old format or in the new one; the copy is for who wants to go back to the old version,
and may be removed. What a newer version wrote is refused: it may mean something that this one does not know.
"""

import os
import sqlite3
from pathlib import Path

_STEPS: dict[int, tuple[str, ...]] = {
    # 2: a note with each revision, before the value, so that reading the notes does not go through large values
    1: (
        "ALTER TABLE log RENAME TO earlier",
        """CREATE TABLE log (
            revision INTEGER PRIMARY KEY, key TEXT NOT NULL, create_revision INTEGER NOT NULL,
            previous INTEGER NOT NULL, lease INTEGER NOT NULL, note BLOB, value BLOB
        )""",
        "INSERT INTO log SELECT revision, key, create_revision, previous, lease, NULL, value FROM earlier",
        "DROP TABLE earlier",
        "CREATE INDEX log_lease ON log (lease) WHERE lease != 0",
    ),
}
"""What leads from a format to the next one."""

FORMAT = 2
"""The present one, kept in `PRAGMA user_version`."""
OLDEST = 1


def bring_up(connection: sqlite3.Connection, path: Path, version: int) -> None:
    """From that format to the present one. sqlite3.Error, OSError: nothing has changed."""
    keep_copy(connection, path.with_name(f"{path.name}.format-{version}"))
    connection.execute("BEGIN IMMEDIATE")
    try:
        for number in range(version, FORMAT):
            for statement in _STEPS[number]:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version={FORMAT}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def keep_copy(connection: sqlite3.Connection, target: Path) -> None:
    """A copy of the file as it is; one that is there already is whole and stays. sqlite3.Error, OSError."""
    if not target.exists():
        partial = target.with_name(f"{target.name}.partial")
        partial.unlink(missing_ok=True)
        copy_into(connection, partial)
        partial.rename(target)


def copy_into(connection: sqlite3.Connection, target: Path) -> None:
    """A new file with what the database holds at this moment, of its owner only, on the disk when this returns.
    sqlite3.Error, OSError."""
    descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        connection.execute("VACUUM INTO ?", (str(target),))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
