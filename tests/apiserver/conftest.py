"""Every test of the API server also shows that nobody changes what the readers of the cache share."""

from collections.abc import Iterator

import orjson
import pytest

from pybernetes.apiserver.watch_cache import Change, Entry, ResourceCache


@pytest.fixture(autouse=True)
def shared_objects_stay(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A decoded object is what its bytes say: when a writer hands it over, when it is replaced, and at the end."""
    caches: list[ResourceCache] = []
    wrong: list[tuple[str, object, object]] = []
    apply = ResourceCache._apply

    def check(entry: Entry | None) -> None:
        if entry is not None and entry.decoded is not None and entry.decoded != (told := orjson.loads(entry.data)):
            wrong.append((entry.key, entry.decoded, told))

    def checked(self: ResourceCache, change: Change) -> None:
        if self not in caches:
            caches.append(self)
        check(change.old)
        check(change.new)
        if change.new is not None and (change.new.labels, change.new.fields) != self.probe.read(change.new.data):
            wrong.append((change.new.key, (change.new.labels, change.new.fields), self.probe.read(change.new.data)))
        apply(self, change)

    monkeypatch.setattr(ResourceCache, "_apply", checked)
    yield
    for cache in caches:
        for entry in cache.range():
            check(entry)
        assert len(cache.handovers) == 0
    assert not wrong
