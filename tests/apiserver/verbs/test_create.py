"""POST to a collection."""

from typing import Any

import pytest
from tests.support.api import CONFIG_MAPS, running_api

from pybernetes.api import names


async def test_a_created_object_gets_its_identity() -> None:
    async with running_api() as api:
        answer = await api.post(CONFIG_MAPS, {"metadata": {"name": "a"}, "data": {"k": "v"}})
        assert answer.code == 201
        body = answer.body
        assert (body["apiVersion"], body["kind"], body["data"]) == ("v1", "ConfigMap", {"k": "v"})
        metadata = body["metadata"]
        assert metadata["namespace"] == "default"
        assert len(metadata["uid"]) == 36
        assert metadata["creationTimestamp"].endswith("Z")
        assert (await api.get(CONFIG_MAPS + "/a")).body == body


async def test_what_only_the_server_may_set_is_dropped() -> None:
    async with running_api() as api:
        sent = {
            "name": "a",
            "uid": "mine",
            "creationTimestamp": "2001-01-01T00:00:00Z",
            "deletionTimestamp": "2001-01-01T00:00:00Z",
            "selfLink": "/x",
            "generation": 7,
        }
        metadata = (await api.post(CONFIG_MAPS, {"metadata": sent})).body["metadata"]
        assert metadata["uid"] != "mine"
        assert not metadata["creationTimestamp"].startswith("2001")
        assert not {"deletionTimestamp", "selfLink", "generation"} & metadata.keys()


async def test_generate_name_adds_five_characters() -> None:
    async with running_api() as api:
        name = (await api.post(CONFIG_MAPS, {"metadata": {"generateName": "web-"}})).body["metadata"]["name"]
        assert name.startswith("web-") and len(name) == 9


async def test_generate_name_tries_again_on_a_clash(monkeypatch: pytest.MonkeyPatch) -> None:
    made = iter(["a", "b"])
    monkeypatch.setattr(names, "generated_name", lambda base: next(made))
    async with running_api() as api:
        await api.config_map("a")
        answer = await api.post(CONFIG_MAPS, {"metadata": {"generateName": "x"}})
        assert (answer.code, answer.body["metadata"]["name"]) == (201, "b")


REFUSED: list[tuple[str, Any, int, str]] = [
    (
        "neither name nor generateName",
        {"metadata": {}},
        422,
        'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
    ),
    (
        "resourceVersion",
        {"metadata": {"name": "b", "resourceVersion": "3"}},
        500,
        "resourceVersion should not be set on objects to be created",
    ),
    (
        "resourceVersion, and something that is looked at before the store",
        {"metadata": {"name": "B", "resourceVersion": "3"}},
        422,
        'ConfigMap "B" is invalid: metadata.name: Invalid value: "B": a lowercase RFC 1123 subdomain must consist of '
        "lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. "
        "'example.com', regex used for validation is "
        "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    ),
    (
        "another namespace",
        {"metadata": {"name": "b", "namespace": "other"}},
        400,
        "the namespace of the provided object does not match the namespace sent on the request",
    ),
    ("a name that exists", {"metadata": {"name": "taken"}}, 409, 'configmaps "taken" already exists'),
    (
        "another version",
        {"apiVersion": "v2", "metadata": {"name": "b"}},
        400,
        "the API version in the data (v2) does not match the expected API version (v1)",
    ),
    (
        "an unknown kind",
        {"apiVersion": "v1", "kind": "Nothing", "metadata": {"name": "b"}},
        400,
        'Nothing in version "v1" cannot be handled as a ConfigMap: no kind "Nothing" is registered for version "v1"',
    ),
    (
        "no JSON",
        b"{",
        400,
        "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind",
    ),
    (
        "no object",
        b"[]",
        400,
        "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind",
    ),
    ("nothing", b"", 400, "the object provided is unrecognized (must be of type ConfigMap)"),
    (
        "a bad name",
        {"metadata": {"name": "A_b"}},
        422,
        'ConfigMap "A_b" is invalid: metadata.name: Invalid value: "A_b": a lowercase RFC 1123 subdomain',
    ),
]


@pytest.mark.parametrize(("obj", "code", "message"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
async def test_refused(obj: Any, code: int, message: str) -> None:
    async with running_api() as api:
        await api.config_map("taken")
        answer = await api.post(CONFIG_MAPS, obj)
        assert answer.code == code
        assert answer.message.startswith(message)


async def test_a_body_of_three_megabytes_is_too_large() -> None:
    async with running_api() as api:
        answer = await api.post(CONFIG_MAPS, {"metadata": {"name": "a"}, "data": {"a": "x" * (3 << 20)}})
        assert (answer.code, answer.message) == (413, "Request entity too large: limit is 3145728")


async def test_an_unknown_media_type_is_refused() -> None:
    async with running_api() as api:
        answer = await api.post(CONFIG_MAPS, b"\x00", media="text/html")
        assert answer.code == 415
        assert answer.message.startswith(
            "the body of the request was in an unknown format - accepted media types include"
        )


async def test_yaml_is_read() -> None:
    async with running_api() as api:
        text = b"metadata:\n  name: a\n  annotations: {when: '2020-01-01'}\ndata: {a: b}\n"
        answer = await api.post(CONFIG_MAPS, text, media="application/yaml")
        assert answer.code == 201
        assert answer.body["metadata"]["annotations"] == {"when": "2020-01-01"}


async def test_a_dry_run_stores_nothing() -> None:
    async with running_api() as api:
        answer = await api.post(CONFIG_MAPS, {"metadata": {"name": "a"}}, query="dryRun=All")
        assert answer.code == 201
        assert "resourceVersion" not in answer.body["metadata"]
        assert (await api.get(CONFIG_MAPS + "/a")).code == 404


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("dryRun=yes", 'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["yes"]'),
        ("fieldValidation=x", 'CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "x"'),
    ],
)
async def test_bad_options(query: str, message: str) -> None:
    async with running_api() as api:
        answer = await api.post(CONFIG_MAPS, {"metadata": {"name": "a"}}, query=query)
        assert answer.code == 422
        assert answer.message.startswith(message)


async def test_a_cluster_scoped_object_has_no_namespace() -> None:
    async with running_api() as api:
        answer = await api.post("/api/v1/namespaces", {"metadata": {"name": "team"}})
        assert answer.code == 201
        assert "namespace" not in answer.body["metadata"]
        assert answer.body["spec"] == {"finalizers": ["kubernetes"]}
        assert answer.body["status"] == {"phase": "Active"}
        assert answer.body["metadata"]["labels"] == {"kubernetes.io/metadata.name": "team"}


async def test_status_is_not_taken_from_the_client() -> None:
    async with running_api() as api:
        pod = {
            "metadata": {"name": "p"},
            "spec": {"containers": [{"name": "c", "image": "i"}]},
            "status": {"phase": "Running"},
        }
        body = (await api.post("/api/v1/namespaces/default/pods", pod)).body
        assert body["status"]["phase"] == "Pending"
        assert body["metadata"]["generation"] == 1


async def test_a_deleted_namespaced_name_can_be_used_again_only_when_it_is_gone() -> None:
    async with running_api() as api:
        await api.config_map("a", finalizers=["example.com/hold"])
        await api.delete(CONFIG_MAPS + "/a")
        answer = await api.post(CONFIG_MAPS, {"metadata": {"name": "a"}})
        assert (answer.code, answer.message) == (409, 'object is being deleted: configmaps "a" already exists')


@pytest.mark.parametrize("version", ["", "0", "not-a-number"])
async def test_a_resource_version_that_the_store_does_not_see_is_ignored(version: str) -> None:
    async with running_api() as api:
        answer = await api.post(CONFIG_MAPS, {"metadata": {"name": "a", "resourceVersion": version}})
        assert answer.code == 201
        assert answer.version not in (version, "")


async def test_a_dry_run_does_not_come_to_the_store() -> None:
    async with running_api() as api:
        answer = await api.post(CONFIG_MAPS, {"metadata": {"name": "a", "resourceVersion": "3"}}, query="dryRun=All")
        assert answer.code == 201
