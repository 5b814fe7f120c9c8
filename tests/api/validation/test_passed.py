"""Checks that know what passed them: they find what the plain checks find, however often and in whatever order."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pybernetes.api import field
from pybernetes.api.digest import digest
from pybernetes.api.validation import environment, scheduling, volume_sources
from pybernetes.api.validation.values import Errors, Passed

WORD = st.sampled_from(["", "a", "b/c", "Exists", "Equal", "NoExecute", "-", "x" * 70])


def some(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=members)


TOLERATIONS = st.lists(
    some(key=WORD, operator=WORD, effect=WORD, value=WORD, tolerationSeconds=st.integers(0, 2)), max_size=3
)
VARIABLES = st.lists(
    some(name=WORD, value=WORD, valueFrom=some(fieldRef=some(fieldPath=WORD), secretKeyRef=some(name=WORD, key=WORD))),
    max_size=3,
)
TOKEN = some(path=WORD, expirationSeconds=st.sampled_from([0, 600, 3607, 1 << 33]))
PROJECTED = some(
    defaultMode=st.sampled_from([0, 420, 1000]),
    sources=st.lists(some(serviceAccountToken=TOKEN, secret=some(name=WORD)), max_size=2),
)


@given(st.lists(TOLERATIONS, max_size=4), st.lists(VARIABLES, max_size=4), st.lists(PROJECTED, max_size=4))
def test_memory_changes_nothing(tolerations: list[Any], variables: list[Any], projected: list[Any]) -> None:
    for value in tolerations * 2:
        assert scheduling.tolerations(value, "at") == scheduling._tolerations(value, "at")
    for value in variables * 2:
        assert environment.variables(value, "at") == environment._variables(value, "at")
    for value in projected * 2:
        assert volume_sources.SOURCES["projected"](value, "at") == volume_sources._projected(value, "at")


def test_only_what_passed_is_known_and_nothing_of_its_text() -> None:
    asked: list[Any] = []

    def check(value: Any, path: str) -> Errors:
        asked.append(value)
        return [] if value["ok"] else [field.required(path)]

    passed = Passed(check)
    good, bad, deep = {"ok": True, "text": "hidden"}, {"ok": False}, {"ok": True, "number": 1 << 80}
    for value in (good, bad, deep) * 2:
        assert passed(value, "at") == check(value, "at")
    assert [asked.count(value) for value in (good, bad, deep)] == [3, 4, 4]
    assert "hidden" not in repr(passed._passed)


def test_memory_is_bounded() -> None:
    passed = Passed(lambda value, path: [])
    for number in range(3000):
        passed(number, "at")
    assert len(passed._passed) <= 1024


def test_a_digest_tells_values_apart() -> None:
    values = [1, "1", [1], {"a": 1}, {"b": 1}, {"a": 1, "b": 1}, None, "", {}, []]
    assert len({digest(value) for value in values}) == len(values)
    assert digest({"a": 1}) == digest({"a": 1})
    assert digest(1 << 80) is None
