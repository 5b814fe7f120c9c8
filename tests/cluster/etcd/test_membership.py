"""What a machine does about its membership, decided from the list of members."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.cluster.etcd.membership import EtcdError, Place, initial_cluster, place
from pybernetes.store.etcd.members import Member

CP1 = Member(id=1, name="cp1", peer_urls=["https://10.0.0.1:2380"])
CP2 = Member(id=2, name="cp2", peer_urls=["https://10.0.0.2:2380"])
ANNOUNCED = Member(id=-2, peer_urls=["https://10.0.0.2:2380"], is_learner=True)
OTHER = Member(id=-3, peer_urls=["https://10.0.0.3:2380"], is_learner=True)
URL = "https://10.0.0.2:2380"


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ([CP1], Place(announced=False)),
        ([CP1, ANNOUNCED], Place(announced=True)),
        ([CP1, OTHER], Place(announced=False)),
        ([CP1, CP2], Place(announced=False, gone=2)),
    ],
    ids=["new", "added, never started", "somebody else is joining", "our data is gone"],
)
def test_our_place_among_the_members(members, expected):
    assert place(members, "cp2", URL) == expected


def test_two_machines_of_one_name_are_refused():
    with pytest.raises(EtcdError, match=r"another control plane, at https://10\.0\.0\.1:2380, is called cp1; give"):
        place([CP1], "cp1", URL)


def test_the_flag_names_every_member_once():
    expected = f"cp1={CP1.peer_urls[0]},fffffffffffffffd={OTHER.peer_urls[0]},cp2={URL}"
    assert initial_cluster([CP1, ANNOUNCED, OTHER], "cp2", URL) == expected


@given(st.lists(st.tuples(st.integers(1, 9), st.booleans()), unique_by=lambda pair: pair[0]))
def test_every_peer_url_is_in_the_flag_exactly_once_and_names_differ(pairs):
    members = [
        Member(id=number, name=f"cp{number}" if started else "", peer_urls=[f"https://10.0.0.{number}:2380"])
        for number, started in pairs
    ]
    own = "https://10.0.0.5:2380"
    entries = [entry.split("=") for entry in initial_cluster(members, "new", own).split(",")]
    assert {url for _, url in entries} == {own, *(member.peer_urls[0] for member in members)}
    assert len({name for name, _ in entries}) == len(entries) == len({url for _, url in entries})
