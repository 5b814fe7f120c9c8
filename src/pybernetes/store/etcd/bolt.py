"""The file format of bbolt, in which etcd keeps its data: read any file, write a new one from sorted entries.

    page 0, 1   meta: where the root is; of the two the valid one with the higher transaction number counts
    others      leaf pages with entries, branch pages with the first key of each child, a list of free pages

A bucket is an entry of the root's leaf whose value is the number of another tree's root page, or, when that is 0, holds
one small page itself. Entries are sorted by key. Pages have 4096 bytes when we write; a large entry goes on over
`overflow` further ones. Numbers are little-endian (github.com/etcd-io/bbolt, page.go, db.go, bucket.go).

We write whole files only: pages in the order in which they fill, no transaction, no free pages.
"""

import mmap
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Self

Entry = tuple[bytes, bytes]
"""Key and value."""

_PAGE = struct.Struct("<QHHI")  # number, kind, how many elements, overflow pages
_META = struct.Struct("<IIIIQQQQQ")  # magic, version, page size, flags, root, sequence, free list, end, transaction
_LEAF = struct.Struct("<IIII")  # flags, distance of the key from here, key and value sizes
_BRANCH = struct.Struct("<IIQ")  # distance of the key from here, key size, page
_BUCKET = struct.Struct("<QQ")  # root page, sequence
_CHECKSUM = struct.Struct("<Q")
_BRANCH_PAGE, _LEAF_PAGE, _META_PAGE, _FREE_PAGE = 0x01, 0x02, 0x04, 0x10
_IS_BUCKET = 0x01
_MAGIC, _VERSION = 0xED0CDAED, 2
_PAGE_BYTES = 4096
_FIRST_PAGE = 3
"""After both metas and the list of free pages."""
_DEPTH = 32


class BoltError(ValueError):
    """Not such a file, or a damaged one."""


def _fnv1a(data: bytes) -> int:
    """FNV-1a with 64 bits, the checksum of a meta page."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & (1 << 64) - 1
    return value


class BoltFile:
    """A file that nobody writes to meanwhile; while the `with` block lasts."""

    def __init__(self, path: Path) -> None:
        """BoltError, OSError."""
        with path.open("rb") as file:
            try:
                self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except ValueError:
                raise BoltError(f"{path} is empty") from None
        self._path = path
        try:
            self._page_bytes, self._root = self._newest_meta()
        except BaseException:
            self._data.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._data.close()

    def _newest_meta(self) -> tuple[int, int]:
        """Page size and root page."""
        found: list[tuple[int, int, int]] = []
        for start in (0, *(1 << shift for shift in range(10, 17))):
            body = self._data[start + _PAGE.size : start + _PAGE.size + _META.size + _CHECKSUM.size]
            if len(body) < _META.size + _CHECKSUM.size:
                continue
            magic, version, page_bytes, _, root, _, _, _, transaction = _META.unpack_from(body)
            (checksum,) = _CHECKSUM.unpack_from(body, _META.size)
            is_meta = magic == _MAGIC and version == _VERSION and start in (0, page_bytes)
            if is_meta and checksum == _fnv1a(body[: _META.size]):
                found.append((transaction, page_bytes, root))
        if not found:
            raise BoltError(f"{self._path} is not a database of etcd")
        _, page_bytes, root = max(found)
        return page_bytes, root

    def bucket(self, name: bytes) -> Iterator[Entry]:
        """The entries of a bucket in order; none when there is no such bucket. BoltError."""
        for flags, key, value in self._entries(self._root * self._page_bytes, _DEPTH):
            if flags & _IS_BUCKET and key == name:
                (root, _) = _BUCKET.unpack_from(value)
                start = root * self._page_bytes
                inside = self._entries(start, _DEPTH) if root else _leaf(value, _BUCKET.size)
                return ((key, value) for _, key, value in inside)
        return iter(())

    def _entries(self, start: int, depth: int) -> Iterator[tuple[int, bytes, bytes]]:
        """Everything below a page: flags, key, value."""
        try:
            _, kind, count, _ = _PAGE.unpack_from(self._data, start)
            if kind == _LEAF_PAGE:
                yield from _leaf(self._data, start)
            elif kind == _BRANCH_PAGE and depth:
                for number in range(count):
                    _, _, page = _BRANCH.unpack_from(self._data, start + _PAGE.size + number * _BRANCH.size)
                    yield from self._entries(page * self._page_bytes, depth - 1)
            else:
                raise BoltError(f"{self._path} is damaged: page at {start} is of kind {kind}")
        except struct.error:
            raise BoltError(f"{self._path} is damaged: it ends before the page at {start}") from None


def _leaf(data: "mmap.mmap | bytes", start: int) -> Iterator[tuple[int, bytes, bytes]]:
    _, _, count, _ = _PAGE.unpack_from(data, start)
    for number in range(count):
        at = start + _PAGE.size + number * _LEAF.size
        flags, distance, key_bytes, value_bytes = _LEAF.unpack_from(data, at)
        key = at + distance
        end = key + key_bytes + value_bytes
        if end > len(data):
            raise BoltError("the database is damaged: an entry goes beyond its end")
        yield flags, data[key : key + key_bytes], data[key + key_bytes : end]


def write(path: Path, buckets: Iterable[tuple[bytes, Iterable[Entry]]]) -> None:
    """A new file with these buckets; they and their entries are sorted by key. OSError."""
    with path.open("xb") as file:
        _Writer(file).write(buckets)


class _Writer:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._next = _FIRST_PAGE

    def write(self, buckets: Iterable[tuple[bytes, Iterable[Entry]]]) -> None:
        self._file.seek(self._next * _PAGE_BYTES)
        roots = [(name, _BUCKET.pack(self._tree(entries, 0), 0)) for name, entries in buckets]
        root = self._tree(roots, _IS_BUCKET)
        self._file.seek(0)
        for number in range(2):
            meta = _META.pack(_MAGIC, _VERSION, _PAGE_BYTES, 0, root, 0, 2, self._next, number)
            self._put_page(number, _META_PAGE, 0, meta + _CHECKSUM.pack(_fnv1a(meta)))
        self._put_page(2, _FREE_PAGE, 0, b"")

    def _put_page(self, number: int, kind: int, count: int, body: bytes | bytearray) -> int:
        """Write a page where the file is; how many there are with those that it goes on over."""
        size = _PAGE.size + len(body)
        pages = -(-size // _PAGE_BYTES)
        self._file.write(_PAGE.pack(number, kind, count, pages - 1) + body + bytes(pages * _PAGE_BYTES - size))
        return pages

    def _add_page(self, kind: int, count: int, body: bytes | bytearray) -> int:
        number = self._next
        self._next += self._put_page(number, kind, count, body)
        return number

    def _tree(self, entries: Iterable[Entry], flags: int) -> int:
        """Write the entries with the branches above them; the root's page."""
        level = list(self._leaves(entries, flags))
        while len(level) > 1:
            level = list(self._branches(level))
        return level[0][1]

    def _leaves(self, entries: Iterable[Entry], flags: int) -> Iterator[tuple[bytes, int]]:
        """First key and number of each page; at least one."""
        page: list[Entry] = []
        size = _PAGE.size
        for key, value in entries:
            more = _LEAF.size + len(key) + len(value)
            if page and size + more > _PAGE_BYTES:
                yield page[0][0], self._leaf(page, flags)
                page, size = [], _PAGE.size
            page.append((key, value))
            size += more
        yield page[0][0] if page else b"", self._leaf(page, flags)

    def _leaf(self, entries: list[Entry], flags: int) -> int:
        heads, data = bytearray(), bytearray()
        for number, (key, value) in enumerate(entries):
            distance = (len(entries) - number) * _LEAF.size + len(data)
            heads += _LEAF.pack(flags, distance, len(key), len(value))
            data += key
            data += value
        return self._add_page(_LEAF_PAGE, len(entries), heads + data)

    def _branches(self, children: list[tuple[bytes, int]]) -> Iterator[tuple[bytes, int]]:
        """Two children at least below each."""
        page: list[tuple[bytes, int]] = []
        size = _PAGE.size
        for left, (key, child) in zip(range(len(children), 0, -1), children, strict=True):
            more = _BRANCH.size + len(key)
            if len(page) > 1 and left > 1 and size + more > _PAGE_BYTES:
                yield page[0][0], self._branch(page)
                page, size = [], _PAGE.size
            page.append((key, child))
            size += more
        yield page[0][0], self._branch(page)

    def _branch(self, children: list[tuple[bytes, int]]) -> int:
        heads, data = bytearray(), bytearray()
        for number, (key, child) in enumerate(children):
            distance = (len(children) - number) * _BRANCH.size + len(data)
            heads += _BRANCH.pack(distance, len(key), child)
            data += key
        return self._add_page(_BRANCH_PAGE, len(children), heads + data)
