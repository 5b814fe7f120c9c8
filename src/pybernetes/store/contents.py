"""What a store holds at one moment, apart from how it keeps it: the way from one store, or one time, to another.

    SQLite file ─┐                                        ┌─▶ SQLite file      sqlite_contents.py
                 ├─▶ Contents: keys at their revisions ───┤
    etcd's file ─┘                                        └─▶ etcd's file      etcd/contents.py

Keys come with the revisions that made and last wrote them, so objects keep their resourceVersions. The past is left
behind: whoever restores goes back in time, and clients may hold revisions that the restored store never had. So it
begins `BUMP` above the copy with everything before that compacted (etcd's `snapshot restore --bump-revision 1000000000
--mark-compacted`, which Kubernetes asks for): a watch from an older revision is answered 410 Gone and lists again, and
no revision is handed out twice.
"""

from collections.abc import Iterable

import msgspec

from .store import KeyValue

BUMP = 1_000_000_000
"""More than a cluster writes between a copy and its use, at 1,600 writes a second for a week."""
MARKER = "/pybernetes/restored"
"""A key that never exists: its deletion is the revision at which a restored store begins."""


class Contents(msgspec.Struct, frozen=True):
    """The live keys in the order of their mod revisions; to be read once."""

    revision: int
    """The last one."""
    leases: dict[int, int]
    """Seconds to live by ID."""
    items: Iterable[KeyValue]

    @property
    def begins(self) -> int:
        """The revision of a store that is made from it."""
        return self.revision + BUMP
