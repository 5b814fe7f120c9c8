"""etcd's file format: what we write we read again, and so does etcd's own program; what is damaged is refused."""

import itertools
import os
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.etcd import needs_etcdctl

from pybernetes.store.contents import Contents
from pybernetes.store.etcd import bolt, contents
from pybernetes.store.store import KeyValue

numbers = itertools.count()
entries = st.dictionaries(st.binary(min_size=1, max_size=40), st.binary(max_size=10_000), max_size=60)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.dictionaries(st.binary(min_size=1, max_size=8), entries, max_size=4))
def test_what_is_written_is_read_again(tmp_path, buckets):
    path = tmp_path / f"{next(numbers)}.db"
    bolt.write(path, [(name, sorted(found.items())) for name, found in sorted(buckets.items())])
    with bolt.BoltFile(path) as file:
        for name, found in buckets.items():
            assert list(file.bucket(name)) == sorted(found.items())
        assert list(file.bucket(b"no such bucket")) == []


def test_many_entries_have_branches_of_branches(tmp_path):
    path = tmp_path / "large.db"
    many = [(b"%08d" % number + bytes(500), b"v") for number in range(4000)]
    bolt.write(path, [(b"key", many)])
    with bolt.BoltFile(path) as file:
        assert list(file.bucket(b"key")) == many


@pytest.mark.parametrize("content", [b"", b"no database" * 1000, bytes(20_000)])
def test_what_is_no_such_file_is_refused(tmp_path, content):
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(bolt.BoltError, match=r"is empty|is not a database of etcd"):
        bolt.BoltFile(path)


def test_a_file_that_was_cut_short_is_refused(tmp_path):
    path = tmp_path / "short.db"
    bolt.write(path, [(b"key", [(b"%04d" % number, bytes(1000)) for number in range(100)])])
    path.write_bytes(path.read_bytes()[:30_000])
    with bolt.BoltFile(path) as file, pytest.raises(bolt.BoltError, match="is damaged: it ends before"):
        list(file.bucket(b"key"))


@needs_etcdctl
def test_etcds_own_program_reads_what_we_write(tmp_path):
    items = [KeyValue(f"/registry/{number}", b"x" * (number * 37 % 9000), number, number) for number in range(2, 3000)]
    path = tmp_path / "snapshot.db"
    contents.write(path, Contents(2999, {7: 60}, items))
    words = [contents.tool(), "snapshot", "status", str(path)]
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "ETCDCTL_API": "3"})
    assert done.returncode == 0, done.stderr
    _, revision, keys, _ = done.stdout.split(", ")
    beside = 3  # the marker, the lease, the revision to compact: it counts what all buckets have
    assert (int(revision), int(keys)) == (1_000_002_999, len(items) + beside)
