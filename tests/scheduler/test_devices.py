"""Devices for claims: the search finds a way exactly when trying everything does, and keeps every rule."""

from itertools import combinations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.scheduling import node

from pybernetes.api.dynamic_resource import DeviceClass, ResourceClaim, ResourceSlice
from pybernetes.scheduler.device_counters import Counters
from pybernetes.scheduler.devices import Allocator, candidates, usable
from pybernetes.scheduler.snapshot import Snapshot

DRIVER = "gpu.example.com"
CLASS = msgspec.convert({"metadata": {"name": "gpu"}, "spec": {}}, DeviceClass)
BIG = 'device.attributes["gpu.example.com"].size == "big"'
NODE = Snapshot().set_node(node("a"))

devices = st.lists(
    st.fixed_dictionaries(
        {
            "size": st.sampled_from(["big", "small"]),
            "rack": st.sampled_from(["1", "2"]),
            "slots": st.integers(0, 2),
            "tainted": st.sampled_from([None, None, None, None, "NoSchedule", "NoExecute", "None"]),
            "taken": st.sampled_from([False, False, False, True]),
            "elsewhere": st.sampled_from([False, False, False, True]),
        }
    ),
    min_size=2,
    max_size=5,
)
exact = st.fixed_dictionaries(
    {
        "count": st.integers(1, 2) | st.none(),
        "cel": st.booleans(),
        "tolerates": st.booleans(),
        "admin": st.sampled_from([False, False, True]),
    }
)
requests = st.lists(st.lists(exact, min_size=1, max_size=2), min_size=1, max_size=2)
constraints = st.sampled_from([None, "match", "distinct"])
claims = st.lists(st.tuples(requests, constraints), min_size=1, max_size=2)


def slices_of(rows, total):
    """Two slices of one pool: the counters, and the devices that share them."""
    pool = {"name": "p", "generation": 1, "resourceSliceCount": 2}
    counters = {"driver": DRIVER, "allNodes": True, "pool": pool}
    counters["sharedCounters"] = [{"name": "card", "counters": {"slots": {"value": str(total)}}}]
    made = []
    for number, row in enumerate(rows):
        one = {"name": str(number), "attributes": {key: {"string": row[key]} for key in ("size", "rack")}}
        one["nodeName"] = "b" if row["elsewhere"] else "a"
        if row["slots"]:
            one["consumesCounters"] = [{"counterSet": "card", "counters": {"slots": {"value": str(row["slots"])}}}]
        if row["tainted"]:
            one["taints"] = [{"key": "k", "effect": row["tainted"]}]
        made.append(one)
    own = {"driver": DRIVER, "perDeviceNodeSelection": True, "pool": pool, "devices": made}
    return [
        msgspec.convert({"metadata": {"name": f"s{number}"}, "spec": spec}, ResourceSlice)
        for number, spec in enumerate((counters, own))
    ]


def request_of(row):
    found = {"deviceClassName": "gpu"}
    found |= {"allocationMode": "All"} if row["count"] is None else {"count": row["count"]}
    if row["cel"]:
        found["selectors"] = [{"cel": {"expression": BIG}}]
    if row["tolerates"]:
        found["tolerations"] = [{"key": "k", "operator": "Exists"}]
    if row["admin"]:
        found["adminAccess"] = True
    return found


def claim_of(number, wanted, constraint):
    rows = []
    for position, alternatives in enumerate(wanted):
        if len(alternatives) == 1:
            rows.append({"name": f"r{position}", "exactly": request_of(alternatives[0])})
        else:
            subs = [
                {"name": f"s{at}", **{key: value for key, value in request_of(row).items() if key != "adminAccess"}}
                for at, row in enumerate(alternatives)
            ]
            rows.append({"name": f"r{position}", "firstAvailable": subs})
    spec = {"devices": {"requests": rows}}
    if constraint:
        spec["devices"]["constraints"] = [{f"{constraint}Attribute": f"{DRIVER}/rack"}]
    return msgspec.convert({"metadata": {"name": f"c{number}", "uid": f"c{number}"}, "spec": spec}, ResourceClaim)


def keeps_the_rules(rows, total, chosen):
    """chosen: per claim (constraint, [(alternative's row, its devices)])."""
    used = [number for number, row in enumerate(rows) if row["taken"]]
    for constraint, parts in chosen:
        racks = [rows[one]["rack"] for _, picked in parts for one in picked]
        if constraint == "match" and len(set(racks)) > 1:
            return False
        if constraint == "distinct" and len(set(racks)) != len(racks):
            return False
        for wanted, picked in parts:
            for one in picked:
                if rows[one]["tainted"] in ("NoSchedule", "NoExecute") and not wanted["tolerates"]:
                    return False
            if not wanted["admin"]:
                used += picked
    free_of_doubt = [number for number, row in enumerate(rows) if row["taken"]]
    fresh = used[len(free_of_doubt) :]
    if len(set(used)) != len(used):
        return False
    # counters bind only those who want more of them
    return all(not rows[one]["slots"] for one in fresh) or sum(rows[one]["slots"] for one in used) <= total


def matching(rows, wanted):
    return [
        number
        for number, row in enumerate(rows)
        if not row["elsewhere"] and (not wanted["cel"] or row["size"] == "big")
    ]


def ways(rows, wanted):
    """Every set of devices for one alternative."""
    found = matching(rows, wanted)
    if wanted["count"] is None:
        return [tuple(found)] if found else []
    return list(combinations(found, wanted["count"]))


def everything(rows, alternatives_of):
    """Every choice of an alternative and its devices, for all requests of all claims."""
    if not alternatives_of:
        yield []
        return
    (claim, alternatives), *rest = alternatives_of
    for wanted in alternatives:
        if len(alternatives) > 1:
            wanted = {**wanted, "admin": False}
        for picked in ways(rows, wanted):
            for more in everything(rows, rest):
                yield [(claim, wanted, list(picked)), *more]


@settings(max_examples=400, deadline=None)
@given(devices, st.integers(1, 4), claims)
def test_the_search_finds_a_way_exactly_when_there_is_one(rows, total, wanted):
    slices = usable(slices_of(rows, total))
    taken = {(DRIVER, "p", str(number)) for number, row in enumerate(rows) if row["taken"]}
    made = [claim_of(number, *claim) for number, claim in enumerate(wanted)]
    counters = Counters.of(slices, taken)
    found = Allocator(made, candidates(slices, NODE), taken, lambda _: CLASS, counters).allocate()

    flat = [(number, request) for number, (asked, _) in enumerate(wanted) for request in asked]

    def grouped(choice):
        return [
            (wanted[number][1], [(row, picked) for claim, row, picked in choice if claim == number])
            for number in range(len(wanted))
        ]

    possible = any(keeps_the_rules(rows, total, grouped(choice)) for choice in everything(rows, flat))
    assert (found is not None) == possible
    if found is None:
        return
    chosen = []
    for (asked, constraint), allocation in zip(wanted, found, strict=True):
        parts = []
        for position, alternatives in enumerate(asked):
            names = [f"r{position}"] if len(alternatives) == 1 else [f"r{position}/s{at}" for at in range(2)]
            got = {name: [int(one.device[2]) for one in allocation.devices if one.request == name] for name in names}
            (name,) = [name for name in names if got[name]]
            row = alternatives[names.index(name)]
            parts.append(({**row, "admin": row["admin"] and len(alternatives) == 1}, got[name]))
            assert sorted(got[name]) in [sorted(way) for way in ways(rows, row)]
        chosen.append((constraint, parts))
    assert keeps_the_rules(rows, total, chosen)
    assert counters.suffice(()), "the search works on a copy"
    again = Allocator(made, candidates(slices, NODE), taken, lambda _: CLASS, counters).allocate()
    assert again == found
