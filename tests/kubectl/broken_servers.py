"""A server with discovery of an older kind and a few objects, of which a quirk makes one that neither client has seen.

A quirk is a function of the request: the answer (`Answer`, or bytes as they go over the wire), or None for that of a
server without quirks. `differences` runs lines with the stock client and ours, each on a server of its own.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.kubectl.differential import Difference, Outcome, Pair
from tests.kubectl.scripted_server import Answer, Request, Script, failure, kubeconfig, scripted_server
from tests.support.kubectl import installed

VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: c, image: i}]}\n"
Quirk = Callable[[Request], Answer | bytes | None]


def kind(name: str, kind: str, *, verbs: list[str] = VERBS, short: str = "", categories: str = "all") -> dict[str, Any]:
    """A resource of a discovery document."""
    found = {"name": name, "singularName": kind.lower(), "namespaced": True, "kind": kind, "verbs": verbs}
    return found | {"shortNames": short.split(), "categories": categories.split()}


GROUPS = {
    "": {"v1": [kind("pods", "Pod", short="po"), kind("bindings", "Binding", verbs=["create"])]},
    "a.example.com": {
        "v1": [kind("widgets", "Widget", short="w wi", categories="all things"), kind("gears", "Gear")],
        "v1beta1": [kind("widgets", "Widget", short="w", categories="things"), kind("olds", "Old")],
    },
    "b.example.com": {"v1": [kind("widgets", "Widget", short="w po", categories="things")]},
    "c.example.com": {"v2": [kind("pods", "Pod", short="po pp"), kind("nothings", "Nothing", verbs=[])]},
}


def pages() -> dict[str, Any]:
    """Discovery, a document for each version."""
    found: dict[str, Any] = {"/api": {"kind": "APIVersions", "versions": ["v1"]}}
    groups = []
    for group, versions in GROUPS.items():
        if group:
            entries = [{"groupVersion": f"{group}/{version}", "version": version} for version in versions]
            groups.append({"name": group, "versions": entries, "preferredVersion": entries[0]})
        for version, resources in versions.items():
            name = f"{group}/{version}" if group else version
            path = f"/apis/{name}" if group else f"/api/{name}"
            found[path] = {"kind": "APIResourceList", "groupVersion": name, "resources": resources}
    return found | {"/apis": {"kind": "APIGroupList", "groups": groups}}


PAGES = pages()


def thing(api_version: str, kind: str, name: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default", "uid": f"u{name}", "resourceVersion": "3"}
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {**metadata, "creationTimestamp": "2020-01-01T00:00:00Z"},
    }


def answer(request: Request) -> Answer:
    """Of a server without quirks: every collection has `a` and `b`."""
    page = PAGES.get(request.bare)
    if page:
        return Answer(page)
    match = re.fullmatch(r"/(?:api|apis/([\w.]+))/(\w+)(?:/namespaces/\w+)?/(\w+)(?:/(\w+))?", request.bare)
    for resource in GROUPS.get(match[1] or "", {}).get(match[2], []) if match else ():
        if match and resource["name"] == match[3]:
            api_version = f"{match[1]}/{match[2]}" if match[1] else match[2]
            if match[4] or request.method == "POST":
                return Answer(thing(api_version, resource["kind"], match[4] or "a"))
            items = [thing(api_version, resource["kind"], name) for name in "ab"]
            metadata = {"resourceVersion": "5"}
            return Answer(
                {"apiVersion": api_version, "kind": resource["kind"] + "List", "metadata": metadata, "items": items}
            )
    return failure(404, "NotFound", "the server could not find the requested resource")


def on_objects(given: Answer | bytes | Callable[[Request], Answer | bytes | None]) -> Quirk:
    """The quirk of everything but discovery."""

    def quirk(request: Request) -> Answer | bytes | None:
        if request.bare in PAGES:
            return None
        return given(request) if callable(given) else given

    return quirk


def exactly(path: str, given: Answer | bytes) -> Quirk:
    return lambda request: given if request.bare == path else None


def at(path: str, given: Answer) -> Quirk:
    return lambda request: given if request.bare.startswith(path) else None


@contextmanager
def served(quirk: Quirk, directory: Path, files: Mapping[str, str], path: str = "") -> Iterator[dict[str, Path]]:
    """A server and a kubeconfig for each client."""

    def script(request: Request) -> Answer | bytes:
        found = quirk(request)
        return answer(request) if found is None else found

    chosen: Script = script
    found = {}
    with ExitStack() as stack:
        for side in ("stock", "ours"):
            home = directory / "case" / side
            home.mkdir(parents=True)
            for name, content in {"p.yaml": POD, **files}.items():
                (home / name).write_text(content)
            port = stack.enter_context(scripted_server(chosen))
            found[side] = kubeconfig(home, f"http://127.0.0.1:{port}{path}")
        yield found


def plain(outcome: Outcome) -> Outcome:
    """Without ports."""
    err = re.sub(r"127\.0\.0\.1:(\d+|NODEPORT)", "ADDRESS", outcome.err)
    return Outcome(re.sub(r"127\.0\.0\.1:(\d+|NODEPORT)", "ADDRESS", outcome.out), err, outcome.code)


def differences(
    quirk: Quirk,
    lines: list[str],
    directory: Path,
    *,
    files: Mapping[str, str] | None = None,
    one_by_one: bool = False,
    path: str = "",
) -> list[str]:
    """What the clients do not say alike. `one_by_one`: the server tells requests apart by those before, so that the
    first line finds out what it serves, for all that follow; `path` stands before all paths.
    """
    stock = installed()
    if not stock:
        pytest.skip("no stock kubectl here to compare with")
    pair = Pair(list(stock.values())[-1], directory / "none", directory)
    with served(quirk, directory, files or {}, path) as configs:
        with ThreadPoolExecutor(1 if one_by_one else 3) as pool:
            theirs = list(pool.map(lambda line: plain(pair._run("stock", line, configs)), lines))
        ours = [plain(pair._run("ours", line, configs)) for line in lines]
    found = zip(lines, theirs, ours, strict=True)
    return [str(Difference(*one)) for one in found if one[1] != one[2]]
