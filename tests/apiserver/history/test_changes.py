"""What a write changed, in words."""

import orjson
import pytest

from pybernetes.apiserver.history.changes import changes


def told(before, after, secret=False):
    return changes(orjson.dumps(before), orjson.dumps(after), secret=secret)


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ({"spec": {"replicas": 2}}, {"spec": {"replicas": 3}}, ["spec.replicas: 2 -> 3"]),
        ({"data": {}}, {"data": {"a": "x"}}, ["data.a: x"]),
        ({"data": {"a": "x"}}, {}, ['data: removed']),
        ({"l": [1, 2]}, {"l": [1, 3, 4]}, ["l[1]: 2 -> 3", "l[2]: 4"]),
        ({"l": [1, 2]}, {"l": [1]}, ["l[1]: removed"]),
        (
            {"metadata": {"labels": {"app.kubernetes.io/name": "a"}}},
            {"metadata": {"labels": {"app.kubernetes.io/name": "b"}}},
            ["metadata.labels[app.kubernetes.io/name]: a -> b"],
        ),
        ({"metadata": {"managedFields": [1]}}, {"metadata": {"managedFields": []}}, []),
        ({"a": "x" * 60}, {"a": None}, ["a: " + "x" * 47 + "… -> null"]),
    ],
)  # fmt: skip
def test_changes(before, after, lines):
    assert told(before, after) == lines


def test_secrets_stay_secret():
    lines = told({"data": {"k": "c2VjcmV0"}, "metadata": {}}, {"data": {"k": "b3RoZXI="}, "metadata": {"a": "b"}}, True)
    assert lines == ["data.k", "metadata.a: b"]


def test_long_lists_of_changes_are_cut():
    lines = told({}, {str(i): i for i in range(30)})
    assert len(lines) == 21
    assert lines[-1] == "and 10 more"


def test_what_is_not_json_tells_nothing():
    assert changes(b"k8s:enc:x", b"{}", secret=False) == []
