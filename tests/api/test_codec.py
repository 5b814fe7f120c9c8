"""Times on the wire, and null where the fast decoder refuses it."""

import re
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from pybernetes.api.codec import decode, encode, from_wire, to_wire
from pybernetes.api.coordination import Lease, LeaseSpec
from pybernetes.api.core import ContainerStatus, Event, Pod, PodStatus, Secret
from pybernetes.api.instants import format_micro_time, format_time, parse_time
from pybernetes.api.meta import Condition, ObjectMeta
from pybernetes.api.policy import PodDisruptionBudget, PodDisruptionBudgetStatus

WITH_FRACTION = datetime(2026, 11, 23, 22, 52, 1, 250_000, tzinfo=UTC)
ELSEWHERE = datetime(2026, 11, 24, 0, 52, 1, tzinfo=timezone(timedelta(hours=2)))


def test_times_are_whole_seconds_and_micro_times_have_six_digits() -> None:
    lease = Lease(
        metadata=ObjectMeta(name="x", creation_timestamp=WITH_FRACTION),
        spec=LeaseSpec(renew_time=datetime(2026, 11, 23, 22, 52, 1, tzinfo=UTC), acquire_time=WITH_FRACTION),
    )
    wire = msgspec.json.decode(encode(lease))
    assert wire == to_wire(lease)
    assert wire["metadata"]["creationTimestamp"] == "2026-11-23T22:52:01Z"
    assert wire["spec"]["renewTime"] == "2026-11-23T22:52:01.000000Z"
    assert wire["spec"]["acquireTime"] == "2026-11-23T22:52:01.250000Z"


def test_times_in_lists_maps_and_other_zones() -> None:
    pod = Pod(status=PodStatus(start_time=ELSEWHERE, container_statuses=[ContainerStatus()]))
    assert msgspec.json.decode(encode(pod))["status"]["startTime"] == "2026-11-23T22:52:01Z"
    budget = PodDisruptionBudget(
        status=PodDisruptionBudgetStatus(
            disrupted_pods={"a": WITH_FRACTION}, conditions=[Condition(last_transition_time=WITH_FRACTION)]
        )
    )
    status = msgspec.json.decode(encode(budget))["status"]
    assert status["disruptedPods"] == {"a": "2026-11-23T22:52:01Z"}
    assert status["conditions"][0]["lastTransitionTime"] == "2026-11-23T22:52:01Z"


def test_encoding_leaves_the_object_alone() -> None:
    pod = Pod(metadata=ObjectMeta(creation_timestamp=WITH_FRACTION))
    encode(pod)
    assert pod.metadata.creation_timestamp == WITH_FRACTION


def test_null_is_absent_everywhere() -> None:
    event = decode(Event, b'{"metadata":null,"reportingComponent":null,"eventTime":null,"count":null}')
    assert event == Event()
    assert from_wire(Event, {"metadata": None, "reportingInstance": None}) == Event()


def test_a_wrong_type_is_an_error() -> None:
    with pytest.raises(msgspec.ValidationError):
        decode(Pod, b'{"spec":{"nodeName":1}}')


def test_secrets_hold_bytes() -> None:
    secret = Secret(data={"token": b"\x00\xff"})
    assert to_wire(secret)["data"] == {"token": "AP8="}
    assert decode(Secret, encode(secret)).data == {"token": b"\x00\xff"}


def test_explicit_zeros_are_written() -> None:
    assert to_wire(ContainerStatus(restart_count=0, started=False)) == {
        "name": "",
        "state": {},
        "lastState": {},
        "ready": False,
        "restartCount": 0,
        "image": "",
        "imageID": "",
        "started": False,
    }


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2026-11-23T22:52:01Z", "2026-11-23T22:52:01Z"),
        ("2026-11-23T22:52:01.999999999Z", "2026-11-23T22:52:01Z"),
        ("2026-11-24T00:52:01+02:00", "2026-11-23T22:52:01Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    ],
)
def test_rfc_3339(text: str, written: str) -> None:
    assert format_time(parse_time(text)) == written
    assert format_micro_time(parse_time(text))[:19] == written[:19]


@pytest.mark.parametrize("text", ["now", "2026-11-23", "2026-11-23 22:52:01Z", "2026-11-23T22:52:01"])
def test_other_texts_are_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        parse_time(text)
