"""The judge: does a recorded history fit a linearizable, durable store with gapless watches?

The longest watch is taken as the order of all changes, and everything else has to agree with it. Pure; returns what is
wrong, in words.
"""

from bisect import bisect_right

from tests.robustness.history import Change, History


def check(history: History) -> list[str]:
    """Violations; [] when there are none."""
    start, log = min(history.watches, key=lambda watch: (watch[0], -len(watch[1])))
    wrong = [*_watches(history, start, log), *_replay(log), *_writes(history, log), *_order(history)]
    return wrong + _reads(history, log) + _final(history, log)


def _watches(history: History, start: int, log: list[Change]) -> list[str]:
    wrong = []
    revisions = [change.revision for change in log]
    if revisions != sorted(set(revisions)):
        wrong.append("a watch got changes twice or out of order")
    for begin, changes in history.watches:
        expected = log[bisect_right(revisions, max(begin, start)) :]
        if changes != expected[: len(changes)]:
            wrong.append(f"a watch from {begin} saw other changes than the one from {start}")
        if len(changes) < len(expected):
            wrong.append(f"a watch from {begin} missed the last {len(expected) - len(changes)} changes")
    return wrong


def _replay(log: list[Change]) -> list[str]:
    """A key is made, changed, removed, in that order."""
    present: set[str] = set()
    wrong = []
    for change in log:
        if (change.type == "ADDED") == (change.key in present):
            wrong.append(f"{change.type} of {change.key} at {change.revision} does not follow from what was there")
        (present.discard if change.type == "DELETED" else present.add)(change.key)
    return wrong


def _writes(history: History, log: list[Change]) -> list[str]:
    at = {change.revision: change for change in log}
    made = {change.value for change in log if change.type != "DELETED"}
    wrong = []
    previous: dict[int, int] = {}
    last: dict[str, int] = {}
    for change in log:
        previous[change.revision] = last.get(change.key, 0)
        last[change.key] = change.revision
    known = {write.value for write in history.writes}
    wrong += [f"{value} was never written" for value in sorted(made - known)]
    for write in history.writes:
        if write.refused and write.kind != "delete" and write.value in made:
            wrong.append(f"{write.kind} of {write.key} was refused and happened")
        if not write.revision:
            continue
        change = at.get(write.revision)
        if change is None:
            wrong.append(f"the acknowledged {write.kind} of {write.key} at {write.revision} is lost")
        elif change.key != write.key or (write.kind != "delete" and change.value != write.value):
            wrong.append(f"revision {write.revision} is not the {write.kind} of {write.key} that was acknowledged")
        elif write.after and previous[write.revision] != write.after:
            wrong.append(f"{write.kind} of {write.key} at {write.revision} overwrote {previous[write.revision]} unseen")
    return wrong


def _order(history: History) -> list[str]:
    """What ended before something else began has the smaller revision."""
    done = sorted((write for write in history.writes if write.revision), key=lambda write: write.ended)
    ends = [write.ended for write in done]
    highest, so_far = [], 0
    for write in done:
        so_far = max(so_far, write.revision)
        highest.append(so_far)
    wrong = []
    for write in done:
        before = bisect_right(ends, write.began) - 1
        if before >= 0 and highest[before] > write.revision:
            wrong.append(f"{write.kind} of {write.key} got revision {write.revision}, older than one that had ended")
    return wrong


def _reads(history: History, log: list[Change]) -> list[str]:
    revisions = [change.revision for change in log]
    done = sorted((write for write in history.writes if write.revision), key=lambda write: write.ended)
    wrong = []
    for read in history.reads:
        floor = max((write.revision for write in done if write.ended <= read.began), default=0)
        own = [change for change in log if change.key == read.key]
        if read.value is None:
            # Absent at some moment between what was acknowledged before and the newest change.
            states = [c for c in own if c.revision <= floor][-1:] + [c for c in own if c.revision > floor]
            if states and all(change.type != "DELETED" for change in states) and states[0].revision <= floor:
                wrong.append(f"{read.key} was not found though it was there")
            continue
        state = [change for change in own if change.revision == read.revision]
        if not state or state[0].value != read.value:
            wrong.append(f"{read.key} was read as something it never was at {read.revision}")
            continue
        later = [change.revision for change in own if change.revision > read.revision]
        if later and later[0] <= floor:
            wrong.append(f"{read.key} was read at {read.revision} though {later[0]} had been acknowledged")
    assert revisions == sorted(revisions)
    return wrong


def _final(history: History, log: list[Change]) -> list[str]:
    state: dict[str, tuple[str, int]] = {}
    for change in log:
        if change.type == "DELETED":
            state.pop(change.key, None)
        else:
            state[change.key] = (change.value, change.revision)
    return [] if state == history.final else [f"the last list is not what the changes lead to: {history.final} {state}"]
