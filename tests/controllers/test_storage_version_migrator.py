"""Storage version migrations: everything is rewritten once, and what that means for secrets and custom resources."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.support.clock import START
from tests.support.control_plane import World, control_plane
from tests.support.encryption import api_without_store, configured
from tests.support.shared_store import SharedStore

from pybernetes.api.resource import ResourceInfo, resource
from pybernetes.api.status import StatusError
from pybernetes.base.http.message import Request
from pybernetes.base.tasks import running
from pybernetes.controllers.storage_version_migrator import is_over, is_true, next_of, with_condition
from pybernetes.store.memory import MemoryStore

MIGRATOR = "storage-version-migrator-controller"
SVM = resource("storageversionmigrations", "storagemigration.k8s.io", "v1beta1")
CRDS = resource("customresourcedefinitions", "apiextensions.k8s.io")
MAPS, SECRETS = resource("configmaps"), resource("secrets")
SERVED = {
    "runtime_config": {"storagemigration.k8s.io/v1beta1": True},
    "feature_gates": {"StorageVersionMigrator": True},
}
CLEAR: dict[str, Any] = {"identity": {}}
AES = {"aesgcm": {"keys": [{"name": "k", "secret": "MDEyMzQ1Njc4OWFiY2RlZg=="}]}}


def migration(plural: str, group: str = "", name: str = "m") -> dict[str, Any]:
    return {
        "apiVersion": "storagemigration.k8s.io/v1beta1",
        "kind": "StorageVersionMigration",
        "metadata": {"name": name},
        "spec": {"resource": {"resource": plural, **({"group": group} if group else {})}},
    }


def config_map(name: str, kind: str = "ConfigMap") -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "default"}}


async def ended(world: World, name: str = "m") -> dict[str, Any]:
    """The migration once it is over."""

    async def look() -> dict[str, Any] | None:
        found = await world.client.get(SVM, name)
        return found if is_over(found) else None

    found: dict[str, Any] = await world.until(look)
    return found


def told(obj: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    return [(c["type"], c["status"], c["reason"], c["message"]) for c in obj["status"]["conditions"]]


SUCCEEDED = [("Succeeded", "True", "StorageVersionMigrationSucceeded", "")]


async def test_every_object_is_written_with_the_key_of_today(tmp_path: Path) -> None:
    store = MemoryStore()
    async with running("store", store.serve):
        file = configured(tmp_path, CLEAR)
        async with api_without_store(store, file) as api:
            for n in range(3):
                answer = await api.post("/api/v1/namespaces/default/secrets", {"metadata": {"name": f"s{n}"}})
                assert answer.code == 201
        before = {item.key: item.mod_revision for item in (await store.list("/registry/secrets/")).items}
        assert len(before) == 3
        options = {**SERVED, "store": SharedStore(store), "encryption_config_file": configured(tmp_path, AES, CLEAR)}
        async with control_plane(MIGRATOR, rbac=True, server_config=options) as world:
            listed = (await world.client.list(SECRETS)).resource_version
            await world.create(migration("secrets"))
            found = await ended(world)
            assert told(found) == SUCCEEDED
            assert int(found["status"]["resourceVersion"]) >= int(listed)
            after = (await store.list("/registry/secrets/")).items
            assert {item.key for item in after} == before.keys()
            assert all(
                item.value.startswith(b"k8s:enc:aesgcm:v1:k:") and item.mod_revision > before[item.key]
                for item in after
            )
            for item in (await world.client.list(SECRETS)).items or ():
                assert "Apply" not in str(item["metadata"].get("managedFields")), "an empty apply owns nothing"
            assert not world.denied


async def test_what_is_stored_as_it_should_be_is_left_alone() -> None:
    async with control_plane(MIGRATOR, server_config=SERVED) as world:
        made = await world.create(config_map("a"))
        await world.create(migration("configmaps"))
        assert told(await ended(world)) == SUCCEEDED
        kept = await world.client.get(MAPS, "a", "default")
        assert kept["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


async def test_a_resource_that_nobody_serves_fails() -> None:
    async with control_plane(MIGRATOR, server_config=SERVED) as world:
        await world.create(migration("cronets", "stable.example.com"))
        assert told(await ended(world)) == [
            ("Failed", "True", "StorageVersionMigrationFailed", "resource does not exist in discovery")
        ]


async def test_migrations_of_one_resource_run_one_after_the_other_and_conflicts_are_no_failures() -> None:
    async with control_plane(MIGRATOR, server_config=SERVED) as world:
        await world.create(config_map("a"))
        running_then: list[int] = []

        def changed_meanwhile(request: Request) -> bool:
            if request.method == "PATCH" and request.path.endswith("/configmaps/a"):
                world.later(count)
                world.later(
                    lambda: world.client.patch(MAPS, "a", "default", body={"data": {"x": str(world.clock.now())}})
                )
            return False

        async def count() -> None:
            items = (await world.client.list(SVM)).items or []
            running_then.append(sum(is_true(item, "Running") for item in items))

        world.refuse = changed_meanwhile
        await asyncio.gather(*(world.create(migration("configmaps", name=name)) for name in ("m1", "m2", "m3")))
        for name in ("m1", "m2", "m3"):
            assert told(await ended(world, name)) == SUCCEEDED
        assert running_then and max(running_then) <= 1


async def test_an_object_that_cannot_be_written_fails_the_migration() -> None:
    async with control_plane(MIGRATOR, server_config=SERVED) as world:
        await world.create(config_map("a"))
        world.refuse = lambda request: request.method == "PATCH" and "/configmaps/" in request.path
        await world.create(migration("configmaps"))
        assert told(await ended(world)) == [
            ("Failed", "True", "StorageVersionMigrationFailed", "migration encountered unhandled error")
        ]


def definition(*storage_first: str) -> dict[str, Any]:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    versions = [
        {"name": name, "served": True, "storage": name == storage_first[0], "schema": schema}
        for name in sorted(storage_first)
    ]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
            "versions": versions,
        },
    }


async def test_custom_resources_are_stored_in_their_version_of_today_and_their_definition_says_so() -> None:
    store = MemoryStore()
    async with control_plane(MIGRATOR, server_config={**SERVED, "store": store}) as world:
        await world.create(definition("v1", "v2"))
        widgets = ResourceInfo("example.com", "v1", "widgets", "Widget", singular="widget", namespaced=True, verbs=())

        async def make() -> bool:
            try:
                await world.client.create(
                    {
                        "apiVersion": "example.com/v1",
                        "kind": "Widget",
                        "metadata": {"name": "w", "namespace": "default"},
                    },
                    resource=widgets,
                )
            except StatusError:
                return False
            return True

        await world.until(make)
        key = "/registry/example.com/widgets/default/w"
        first = await store.get(key)
        assert first is not None and b'"example.com/v1"' in first.value
        current = await world.client.get(CRDS, "widgets.example.com")
        current["spec"]["versions"] = definition("v2", "v1")["spec"]["versions"]
        await world.client.update(current, resource=CRDS)
        await world.create(migration("widgets", "example.com"))
        assert told(await ended(world)) == SUCCEEDED
        second = await store.get(key)
        assert second is not None and b'"example.com/v2"' in second.value
        found = await world.client.get(CRDS, "widgets.example.com")
        assert found["status"]["storedVersions"] == ["v2"]
        (condition,) = [row for row in told(found) if row[0] == "StorageMigrating"]
        message = "The migration has succeeded and the stored versions have been updated"
        assert condition == ("StorageMigrating", "False", "MigrationSucceeded", message)


def named(name: str, created: str, *conditions: str) -> dict[str, Any]:
    rows = [{"type": kind, "status": "True"} for kind in conditions]
    return {"metadata": {"name": name, "creationTimestamp": created}, "status": {"conditions": rows}}


@pytest.mark.parametrize(
    ("migrations", "chosen"),
    [
        ([], None),
        ([named("b", "2026-01-01T00:00:00Z"), named("a", "2026-01-01T00:00:00Z")], "a"),
        ([named("b", "2026-01-01T00:00:00Z"), named("a", "2026-01-02T00:00:00Z")], "b"),
        ([named("b", "2026-01-01T00:00:00Z"), named("a", "2026-01-02T00:00:00Z", "Running")], "a"),
        ([named("b", "2026-01-01T00:00:00Z", "Failed"), named("a", "2026-01-02T00:00:00Z")], "a"),
        ([named("b", "2026-01-01T00:00:00Z", "Succeeded")], None),
    ],
)
def test_the_oldest_is_next_unless_one_runs(migrations: list[dict[str, Any]], chosen: str | None) -> None:
    found = next_of(migrations)
    assert (found["metadata"]["name"] if found else None) == chosen


def test_what_is_over_runs_no_more() -> None:
    begun = with_condition({"metadata": {}}, "Running", "r", "", START)
    assert is_true(begun, "Running") and not is_over(begun)
    assert [c["type"] for c in with_condition(begun, "Failed", "r", "", START)["status"]["conditions"]] == ["Failed"]
