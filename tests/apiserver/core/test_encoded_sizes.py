"""What is remembered of the sizes of encoded objects."""

from pybernetes.apiserver.encoded_sizes import EncodedSizes
from pybernetes.apiserver.watch_cache import Entry


def entry(key: str, revision: int) -> Entry:
    return Entry(key, "", key, revision, b"", {}, ())


def test_a_size_is_that_of_one_revision() -> None:
    sizes = EncodedSizes()
    sizes.learn(entry("a", 2**40), 2**31)
    assert sizes.of(entry("a", 2**40)) == 2**31
    assert sizes.of(entry("a", 2**40 + 1)) is None
    assert sizes.of(entry("b", 2**40)) is None


def test_all_are_forgotten_when_most_are_of_objects_that_are_gone() -> None:
    sizes = EncodedSizes()
    for at in range(1200):
        sizes.learn(entry(str(at), 1), 7)
    sizes.trim(100)
    assert sizes.of(entry("0", 1)) == 7
    sizes.trim(99)
    assert sizes.of(entry("0", 1)) is None
