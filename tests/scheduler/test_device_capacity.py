"""Devices that several claims share: what a request takes, and whether the search finds a way when there is one."""

from itertools import product

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.scheduling import node

from pybernetes.api.dynamic_resource import Device, DeviceClass, ResourceClaim, ResourceSlice
from pybernetes.api.quantity import parse
from pybernetes.scheduler.device_capacity import Shares, taken_of
from pybernetes.scheduler.devices import Allocator, candidates, usable
from pybernetes.scheduler.snapshot import Snapshot

DRIVER = "gpu.example.com"
CLASS = msgspec.convert({"metadata": {"name": "gpu"}, "spec": {}}, DeviceClass)
NODE = Snapshot().set_node(node("a"))

RANGE = {"default": "1Gi", "validRange": {"min": "1Gi", "max": "6Gi", "step": "2Gi"}}
VALUES = {"default": "2Gi", "validValues": ["2Gi", "4Gi"]}
TAKEN = {
    "no policy, asked": (None, "3Gi", "3Gi"),
    "no policy, not asked: all of it": (None, None, "8Gi"),
    "no policy, more than there is": (None, "9Gi", None),
    "range: the default": (RANGE, None, "1Gi"),
    "range: raised to the least": (RANGE, "100Mi", "1Gi"),
    "range: the next step": (RANGE, "2Gi", "3Gi"),
    "range: just so": (RANGE, "5Gi", "5Gi"),
    "range: the next step is beyond": (RANGE, "6Gi", None),
    "range without steps": ({"default": "1Gi", "validRange": {"min": "1Gi"}}, "1500Mi", "1500Mi"),
    "values: the default": (VALUES, None, "2Gi"),
    "values: the next": (VALUES, "2500Mi", "4Gi"),
    "values: none is enough": (VALUES, "5Gi", None),
}


@pytest.mark.parametrize("case", TAKEN)
def test_what_a_request_takes(case):
    policy, asked, expected = TAKEN[case]
    device = msgspec.convert({"name": "d", "capacity": {"memory": {"value": "8Gi", "requestPolicy": policy}}}, Device)
    found = taken_of(device, {"memory": asked} if asked else {})
    assert found == (None if expected is None else {"memory": parse(expected)})


def test_a_capacity_that_the_device_does_not_have_is_not_served():
    assert taken_of(msgspec.convert({"name": "d"}, Device), {"memory": "1"}) is None


def a_slice(rows):
    made = [
        {
            "name": str(number),
            "capacity": {"memory": {"value": str(row["memory"])}},
            "allowMultipleAllocations": row["shared"],
            "attributes": {"id": {"int": number}},
        }
        for number, row in enumerate(rows)
    ]
    pool = {"name": "p", "generation": 1, "resourceSliceCount": 1}
    spec = {"driver": DRIVER, "allNodes": True, "pool": pool, "devices": made}
    return msgspec.convert({"metadata": {"name": "s"}, "spec": spec}, ResourceSlice)


def a_claim(name, asked, apart):
    requests = [
        {
            "name": f"r{at}",
            "exactly": {"deviceClassName": "gpu", "count": count, "capacity": {"requests": {"memory": str(amount)}}},
        }
        for at, (amount, count) in enumerate(asked)
    ]
    spec = {"devices": {"requests": requests}}
    if apart:
        spec["devices"]["constraints"] = [{"distinctAttribute": f"{DRIVER}/id"}]
    return msgspec.convert({"metadata": {"name": name, "uid": name}, "spec": spec}, ResourceClaim)


rows = st.lists(
    st.fixed_dictionaries({"memory": st.integers(1, 4), "shared": st.booleans(), "used": st.integers(0, 2)}),
    min_size=1,
    max_size=3,
)
asks = st.lists(
    st.tuples(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 2)), min_size=1, max_size=2), st.booleans()),
    min_size=1,
    max_size=2,
)


def is_right(rows, units, choice):
    """units: (claim, whether its devices differ, amount); choice: a device for each."""
    for number, row in enumerate(rows):
        amounts = [amount for (_, _, amount), chosen in zip(units, choice, strict=True) if chosen == number]
        if row["shared"]:
            if amounts and sum(amounts) + row["used"] > row["memory"]:
                return False
        elif (len(amounts) + (row["used"] > 0) > 1 and amounts) or any(amount > row["memory"] for amount in amounts):
            return False
    picks = [(claim, chosen) for (claim, apart, _), chosen in zip(units, choice, strict=True) if apart]
    return len(set(picks)) == len(picks)


@settings(max_examples=300, deadline=None)
@given(rows, asks)
def test_the_search_finds_a_way_exactly_when_there_is_one(rows, asked):
    taken, shares = set(), Shares()
    for number, row in enumerate(rows):
        if row["used"] and row["shared"]:
            shares.take((DRIVER, "p", str(number)), {"memory": parse(str(row["used"]))})
        elif row["used"]:
            taken.add((DRIVER, "p", str(number)))
    claims = [a_claim(f"c{number}", requests, apart) for number, (requests, apart) in enumerate(asked)]
    devices = candidates(usable([a_slice(rows)]), NODE)
    found = Allocator(claims, devices, taken, lambda _: CLASS, None, shares).allocate()
    units = [
        (number, apart, amount)
        for number, (requests, apart) in enumerate(asked)
        for amount, count in requests
        for _ in range(count)
    ]
    ways = product(range(len(rows)), repeat=len(units))
    assert (found is not None) == any(is_right(rows, units, choice) for choice in ways)
    if found is None:
        return
    chosen = [one for allocation in found for one in allocation.devices]
    assert is_right(rows, units, [int(one.device[2]) for one in chosen])
    for (_, _, amount), one in zip(units, chosen, strict=True):
        assert one.share == ({"memory": parse(str(amount))} if rows[int(one.device[2])]["shared"] else None)
    again = Allocator(claims, devices, taken, lambda _: CLASS, None, shares).allocate()
    assert again == found, "the search works on a copy"
