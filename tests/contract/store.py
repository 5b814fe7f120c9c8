"""The contract of `Store`: what every implementation must do. A module of tests/store subclasses `StoreContract` and
says how to open a store; the rest is inherited."""

import asyncio
from contextlib import AbstractAsyncContextManager, aclosing

import pytest

from pybernetes.base.clock import SYSTEM_CLOCK, Clock
from pybernetes.store.store import (
    VALUE_LIMIT,
    Batch,
    Compacted,
    Conflict,
    Event,
    FutureRevision,
    KeyValue,
    LeaseNotFound,
    Store,
    TooLarge,
    Unavailable,
    Watch,
    WatcherLagged,
)


class FakeClock:
    """Monotonic time that moves only by `advance`; sleepers whose time has come are woken in order."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self):
        return SYSTEM_CLOCK.now()

    def monotonic(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        done = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._now + seconds, done))
        await done

    async def advance(self, seconds: float) -> None:
        await settle()
        self._now += seconds
        for deadline, done in sorted(self._sleepers, key=lambda sleeper: sleeper[0]):
            if deadline <= self._now and not done.done():
                done.set_result(None)
        self._sleepers = [sleeper for sleeper in self._sleepers if not sleeper[1].done()]
        await settle()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def events(watch: Watch, count: int) -> list[Event]:
    """The next `count` events, however batched."""
    found: list[Event] = []
    async with asyncio.timeout(60):
        while len(found) < count:
            found.extend((await anext(watch)).events)
    return found


def brief(event: Event) -> tuple[str, str, bytes, int]:
    kind = "delete" if event.deleted else "create" if event.created else "update"
    return (kind, event.kv.key, event.kv.value, event.kv.mod_revision)


class StoreContract:
    """Subclasses give `running_store`."""

    def running_store(
        self, *, clock: Clock = SYSTEM_CLOCK, watcher_limit: int = 8192
    ) -> AbstractAsyncContextManager[Store]:
        raise NotImplementedError

    # writing and reading

    async def test_an_empty_store_is_at_revision_1(self):
        async with self.running_store() as store:
            assert await store.revision() == 1
            assert await store.get("/a") is None
            page = await store.list("/")
            assert (page.revision, page.items, page.remaining) == (1, [], 0)

    async def test_each_write_gets_the_next_revision_and_keeps_the_create_revision(self):
        async with self.running_store() as store:
            assert await store.put("/a", b"1", expected=0) == 2
            assert await store.put("/a", b"2", expected=2) == 3
            assert await store.put("/b", b"1") == 4
            assert await store.get("/a") == KeyValue("/a", b"2", 3, 2)
            assert await store.revision() == 4

    async def test_a_key_made_again_gets_a_new_create_revision(self):
        async with self.running_store() as store:
            await store.put("/a", b"1")
            await store.delete("/a")
            await store.put("/a", b"2")
            assert await store.get("/a") == KeyValue("/a", b"2", 4, 4)

    @pytest.mark.parametrize("expected", [2, 4, 99])
    async def test_put_with_another_expectation_conflicts_and_tells_the_current_state(self, expected):
        async with self.running_store() as store:
            await store.put("/a", b"1")
            await store.put("/a", b"2")
            with pytest.raises(Conflict) as caught:
                await store.put("/a", b"x", expected=expected)
            assert caught.value.current == KeyValue("/a", b"2", 3, 2)
            assert await store.revision() == 3

    async def test_put_of_an_existing_key_expected_absent_conflicts(self):
        async with self.running_store() as store:
            await store.put("/a", b"1")
            with pytest.raises(Conflict):
                await store.put("/a", b"x", expected=0)

    async def test_put_expecting_a_key_that_is_absent_conflicts_with_nothing(self):
        async with self.running_store() as store:
            with pytest.raises(Conflict) as caught:
                await store.put("/a", b"x", expected=7)
            assert caught.value.current is None

    async def test_an_empty_value_is_a_value(self):
        async with self.running_store() as store:
            await store.put("/a", b"")
            found = await store.get("/a")
            assert found is not None
            assert found.value == b""

    async def test_delete_removes_the_key(self):
        async with self.running_store() as store:
            await store.put("/a", b"1")
            assert await store.delete("/a", expected=2) == 3
            assert await store.get("/a") is None
            assert await store.count("/") == 0

    async def test_delete_of_a_missing_key_changes_nothing(self):
        async with self.running_store() as store:
            assert await store.delete("/a") == 1

    @pytest.mark.parametrize("expected", [0, 5])
    async def test_delete_of_a_missing_key_with_an_expectation_conflicts(self, expected):
        async with self.running_store() as store:
            with pytest.raises(Conflict) as caught:
                await store.delete("/a", expected=expected)
            assert caught.value.current is None

    async def test_delete_with_another_expectation_conflicts(self):
        async with self.running_store() as store:
            await store.put("/a", b"1")
            with pytest.raises(Conflict) as caught:
                await store.delete("/a", expected=9)
            assert caught.value.current == KeyValue("/a", b"1", 2, 2)

    async def test_values_up_to_the_limit_are_taken_and_larger_ones_refused(self):
        async with self.running_store() as store:
            await store.put("/a", b"x" * VALUE_LIMIT)
            with pytest.raises(TooLarge, match="etcdserver: request is too large"):
                await store.put("/a", b"x" * (VALUE_LIMIT + 1))
            assert await store.revision() == 2

    async def test_of_many_writers_expecting_the_same_revision_exactly_one_wins(self):
        async with self.running_store() as store:
            await store.put("/a", b"0")
            results = await asyncio.gather(
                *(store.put("/a", b"%d" % i, expected=2) for i in range(20)), return_exceptions=True
            )
            winners = [result for result in results if isinstance(result, int)]
            losers = [result for result in results if isinstance(result, Conflict)]
            assert winners == [3]
            assert len(losers) == 19
            assert all(loser.current is not None and loser.current.mod_revision == 3 for loser in losers)

    async def test_concurrent_writes_of_one_key_without_expectation_all_succeed_in_some_order(self):
        async with self.running_store() as store:
            results = await asyncio.gather(*(store.put("/a", b"%d" % i) for i in range(20)))
            assert sorted(results) == list(range(2, 22))
            found = await store.get("/a")
            assert found is not None
            assert found.value == b"%d" % results.index(21)

    # lists

    async def test_list_is_in_key_order_and_by_prefix(self):
        async with self.running_store() as store:
            for key in ["/b/2", "/a/1", "/b/10", "/c", "/b", "/b0", "/b/é"]:
                await store.put(key, key.encode())
            page = await store.list("/b/")
            assert [item.key for item in page.items] == ["/b/10", "/b/2", "/b/é"]
            assert page.revision == 8
            assert await store.count("/b/") == 3
            assert await store.count("/") == 7

    @pytest.mark.parametrize("revision", [0, 8])
    async def test_pages_follow_each_other_at_one_revision(self, revision):
        async with self.running_store() as store:
            for i in range(7):
                await store.put(f"/a/{i}", b"v")
            await store.put("/a/9" if not revision else "/b", b"v")
            if revision:
                await store.delete("/a/3")
                await store.put("/a/10", b"late")
            expected = ["0", "1", "2", "3", "4", "5", "6"] + ([] if revision else ["9"])
            seen: list[str] = []
            after = ""
            while True:
                page = await store.list("/a/", revision=revision, limit=3, after=after)
                seen += [item.key for item in page.items]
                assert page.remaining == len(expected) - len(seen)
                if not page.remaining:
                    break
                after = page.items[-1].key
            assert seen == [f"/a/{name}" for name in expected]

    async def test_list_after_a_key_outside_the_prefix_is_empty_or_whole(self):
        async with self.running_store() as store:
            await store.put("/b/1", b"v")
            assert (await store.list("/b/", after="/z")).items == []
            assert len((await store.list("/b/", after="/a")).items) == 1

    async def test_the_past_can_be_read(self):
        async with self.running_store() as store:
            await store.put("/a", b"1")
            await store.put("/a", b"2")
            await store.put("/b", b"1")
            await store.delete("/a")
            assert await store.get("/a", revision=1) is None
            assert await store.get("/a", revision=2) == KeyValue("/a", b"1", 2, 2)
            assert await store.get("/a", revision=4) == KeyValue("/a", b"2", 3, 2)
            assert await store.get("/a", revision=5) is None
            assert [(i.key, i.value) for i in (await store.list("/", revision=4)).items] == [
                ("/a", b"2"),
                ("/b", b"1"),
            ]
            assert [i.key for i in (await store.list("/", revision=5)).items] == ["/b"]

    async def test_the_future_cannot_be_read(self):
        async with self.running_store() as store:
            with pytest.raises(FutureRevision):
                await store.get("/a", revision=2)
            with pytest.raises(FutureRevision):
                await store.list("/", revision=2)
            with pytest.raises(FutureRevision):
                await store.compact(2)

    # watch

    async def test_a_watch_replays_the_past_and_goes_on_live(self):
        async with self.running_store() as store:
            await store.put("/a", b"1")
            await store.put("/a", b"2")
            await store.put("/x", b"1")
            async with aclosing(store.watch("/a", after=2)) as watch:
                assert await anext(watch) == Batch(2)
                first = await events(watch, 1)
                assert first == [Event(KeyValue("/a", b"2", 3, 2), KeyValue("/a", b"1", 2, 2))]
                await store.put("/ab", b"1")
                await store.delete("/a")
                assert [brief(event) for event in await events(watch, 2)] == [
                    ("create", "/ab", b"1", 5),
                    ("delete", "/a", b"", 6),
                ]

    async def test_a_replayed_deletion_carries_the_state_before_it(self):
        async with self.running_store() as store:
            await store.put("/a", b"1")
            await store.delete("/a")
            async with aclosing(store.watch("/", after=2)) as watch:
                (event,) = await events(watch, 1)
                assert event == Event(KeyValue("/a", b"", 3, 0), KeyValue("/a", b"1", 2, 2), deleted=True)

    async def test_a_watch_from_now_starts_at_the_moment_of_the_call(self):
        async with self.running_store() as store:
            await store.put("/a", b"1")
            async with aclosing(store.watch("/")) as watch:
                await store.put("/a", b"2")
                assert await anext(watch) == Batch(2)
                assert [brief(event) for event in await events(watch, 1)] == [("update", "/a", b"2", 3)]

    async def test_a_watch_from_the_future_waits_for_it(self):
        async with self.running_store() as store, aclosing(store.watch("/", after=3)) as watch:
            await asyncio.gather(*(store.put(f"/{i}", b"v") for i in range(4)))
            assert [event.kv.mod_revision for event in await events(watch, 2)] == [4, 5]

    async def test_watchers_of_other_prefixes_see_nothing_but_progress(self):
        async with self.running_store() as store, aclosing(store.watch("/b")) as watch:
            await anext(watch)
            await store.put("/a", b"1")
            assert await store.revision() == 2
            async with asyncio.timeout(60):
                assert await anext(watch) == Batch(2)

    async def test_progress_comes_by_itself_after_changes_elsewhere(self):
        clock = FakeClock()
        async with self.running_store(clock=clock) as store, aclosing(store.watch("/b")) as watch:
            await anext(watch)
            await store.put("/a", b"1")
            told = asyncio.ensure_future(anext(watch))
            async with asyncio.timeout(60):
                while not told.done():  # the store may hear of the change after its answer
                    await clock.advance(1)
                    await asyncio.wait({told}, timeout=0.05)
            assert told.result() == Batch(2)

    async def test_a_watch_of_a_past_without_its_changes_tells_at_once_how_far_it_is(self):
        clock = FakeClock()  # nobody moves it: no progress comes by itself
        async with self.running_store(clock=clock) as store:
            for i in range(5):
                await store.put(f"/a/{i}", b"v")
            await store.revision()
            async with aclosing(store.watch("/b", after=1)) as watch, asyncio.timeout(60):
                assert await anext(watch) == Batch(1)
                assert await anext(watch) == Batch(6)

    async def test_every_watcher_sees_every_change_once_in_order(self):
        async with self.running_store() as store:
            watches = [store.watch("/", after=1) for _ in range(3)]
            writes = [store.put(f"/{i % 7}", b"%d" % i) for i in range(200)]
            await asyncio.gather(*writes)
            for watch in watches:
                assert [event.kv.mod_revision for event in await events(watch, 200)] == list(range(2, 202))
                await watch.aclose()

    async def test_a_past_event_names_the_state_that_it_replaced_and_a_live_one_whether_there_was_one(
        self,
    ):
        async with self.running_store() as store:
            live = store.watch("/", after=1)
            await asyncio.gather(*(store.put(f"/{i % 3}", b"%d" % i) for i in range(30)))
            await store.revision()
            replayed = store.watch("/", after=1)
            for watch, tells in ((live, False), (replayed, True)):
                state: dict[str, KeyValue] = {}
                for event in await events(watch, 30):
                    before = state.get(event.kv.key)
                    assert event.created == (before is None)
                    assert event.previous == (before if tells else None)
                    state[event.kv.key] = event.kv
                await watch.aclose()

    async def test_a_watcher_that_does_not_keep_up_is_dropped(self):
        async with self.running_store(watcher_limit=10) as store:
            watch = store.watch("/")
            fast = store.watch("/x")
            await anext(watch)
            for i in range(12):
                await store.put("/a", b"%d" % i)
            await store.revision()
            with pytest.raises(WatcherLagged):
                while True:
                    await anext(watch)
            await store.put("/x", b"1")
            assert len(await events(fast, 1)) == 1
            await fast.aclose()

    async def test_a_closed_watch_ends(self):
        async with self.running_store() as store:
            watch = store.watch("/")
            await anext(watch)
            waiting = asyncio.create_task(anext(watch, None))
            await settle()
            await watch.aclose()
            assert await waiting is None
            await watch.aclose()

    async def test_closing_the_store_ends_watches_with_unavailable(self):
        async with self.running_store() as store:
            watch = store.watch("/")
            await anext(watch)
        with pytest.raises(Unavailable):
            await anext(watch)
        with pytest.raises(Unavailable):
            await store.put("/a", b"1")
        with pytest.raises(Unavailable):
            await store.list("/")

    # compaction

    async def test_compaction_forgets_the_past_and_keeps_the_state(self):
        async with self.running_store() as store:
            await store.put("/a", b"1")
            await store.put("/a", b"2")
            await store.put("/b", b"1")
            await store.delete("/b")
            await store.put("/a", b"3")
            await store.compact(5)
            with pytest.raises(Compacted) as caught:
                await store.list("/", revision=4)
            assert caught.value.oldest == 5
            with pytest.raises(Compacted):
                await store.get("/a", revision=4)
            assert [(i.key, i.value) for i in (await store.list("/", revision=5)).items] == [("/a", b"2")]
            assert [(i.key, i.value) for i in (await store.list("/")).items] == [("/a", b"3")]

    async def test_a_watch_resumes_from_the_compacted_revision_but_not_from_before(self):
        async with self.running_store() as store:
            await store.put("/a", b"1")
            await store.put("/a", b"2")
            await store.put("/a", b"3")
            await store.compact(4)
            with pytest.raises(Compacted):
                await anext(store.watch("/", after=2))
            async with aclosing(store.watch("/", after=3)) as watch:
                (event,) = await events(watch, 1)
                assert event == Event(KeyValue("/a", b"3", 4, 2), KeyValue("/a", b"2", 3, 2))

    async def test_compacting_twice_or_backwards_changes_nothing(self):
        async with self.running_store() as store:
            for i in range(5):
                await store.put("/a", b"%d" % i)
            await store.compact(5)
            await store.compact(5)
            await store.compact(3)
            found = await store.get("/a", revision=5)
            assert found is not None
            assert found.value == b"3"
            with pytest.raises(Compacted):
                await store.get("/a", revision=3)

    async def test_a_key_deleted_and_compacted_can_be_made_again(self):
        async with self.running_store() as store:
            await store.put("/a", b"1")
            await store.delete("/a")
            await store.compact(3)
            await store.put("/b", b"1")
            await store.compact(4)
            assert await store.put("/a", b"2", expected=0) == 5
            assert [i.key for i in (await store.list("/", revision=4)).items] == ["/b"]

    # notes

    async def test_a_note_is_kept_with_its_revision(self):
        async with self.running_store() as store:
            await store.put("/a", b"1", expected=0, note=b"made")
            await store.put("/a", b"2", note=b"changed")
            await store.put("/a", b"3")
            await store.delete("/a", note=b"removed")
            await store.put("/a", b"4", note=b"again")
            await store.delete("/a", expected=6, note=b"over")
            notes = [await store.note(revision) for revision in range(2, 8)]
            assert notes == [b"made", b"changed", b"", b"removed", b"again", b"over"]
            assert [item.key for item in (await store.list("/")).items] == []

    async def test_watchers_are_told_the_notes_live_and_later(self):
        async with self.running_store() as store, aclosing(store.watch("/")) as live:
            await store.put("/a", b"1", note=b"made")
            await store.put("/b", b"1")
            await store.delete("/a", note=b"removed")
            async with aclosing(store.watch("/", after=1)) as later:
                for watch in (live, later):
                    assert [event.note for event in await events(watch, 3)] == [b"made", b"", b"removed"]

    async def test_a_refused_write_leaves_no_note(self):
        async with self.running_store() as store:
            await store.put("/a", b"1", note=b"made")
            with pytest.raises(Conflict):
                await store.put("/a", b"2", expected=9, note=b"lost")
            assert await store.delete("/b", note=b"nothing") == 2
            assert await store.note(2) == b"made"
            with pytest.raises(FutureRevision):
                await store.note(3)

    async def test_a_compacted_note_is_gone(self):
        async with self.running_store() as store:
            for i in range(4):
                await store.put("/a", b"%d" % i, note=b"%d" % i)
            await store.compact(4)
            with pytest.raises(Compacted):
                await store.note(3)
            assert await store.note(5) == b"3"

    async def test_the_size_tells_what_is_stored(self):
        async with self.running_store() as store:
            before = await store.size()
            await asyncio.gather(*(store.put("/a", b"x" * 100_000) for _ in range(30)))
            async with asyncio.timeout(60):
                while await store.size() < before + 1_000_000:  # noqa: ASYNC110 (the size is only as of a moment ago)
                    await asyncio.sleep(0.01)

    # leases

    async def test_keys_of_an_expired_lease_are_deleted_with_events(self):
        clock = FakeClock()
        async with self.running_store(clock=clock) as store:
            lease = await store.grant(10)
            await store.put("/a", b"1", lease=lease)
            await store.put("/b", b"1", lease=lease)
            await store.put("/c", b"1")
            found = await store.get("/a")
            assert found is not None
            assert found.lease == lease
            async with aclosing(store.watch("/")) as watch:
                await clock.advance(9)
                assert await store.count("/") == 3
                await clock.advance(1)
                assert {brief(event)[:2] for event in await events(watch, 2)} == {("delete", "/a"), ("delete", "/b")}
            assert await store.count("/") == 1
            await self.until_gone(store, lease)

    async def until_gone(self, store: Store, lease: int) -> None:
        with pytest.raises(LeaseNotFound):
            async with asyncio.timeout(60):
                while True:
                    await store.keep_alive(lease)
                    await asyncio.sleep(0.001)

    async def test_a_lease_that_is_kept_alive_lives_on(self):
        clock = FakeClock()
        async with self.running_store(clock=clock) as store:
            lease = await store.grant(10)
            await store.put("/a", b"1", lease=lease)
            for _ in range(4):
                await clock.advance(9)
                assert await store.keep_alive(lease) == 10
            assert await store.get("/a") is not None

    async def test_a_key_written_again_without_its_lease_stays(self):
        async with self.running_store() as store:
            lease = await store.grant(10)
            await store.put("/a", b"1", lease=lease)
            await store.put("/a", b"2")
            await store.revoke(lease)
            assert await store.get("/a") is not None

    async def test_revoking_deletes_the_keys(self):
        async with self.running_store() as store:
            lease = await store.grant(10)
            await store.put("/a", b"1", lease=lease)
            await store.revoke(lease)
            assert await store.get("/a") is None
            assert await store.revision() == 3

    async def test_unknown_leases_are_refused(self):
        async with self.running_store() as store:
            with pytest.raises(LeaseNotFound):
                await store.put("/a", b"1", lease=77)
            with pytest.raises(LeaseNotFound):
                await store.revoke(77)
            with pytest.raises(LeaseNotFound):
                await store.keep_alive(77)
            assert await store.get("/a") is None
