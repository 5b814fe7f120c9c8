"""How a large list is cut: so many objects at a time, of large ones fewer, for a client that does not read holds one
piece."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

PIECE_OBJECTS = 64
PIECE_BYTES = 1024 * 1024


def groups(objects: Sequence[T], size: Callable[[T], int]) -> Iterator[Sequence[T]]:
    """The objects in pieces; `size` tells the bytes of one."""
    for first in range(0, len(objects), PIECE_OBJECTS):
        group = objects[first : first + PIECE_OBJECTS]
        total = sum(map(size, group))
        few = max(PIECE_OBJECTS * PIECE_BYTES // total, 1) if total > PIECE_BYTES else PIECE_OBJECTS
        for start in range(0, len(group), few):
            yield group[start : start + few]
