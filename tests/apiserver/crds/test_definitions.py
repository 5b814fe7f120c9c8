"""The life of definitions: accepted, served, changed, refused, deleted (conformance: CustomResourceDefinition)."""

from typing import Any

from tests.apiserver.crds.definitions import (
    DEFINITIONS,
    GROUP,
    condition,
    cron_tab,
    define,
    definition,
    path,
    version,
)
from tests.support.api import Api, running_api
from tests.support.shared_store import SharedStore

NAME = f"crontabs.{GROUP}"
PATH = f"{DEFINITIONS}/{NAME}"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


async def gone(api: Api, url: str) -> None:
    """Wait until a definition is gone: its watch says so."""
    watching = await api.watch(DEFINITIONS, "resourceVersion=0")

    async def is_gone() -> bool:
        return (await api.get(url)).code == 404

    await watching.until(is_gone)


async def test_creating_and_deleting_definitions_works() -> None:
    async with running_api() as api:
        found = await define(api, definition())
        assert condition(found, "NamesAccepted")["reason"] == "NoConflicts"
        assert condition(found, "Established")["reason"] == "InitialNamesAccepted"
        assert found["status"]["storedVersions"] == ["v1"]
        assert found["status"]["acceptedNames"]["plural"] == "crontabs"
        assert (await api.post(path(), cron_tab("a"))).code == 201
        answer = await api.delete(PATH)
        assert answer.code == 200
        assert answer.body["metadata"]["finalizers"] == ["customresourcecleanup.apiextensions.k8s.io"]
        await gone(api, PATH)
        assert (await api.get(path())).code == 404


async def test_nothing_is_kept_of_a_definition_that_is_gone() -> None:
    async with running_api() as api:
        await define(api, definition())
        await api.post(path(), cron_tab("a"))
        watching = await api.watch(path())
        metric = f'apiserver_storage_objects{{resource="crontabs.{GROUP}"}}'
        assert f"{metric} 1" in (await api.get("/metrics")).raw.decode()
        await api.delete(PATH)
        await gone(api, PATH)
        assert watching.closed
        assert not [cache for cache in api.server.cache.caches() if cache.info.group == GROUP]
        assert metric not in (await api.get("/metrics")).raw.decode()
        await define(api, definition())
        assert (await api.get(path())).body["items"] == []
        assert (await api.post(path(), cron_tab("a"))).code == 201
        assert [item["metadata"]["name"] for item in (await api.get(path())).body["items"]] == ["a"]


async def test_listing_definitions_works() -> None:
    async with running_api() as api:
        for number in range(3):
            obj = definition(plural=f"things{number}", kind=f"Thing{number}")
            obj["metadata"]["labels"] = {"test": "yes" if number < 2 else "no"}
            await define(api, obj)
        found = await api.get(DEFINITIONS, "labelSelector=test%3Dyes")
        assert [item["spec"]["names"]["plural"] for item in found.body["items"]] == ["things0", "things1"]
        assert (await api.delete(DEFINITIONS, query="labelSelector=test%3Dyes")).code == 200
        await gone(api, f"{DEFINITIONS}/things0.{GROUP}")
        await gone(api, f"{DEFINITIONS}/things1.{GROUP}")
        left = await api.get(DEFINITIONS)
        assert [item["spec"]["names"]["plural"] for item in left.body["items"]] == ["things2"]


async def test_status_of_a_definition_can_be_read_updated_and_patched() -> None:
    async with running_api() as api:
        await define(api, definition())
        found = (await api.get(f"{PATH}/status")).body
        added = {"type": "StatusUpdate", "status": "True", "reason": "E2E", "message": "Set from a test"}
        found["status"]["conditions"].append(added)
        answer = await api.put(f"{PATH}/status", found)
        assert answer.code == 200, answer
        assert condition(answer.body, "StatusUpdate")["message"] == "Set from a test"
        patch = {"status": {"conditions": [{"type": "StatusPatched", "status": "True"}]}, "spec": {"scope": "Cluster"}}
        answer = await api.patch(f"{PATH}/status", patch)
        assert condition(answer.body, "StatusPatched")["status"] == "True"
        assert condition(answer.body, "Established")["status"] == "True"
        assert answer.body["spec"]["scope"] == "Namespaced"


async def test_discovery_has_definitions_and_what_they_define() -> None:
    async with running_api() as api:
        groups = (await api.get("/apis")).body["groups"]
        assert "apiextensions.k8s.io" in [group["name"] for group in groups]
        resources = (await api.get("/apis/apiextensions.k8s.io/v1")).body["resources"]
        assert "customresourcedefinitions" in [found["name"] for found in resources]
        before = await api.get("/apis", accept=AGGREGATED)
        names = {"shortNames": ["ct"], "categories": ["all"]}
        v1 = version(subresources={"status": {}})
        await define(api, definition(v1, version("v2", storage=False), names=names))
        after = await api.get("/apis", accept=AGGREGATED)
        assert before.header("etag") != after.header("etag")
        group = next(item for item in after.body["items"] if item["metadata"]["name"] == GROUP)
        assert [one["version"] for one in group["versions"]] == ["v2", "v1"]
        assert group["versions"][1]["resources"][0]["shortNames"] == ["ct"]
        listed = (await api.get(f"/apis/{GROUP}/v1")).body["resources"]
        assert [found["name"] for found in listed] == ["crontabs", "crontabs/status"]
        assert listed[0]["categories"] == ["all"]
        assert (await api.get(f"/apis/{GROUP}")).body["preferredVersion"]["version"] == "v2"


async def test_watching_custom_resources() -> None:
    async with running_api() as api:
        obj = definition(scope="Cluster")
        await define(api, obj)
        base = f"/apis/{GROUP}/v1/crontabs"
        watching = await api.watch(base)
        a = cron_tab("a")
        assert (await api.post(base, a)).code == 201
        assert (await api.post(base, cron_tab("b"))).code == 201
        assert (await api.patch(f"{base}/a", {"spec": {"image": "new"}})).code == 200
        for name in ("a", "b"):
            assert (await api.delete(f"{base}/{name}")).code == 200
        await watching.received(5)
        assert watching.seen == [("ADDED", "a"), ("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "a"), ("DELETED", "b")]


async def test_defaults_for_requests_and_from_storage() -> None:
    async with running_api() as api:
        plain: dict[str, Any] = {"type": "object", "properties": {"spec": {"type": "object", "properties": {
            "a": {"type": "string"}, "b": {"type": "string"}}}}}  # fmt: skip
        await define(api, definition(version(schema=plain)))
        old = {**cron_tab("old"), "spec": {}}
        assert (await api.post(path(), old)).body["spec"] == {}
        watching = await api.watch(path(), "resourceVersion=0")
        stored = (await api.get(PATH)).body
        fields = stored["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
        fields["a"]["default"] = "A"
        answer = await api.put(PATH, stored)
        assert answer.code == 200, answer
        assert answer.body["metadata"]["generation"] == 2
        assert (await api.get(path("old"))).body["spec"] == {"a": "A"}
        assert (await api.get(path())).body["items"][0]["spec"] == {"a": "A"}
        assert (await api.post(path(), {**cron_tab("new"), "spec": {}})).body["spec"] == {"a": "A"}
        assert (await api.patch(path("old"), {"spec": {"b": "B"}})).body["spec"] == {"a": "A", "b": "B"}
        assert watching.closed  # watchers come again and see objects as they are now
        again = await api.watch(path(), "resourceVersion=0")
        assert {event["object"]["spec"]["a"] for event in again.events} == {"A"}


async def test_names_in_use_are_not_accepted_until_they_are_free() -> None:
    async with running_api() as api:
        await define(api, definition())
        second = await define(api, definition(plural="others", kind="CronTab"))
        assert condition(second, "NamesAccepted")["status"] == "False"
        assert condition(second, "NamesAccepted")["reason"] == "ListKindConflict"
        assert condition(second, "NamesAccepted")["message"] == '"CronTabList" is already in use'
        assert condition(second, "Established")["reason"] == "NotAccepted"
        assert (await api.get(path(plural="others"))).code == 404
        watching = await api.watch(DEFINITIONS, "resourceVersion=0")
        await api.delete(PATH)
        url = f"{DEFINITIONS}/others.{GROUP}"

        async def is_established() -> bool:
            return bool(condition((await api.get(url)).body, "Established")["status"] == "True")

        await watching.until(is_established)
        assert (await api.get(path(plural="others"))).code == 200


async def test_objects_with_finalizers_hold_their_definition() -> None:
    async with running_api() as api:
        await define(api, definition())
        obj = cron_tab("kept")
        obj["metadata"]["finalizers"] = ["example.com/wait"]
        assert (await api.post(path(), obj)).code == 201
        assert (await api.post(path(), cron_tab("other"))).code == 201
        watching = await api.watch(path(), "resourceVersion=0")
        await api.delete(PATH)

        async def only_one_is_left() -> bool:
            return len((await api.get(path())).body["items"]) == 1

        await watching.until(only_one_is_left)
        refused = await api.post(path(), cron_tab("new"))
        assert (refused.code, refused.message) == (
            405,
            "create not allowed while custom resource definition is terminating",
        )
        assert (await api.get(PATH)).body["metadata"]["deletionTimestamp"]
        assert (await api.patch(path("kept"), {"metadata": {"finalizers": None}})).code == 200
        await gone(api, PATH)


async def test_refused_definitions() -> None:
    async with running_api() as api:
        wrong = definition(version(schema={"type": "object", "properties": {"spec": {}}}))
        answer = await api.post(DEFINITIONS, wrong)
        assert answer.code == 422
        assert answer.message == (
            f'CustomResourceDefinition.apiextensions.k8s.io "{NAME}" is invalid: spec.versions[0].schema.'
            "openAPIV3Schema.properties[spec].type: Required value: must not be empty for specified object fields"
        )
        await define(api, definition())
        stored = (await api.get(PATH)).body
        stored["spec"]["scope"] = "Cluster"
        answer = await api.put(PATH, stored)
        assert 'spec.scope: Invalid value: "Cluster": field is immutable' in answer.message


async def test_a_changed_storage_version_is_remembered() -> None:
    async with running_api() as api:
        await define(api, definition(version("v1"), version("v2", storage=False)))
        assert (await api.post(path(), cron_tab("old"))).code == 201
        stored = (await api.get(PATH)).body
        stored["spec"]["versions"][0]["storage"] = False
        stored["spec"]["versions"][1]["storage"] = True
        answer = await api.put(PATH, stored)
        assert answer.body["status"]["storedVersions"] == ["v1", "v2"]
        for name in ("v1", "v2"):
            found = (await api.get(path("old", version=name))).body
            assert found["apiVersion"] == f"{GROUP}/{name}"
            listed = (await api.get(path(version=name))).body
            assert listed["apiVersion"] == f"{GROUP}/{name}"
            assert [item["apiVersion"] for item in listed["items"]] == [f"{GROUP}/{name}"]
        before = (await api.get(path("old", version="v1"))).body
        migrated = await api.put(path("old", version="v1"), before)
        assert migrated.code == 200
        assert migrated.body["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]
        assert migrated.body["apiVersion"] == f"{GROUP}/v1"
        again = await api.put(path("old", version="v2"), (await api.get(path("old", version="v2"))).body)
        assert again.body["metadata"]["resourceVersion"] == migrated.body["metadata"]["resourceVersion"]


async def test_a_version_stays_until_nothing_is_stored_in_it() -> None:
    async with running_api() as api:
        await define(api, definition(version("v1"), version("v2", storage=False)))
        stored = (await api.get(PATH)).body
        stored["spec"]["versions"] = [version("v2")]
        refused = await api.put(PATH, stored)
        assert refused.code == 422
        assert refused.message == (
            f'CustomResourceDefinition.apiextensions.k8s.io "{NAME}" is invalid: status.storedVersions[0]: Invalid '
            'value: "v1": missing from spec.versions; v1 was previously a storage version, and must remain in '
            "spec.versions until a storage migration ensures no data remains persisted in v1 and removes v1 from "
            "status.storedVersions"
        )
        stored["spec"]["versions"] = [version("v1", storage=False), version("v2")]
        assert (await api.put(PATH, stored)).code == 200
        migrated = await api.patch(f"{PATH}/status", {"status": {"storedVersions": ["v2"]}})
        assert (migrated.code, migrated.body["status"]["storedVersions"]) == (200, ["v2"])
        stored = migrated.body
        stored["spec"]["versions"] = [version("v2")]
        assert (await api.put(PATH, stored)).code == 200


async def test_versions_come_and_go() -> None:
    async with running_api() as api:
        await define(api, definition(version("v1"), version("v2", storage=False)))
        stored = (await api.get(PATH)).body
        stored["spec"]["versions"][1]["served"] = False
        assert (await api.put(PATH, stored)).code == 200
        assert (await api.get(path(version="v2"))).code == 404
        assert (await api.get(path(version="v1"))).code == 200
        assert (await api.get(f"/apis/{GROUP}/v2")).code == 404


async def test_definitions_are_served_by_a_server_that_starts_later() -> None:
    from pybernetes.store.memory import MemoryStore
    from pybernetes.testing import api_server

    store = MemoryStore()
    async with api_server(store=store) as server:
        api = Api(server)
        await define(api, definition())
        assert (await api.post(path(), cron_tab("a"))).code == 201
        async with api_server(store=SharedStore(store), bootstrap=False) as second:
            other = Api(second)
            assert (await other.get(path("a"))).code == 200
            await define(other, definition(plural="others", kind="Other"))
            await api.settle()
            assert (await api.get(path(plural="others"))).code == 200


async def test_groups_of_the_community_need_an_approval() -> None:
    async with running_api() as api:
        obj = definition(group="things.k8s.io")
        answer = await api.post(DEFINITIONS, obj)
        assert answer.code == 422
        assert answer.message.endswith(
            "metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval "
            'annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111'
        )
        obj["metadata"]["annotations"] = {"api-approved.kubernetes.io": "https://github.com/x/y/pull/1"}
        found = await define(api, obj)
        assert condition(found, "KubernetesAPIApprovalPolicyConformant")["reason"] == "ApprovedAnnotation"


async def test_clients_of_deprecated_versions_are_warned() -> None:
    async with running_api() as api:
        old = version("v1alpha1", storage=False, deprecated=True)
        older = version("v1alpha2", storage=False, deprecated=True, deprecationWarning="use v1")
        await define(api, definition(version(), old, older))
        assert (await api.get(path())).header("warning") == []
        warned = (await api.get(path(version="v1alpha1"))).header("warning")
        assert warned == [f'299 - "{GROUP}/v1alpha1 CronTab is deprecated"']
        assert (await api.get(path(version="v1alpha2"))).header("warning") == ['299 - "use v1"']
        wrong = definition(version(deprecationWarning="x"), plural="others", kind="Other")
        assert "deprecationWarning" in (await api.post(DEFINITIONS, wrong)).message
