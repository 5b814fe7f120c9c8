"""A large collection, page after page: complete, in order, and held by nobody in between."""

import gc
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st
from tests.support.api import CONFIG_MAPS, Api, running_api

from pybernetes.api.resource import resource
from pybernetes.apiserver.watch_cache import ResourceCache
from pybernetes.store.store import KeyValue

OBJECTS, LIMIT = 600, 10


async def walk(api: Api) -> list[str]:
    found: list[str] = []
    query, left = f"limit={LIMIT}", OBJECTS
    while True:
        body = (await api.get(CONFIG_MAPS, query)).body
        found += [item["metadata"]["name"] for item in body["items"]]
        left -= LIMIT
        token = body["metadata"].get("continue")
        assert body["metadata"].get("remainingItemCount") == (left or None)
        if not token:
            return found
        query = f"limit={LIMIT}&continue={token}"


async def test_a_walk_through_all_pages_leaves_nothing_behind() -> None:
    async with running_api() as api:
        for index in range(OBJECTS):
            obj = {"metadata": {"name": f"m{index:04}"}, "data": {"x": "y" * 4000}}
            assert (await api.post(CONFIG_MAPS, obj)).code == 201
        await walk(api)
        gc.collect()
        tracemalloc.start()
        try:
            assert await walk(api) == [f"m{index:04}" for index in range(OBJECTS)]
            gc.collect()
            held, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        whole = OBJECTS * 4000
        assert held < whole / 20
        assert peak < whole  # a few pages as bytes and as the objects of this test, not the collection


NAMES = st.lists(st.text("abz-/", min_size=1, max_size=3).map(lambda t: t.strip("/-") or "a"), unique=True, max_size=12)


@given(NAMES, st.sampled_from(["", "a", "b"]), st.integers(1, 5), st.text("abz/", max_size=4))
def test_a_page_is_the_beginning_of_the_range(names: list[str], namespace: str, limit: int, after: str) -> None:
    info = resource("configmaps")
    cache = ResourceCache(info, lambda: 1)
    stored = b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"n"}}'
    keys = [cache.prefix + (name if "/" in name else f"a/{name}") for name in names]
    cache.load([KeyValue(key, stored, 1, 1, 1) for key in dict.fromkeys(keys)], 1)
    start = cache.prefix + after if after else ""
    whole = cache.range(namespace, start)
    entries, more = cache.page(namespace, start, limit)
    assert entries == whole[:limit]
    assert more == max(len(whole) - limit, 0)
    inside = cache.prefix + (namespace + "/" if namespace else "")
    assert [entry.key for entry in whole] == sorted(k for k in set(keys) if k.startswith(inside) and k > start)
