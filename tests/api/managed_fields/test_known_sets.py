"""Objects decoded with the memory of field sets are those decoded without it, whatever names they hold."""

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.api.managed_fields.known_sets import LARGE_BYTES, SMALL_BYTES, KnownSets, decoded, told
from pybernetes.apiserver.watch_cache.entry import encode

NASTY = [
    "Z",
    "]",
    "}]",
    '"',
    "\\",
    '},{"manager":"',
    '"managedFields":[',
    '","fieldsType":"FieldsV1","fieldsV1":',
    ",",
    "ü",
]
names = st.lists(st.sampled_from([*NASTY, "name", "app", "0"]), min_size=1, max_size=5).map("".join)
elements = st.one_of(
    names.map(lambda name: "f:" + name),
    names.map(lambda name: "k:" + orjson.dumps({"name": name}).decode()),
    names.map(lambda name: "v:" + orjson.dumps(name).decode()),
    st.just("."),
)
sets = st.recursive(st.just({}), lambda below: st.dictionaries(elements, below, max_size=6), max_leaves=40)


@st.composite
def entries(draw: st.DrawFn) -> dict[str, Any]:
    entry: dict[str, Any] = {"manager": draw(names), "operation": draw(st.sampled_from(["Apply", "Update"]))}
    entry["apiVersion"] = "v1"
    if draw(st.booleans()):
        entry["time"] = "2026-11-27T12:22:35Z"
    entry["fieldsType"] = "FieldsV1"
    fields = draw(sets)
    if draw(st.booleans()):
        fields = {**fields, **{f"f:{draw(names)}-{number}": {} for number in range(40)}}
    entry["fieldsV1"] = fields
    if draw(st.booleans()):
        entry["subresource"] = draw(names)
    return entry


@st.composite
def objects(draw: st.DrawFn) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": draw(names)}
    if draw(st.booleans()):
        metadata["annotations"] = {draw(names): draw(names)}
    if draw(st.booleans()):
        metadata["finalizers"] = [draw(names)]
    if draw(st.booleans()):
        metadata["managedFields"] = draw(st.lists(entries(), max_size=4))
    spec = {"managedFields": draw(st.lists(entries(), max_size=2))} if draw(st.booleans()) else {"text": draw(names)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


memory = KnownSets(8 * 1024)


@given(obj=objects())
def test_what_is_decoded_and_encoded_with_the_memory_is_what_is_without(obj: dict[str, Any]) -> None:
    data = encode(obj)
    for _ in range(2):  # once to learn, once to know
        found = decoded(data, memory)
        assert orjson.dumps(found) == data
        assert orjson.dumps({**found, "metadata": told(found["metadata"], memory)}) == data


@given(
    text=st.lists(st.sampled_from([*NASTY, "[", "{", "}", "0", '"metadata":', "x" * SMALL_BYTES]), max_size=12).map(
        "".join
    )
)
def test_what_is_no_json_is_refused_as_ever(text: str) -> None:
    data = text.encode()
    try:
        expected = orjson.loads(data)
    except ValueError:
        expected = ValueError
    try:
        found = decoded(data, memory)
    except ValueError:
        found = ValueError
    assert found == expected


def _pod(manager: str, variables: int, time: str = "2026-11-27T12:22:35Z") -> bytes:
    fields = {"f:spec": {f'k:{{"name":"V{number}"}}': {".": {}, "f:value": {}} for number in range(variables)}}
    entry = {"manager": manager, "operation": "Update", "apiVersion": "v1", "time": time, "fieldsType": "FieldsV1"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"managedFields": [{**entry, "fieldsV1": fields}]}}
    return orjson.dumps(pod)


def _fields(obj: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = obj["metadata"]["managedFields"][0]["fieldsV1"]
    return found


def test_objects_made_alike_share_their_large_sets_only() -> None:
    known = KnownSets()
    one, other = decoded(_pod("a", 20), known), decoded(_pod("b", 20, "2026-11-28T00:00:00Z"), known)
    assert _fields(one) is _fields(other)
    assert known.text_of(_fields(one)) == orjson.dumps(_fields(one))
    small, again = decoded(_pod("a", 1), known), decoded(_pod("a", 1), known)
    assert _fields(small) is not _fields(again)
    huge = decoded(_pod("a", LARGE_BYTES // 8), known)
    assert known.text_of(_fields(huge)) is None


def test_the_memory_is_bounded_by_the_bytes_of_the_texts() -> None:
    known = KnownSets(4 * 1024)
    decoded_pods = [decoded(_pod("a", variables), known) for variables in range(20, 60)]
    kept = [text for obj in decoded_pods if (text := known.text_of(_fields(obj)))]
    assert 0 < sum(map(len, kept)) <= 4 * 1024
    assert _fields(decoded_pods[-1]) == orjson.loads(kept[-1])
