"""Every combination of resourceVersion, resourceVersionMatch, limit and continue of a list; every selectable field.

Kubernetes docs, API concepts: "Resource versions" (the tables for get, list and watch).
"""

from typing import Any

import pytest
from tests.apiserver.conformance.objects import SAMPLES, sample
from tests.support.api import CONFIG_MAPS, Api, running_api

from pybernetes.api.resource import resources


async def history(api: Api) -> dict[str, str]:
    """Config maps a, b, c, then c goes and d comes. Returns the names of moments: `old` is before that."""
    for name in ("a", "b", "c"):
        old = (await api.config_map(name)).version
    await api.delete(CONFIG_MAPS + "/c")
    new = (await api.config_map("d")).version
    page = (await api.get(CONFIG_MAPS, "limit=1")).body
    future = str(int(new) + 1_000_000)
    return {"old": old, "new": new, "future": future, "token": page["metadata"]["continue"], "0": "0", "": ""}


OLD, NEW = ["a", "b", "c"], ["a", "b", "d"]
INVALID = "is invalid"
WITHOUT = "resourceVersionMatch is forbidden unless resourceVersion is provided"
ZERO = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
TOO_LARGE = "Too large resource version"
WITH_CONTINUE = "resourceVersionMatch is forbidden when continue is provided"
SPECIFIED = "specifying resource version is not allowed when using continue"

# version, match, limit -> the names (with a limit: of the first page), or (code, words)
TABLE: list[tuple[str, str, int, Any]] = [
    ("", "", 0, NEW),
    ("", "", 2, NEW[:2]),
    ("", "Exact", 0, (422, WITHOUT)),
    ("", "NotOlderThan", 0, (422, WITHOUT)),
    ("0", "", 0, NEW),
    ("0", "", 2, NEW),
    ("0", "NotOlderThan", 0, NEW),
    ("0", "NotOlderThan", 2, NEW),
    ("0", "Exact", 0, (422, ZERO)),
    ("old", "", 0, NEW),
    ("old", "", 2, OLD[:2]),
    ("old", "NotOlderThan", 0, NEW),
    ("old", "NotOlderThan", 2, NEW[:2]),
    ("old", "Exact", 0, OLD),
    ("old", "Exact", 2, OLD[:2]),
    ("new", "Exact", 0, NEW),
    ("new", "NotOlderThan", 0, NEW),
    ("future", "Exact", 0, (504, TOO_LARGE)),
    ("future", "", 2, (504, TOO_LARGE)),
    ("x", "", 0, (422, "strconv.ParseUint")),
    ("x", "Exact", 0, (422, "strconv.ParseUint")),
    ("old", "Nonsense", 0, (422, 'supported values: "", "Exact", "NotOlderThan"')),
]


@pytest.mark.parametrize(("version", "match", "limit", "expected"), TABLE, ids=[f"{r[0]}-{r[1]}-{r[2]}" for r in TABLE])
async def test_lists(version: str, match: str, limit: int, expected: Any) -> None:
    async with running_api() as api:
        moments = await history(api)
        at = moments.get(version, version)
        query = f"labelSelector=!kube&resourceVersion={at}&resourceVersionMatch={match}&limit={limit}"
        answer = await api.get(CONFIG_MAPS, query)
        if isinstance(expected, tuple):
            assert answer.code == expected[0], answer
            assert expected[1] in answer.message
            return
        assert answer.code == 200, answer
        found = [item["metadata"]["name"] for item in answer.body["items"]]
        assert [name for name in found if name != "kube-root-ca.crt"] == expected
        listed_at = int(answer.body["metadata"]["resourceVersion"])
        if match == "Exact" or (version == "old" and limit and not match):
            assert listed_at == int(moments[version])
        else:
            assert listed_at >= int(moments["new"])


@pytest.mark.parametrize(
    ("query", "code", "words"),
    [
        ("continue={token}", 200, ""),
        ("continue={token}&resourceVersion=0", 200, ""),
        ("continue={token}&resourceVersion={old}", 400, SPECIFIED),
        ("continue={token}&resourceVersion={old}&resourceVersionMatch=Exact", 422, WITH_CONTINUE),
        ("continue=%21", 400, "continue key is not valid"),
    ],
)
async def test_continued_lists(query: str, code: int, words: str) -> None:
    async with running_api() as api:
        moments = await history(api)
        answer = await api.get(CONFIG_MAPS, query.format(**moments))
        assert answer.code == code, answer
        if code == 200:
            assert [item["metadata"]["name"] for item in answer.body["items"]] == NEW[1:]
        else:
            assert words in answer.message


@pytest.mark.parametrize(
    ("version", "code"), [("", 200), ("0", 200), ("old", 200), ("future", 504), ("x", 422)], ids=str
)
async def test_gets(version: str, code: int) -> None:
    async with running_api() as api:
        moments = await history(api)
        assert (await api.get(CONFIG_MAPS + "/a", f"resourceVersion={moments.get(version, version)}")).code == code


WATCHES: list[tuple[str, list[tuple[str, str]]]] = [
    ("", [("ADDED", "a"), ("ADDED", "b"), ("ADDED", "d")]),
    ("resourceVersion=0", [("ADDED", "a"), ("ADDED", "b"), ("ADDED", "d")]),
    ("resourceVersion={old}", [("DELETED", "c"), ("ADDED", "d")]),
    ("resourceVersion={new}", []),
    (
        "resourceVersion={old}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true",
        [("ADDED", "a"), ("ADDED", "b"), ("ADDED", "d"), ("BOOKMARK", "")],
    ),
    (
        "sendInitialEvents=true&resourceVersionMatch=NotOlderThan",
        [("ADDED", "a"), ("ADDED", "b"), ("ADDED", "d")],
    ),
    (
        "resourceVersion={old}&sendInitialEvents=false&resourceVersionMatch=NotOlderThan",
        [("DELETED", "c"), ("ADDED", "d")],
    ),
    ("sendInitialEvents=false&resourceVersionMatch=NotOlderThan", []),
]


@pytest.mark.parametrize(("query", "seen"), WATCHES, ids=[row[0] or "nothing" for row in WATCHES])
async def test_watches(query: str, seen: list[tuple[str, str]]) -> None:
    async with running_api() as api:
        moments = await history(api)
        watching = await api.watch(CONFIG_MAPS, query.format(**moments))
        assert [event for event in watching.seen if event[1] != "kube-root-ca.crt"] == seen
        watching.body.stop()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (
            "resourceVersionMatch=NotOlderThan",
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is",
        ),
        ("sendInitialEvents=true", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"),
        (
            "sendInitialEvents=true&resourceVersionMatch=Exact",
            "sendInitialEvents requires setting resourceVersionMatch",
        ),
        ("continue=x", "continue is forbidden for watch"),
        ("resourceVersion=x", "strconv.ParseUint"),
    ],
)
async def test_watches_that_cannot_be(query: str, words: str) -> None:
    async with running_api() as api:
        answer = await api.get(CONFIG_MAPS, "watch=1&" + query)
        assert answer.code == 422
        assert words in answer.message


STORED = [info for info in resources().values() if info.enabled and info.storage_prefix]


@pytest.mark.parametrize("info", STORED, ids=[f"{info.plural}.{info.group_version}" for info in STORED])
async def test_every_selectable_field_selects(info: Any) -> None:
    """An object is found by `=` on the value it has and not by `!=`, for each field upstream lets select."""
    async with running_api(aggregation=False) as api:
        collection = info.path("default" if info.namespaced else None)
        if info.group_resource in SAMPLES and info.group_version == info.storage_version:
            assert (await api.post(collection, sample(info.group_resource, _name(info)))).code == 201
        for label in info.field_labels:
            name = label.partition(">")[0]
            for query, check in ((f"{name}=nobody-has-this", "none"), (f"{name}!=nobody-has-this", "all")):
                answer = await api.get(collection, "fieldSelector=" + query.replace("=", "%3D", 1))
                assert answer.code == 200, (query, answer)
                whole = (await api.get(collection)).body["items"]
                assert len(answer.body["items"]) == (0 if check == "none" else len(whole)), query
        refused = await api.get(collection, "fieldSelector=spec.nothing%3Dx")
        assert refused.code == 400
        assert "spec.nothing" in refused.message


def _name(info: Any) -> str:
    return {
        "ipaddresses": "10.96.3.1",
        "apiservices": "v1.a.example.com",
        "customresourcedefinitions": "as.example.com",
    }.get(info.plural, "x")
