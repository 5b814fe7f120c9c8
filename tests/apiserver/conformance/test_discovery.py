"""Discovery says what resources.json says, in both forms; the conformance names on discovery and on the version."""

from typing import Any

import pytest
from tests.support.api import Api, running_api

from pybernetes.api.resource import load_data

V2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
V2BETA1 = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
ROWS = {key: row for key, row in load_data("resources").items() if not key.startswith("_") and row.get("on")}
GROUPS = [row for row in load_data("resources")["_groups"] if row.get("enabledByDefault")]


def expected() -> dict[tuple[str, str], tuple[Any, ...]]:
    """(group version, name) -> kind, namespaced, verbs, short names, categories of resources and subresources."""
    found: dict[tuple[str, str], tuple[Any, ...]] = {}
    for row in ROWS.values():
        group_version = f"{row['g']}/{row['v']}" if row["g"] else row["v"]
        facts = (row["k"], bool(row["ns"]), sorted(row["verbs"]), row.get("short", []), row.get("cat", []))
        found[group_version, row["r"]] = facts
        for name, sub in row.get("sub", {}).items():
            found[group_version, f"{row['r']}/{name}"] = (sub["k"], bool(row["ns"]), sorted(sub["verbs"]), [], [])
    return found


async def test_the_old_tree_lists_all_68_resources_and_45_subresources() -> None:
    wanted = expected()
    assert sum("/" not in name for _, name in wanted) == 68
    assert sum("/" in name for _, name in wanted) == 45
    async with running_api() as api:
        found: dict[tuple[str, str], tuple[Any, ...]] = {}
        for group_version in {gv for gv, _ in wanted}:
            path = f"/apis/{group_version}" if "/" in group_version else f"/api/{group_version}"
            body = (await api.get(path)).body
            assert (body["kind"], body["groupVersion"]) == ("APIResourceList", group_version)
            for row in body["resources"]:
                facts = (
                    row["kind"],
                    row["namespaced"],
                    row["verbs"],
                    row.get("shortNames", []),
                    row.get("categories", []),
                )
                found[group_version, row["name"]] = facts
        assert found == wanted


async def test_every_group_has_its_preferred_version() -> None:
    """Conformance: "should validate PreferredVersion for each APIGroup"."""
    async with running_api() as api:
        groups = {group["name"]: group for group in (await api.get("/apis")).body["groups"]}
        assert set(groups) == {row["group"] for row in GROUPS if row["group"]}
        for row in GROUPS:
            if not row["group"]:
                continue
            group = groups[row["group"]]
            assert [version["version"] for version in group["versions"]] == row["enabledByDefault"]
            assert group["preferredVersion"] in group["versions"]
            assert group["preferredVersion"]["version"] == row["preferred"]
            assert (await api.get(f"/apis/{row['group']}")).body["preferredVersion"] == group["preferredVersion"]


async def test_every_group_version_has_resources() -> None:
    """Conformance: "should locate the groupVersion and a resource within each APIGroup"."""
    async with running_api() as api:
        for group in (await api.get("/apis")).body["groups"]:
            for version in group["versions"]:
                body = (await api.get(f"/apis/{version['groupVersion']}")).body
                assert body["groupVersion"] == version["groupVersion"]
                assert body["resources"]


async def aggregated(api: Api, path: str, accept: str) -> Any:
    answer = await api.get(path, accept=accept)
    assert answer.code == 200
    assert answer.header("content-type")[0].replace(" ", "").startswith("application/json;g=apidiscovery.k8s.io")
    return answer.body


@pytest.mark.parametrize("accept", [V2, V2BETA1])
async def test_the_aggregated_form_says_the_same(accept: str) -> None:
    """Conformance: "should support aggregated discovery interface"."""
    async with running_api() as api:
        found = {}
        for path in ("/api", "/apis"):
            body = await aggregated(api, path, accept)
            assert body["kind"] == "APIGroupDiscoveryList"
            for group in body["items"]:
                name = group["metadata"].get("name", "")
                for version in group["versions"]:
                    assert version["freshness"] == "Current"
                    group_version = f"{name}/{version['version']}" if name else version["version"]
                    for row in version["resources"]:
                        namespaced = row["scope"] == "Namespaced"
                        facts = row["responseKind"]["kind"], namespaced, row["verbs"]
                        found[group_version, row["resource"]] = (
                            *facts,
                            row.get("shortNames", []),
                            row.get("categories", []),
                        )
                        for sub in row.get("subresources", ()):
                            sub_facts = sub["responseKind"]["kind"], namespaced, sub["verbs"], [], []
                            found[group_version, f"{row['resource']}/{sub['subresource']}"] = sub_facts
        assert found == expected()


async def test_what_accept_asks_for_is_what_comes() -> None:
    """Conformance: "should support raw aggregated discovery endpoint Accept headers"."""
    async with running_api() as api:
        assert (await api.get("/apis", accept="application/json")).body["kind"] == "APIGroupList"
        assert (await api.get("/apis")).body["kind"] == "APIGroupList"
        assert (await api.get("/apis", accept=V2)).body["apiVersion"] == "apidiscovery.k8s.io/v2"
        both = f"{V2},{V2BETA1},application/json"
        assert (await api.get("/api", accept=both)).body["apiVersion"] == "apidiscovery.k8s.io/v2"
        unknown = "application/json;g=apidiscovery.k8s.io;v=v9;as=APIGroupDiscoveryList,application/json"
        assert (await api.get("/apis", accept=unknown)).body["kind"] == "APIGroupList"


async def test_an_unchanged_document_is_not_sent_again() -> None:
    async with running_api() as api:
        answer = await api.get("/apis", accept=V2)
        (etag,) = answer.header("etag")
        response = await api.send("GET", "/apis", headers=[("accept", V2), ("if-none-match", etag)])
        assert (response.status, response.body) == (304, b"")
        response = await api.send("GET", "/apis", headers=[("accept", V2), ("if-none-match", '"other"')])
        assert response.status == 200


async def test_the_version_of_the_server() -> None:
    """Conformance: "should find the server version"."""
    async with running_api() as api:
        version = (await api.get("/version")).body
        assert (version["major"], version["minor"]) == ("1", "36")
        assert version["gitVersion"].startswith("v1.36.")
        assert {"gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler", "platform"} <= version.keys()


@pytest.mark.parametrize("path", ["/openapi/v2", "/openapi/v3", "/openapi/v3/apis/apps/v1"])
async def test_openapi_documents_have_etags(path: str) -> None:
    async with running_api() as api:
        answer = await api.get(path)
        assert answer.code == 200
        (etag,) = answer.header("etag")
        response = await api.send("GET", path, headers=[("if-none-match", etag)])
        assert response.status == 304


async def test_the_index_of_openapi_v3_names_documents_by_hash() -> None:
    async with running_api() as api:
        index = (await api.get("/openapi/v3")).body["paths"]
        assert {"api/v1", "apis/apps/v1"} <= set(index)
        url = index["apis/apps/v1"]["serverRelativeURL"]
        path, _, query = url.partition("?")
        answer = await api.get(path, query)
        assert answer.code == 200
        assert any("immutable" in value for value in answer.header("cache-control"))
        assert "io.k8s.api.apps.v1.Deployment" in answer.body["components"]["schemas"]
