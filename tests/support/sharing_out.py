"""Which worker of pytest-xdist runs which file, so that no core stands idle and no worker is alone at the end.

Some files wait most of the time, for containers, leases and time-outs of a real cluster; others keep a core busy. All
are put in one row, those that wait first and the longest of the busy ones last. The first worker takes its files from
the front, the others take theirs from the back, and in the middle, where files are short, they meet. The first worker
so has the one cluster that all end-to-end tests share.
"""

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

_BUSY = (
    "tests/kubectl/test_against_stock.py",
    "tests/controllers/faults/test_crashes.py",
    "tests/kubectl/test_unknown_servers.py",
    "tests/kubectl/test_broken_servers_against_stock.py",
    "tests/kubectl/test_cp_against_stock.py",
    "tests/kubectl/test_credentials_against_stock.py",
    "tests/kubectl/test_flags_against_stock.py",
)
"""The files that take the most processor time, the longest first. A file that is missing here costs seconds at most."""


def in_a_row(items: list[pytest.Item]) -> None:
    """Sort the tests, file by file; those of one file stay as they are."""

    def place(item: pytest.Item) -> tuple[int, int]:
        name = item.nodeid.partition("::")[0]
        if name.startswith("tests/e2e/"):
            return 0, 0
        return (2, -_BUSY.index(name)) if name in _BUSY else (1, 0)

    items.sort(key=place)


class FromBothEnds(LoadFileScheduling):
    """`--dist loadfile`, where all workers but the first take the last file of the row."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False  # it is by the number of tests, not by what they take

    def _assign_work_unit(self, node: Any) -> None:
        if node.gateway.id != "gw0":
            self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
        super()._assign_work_unit(node)
