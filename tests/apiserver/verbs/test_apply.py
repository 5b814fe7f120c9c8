"""Server-side apply and managedFields through the API."""

import asyncio
from typing import Any

import pytest
import yaml
from tests.support.api import CONFIG_MAPS, PODS, Answer, Api, running_api

APPLY = "application/apply-patch+yaml"
A = CONFIG_MAPS + "/a"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
D = DEPLOYMENTS + "/d"


def config_map(**data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data}


def deployment(**spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": spec}


async def apply(api: Api, path: str, obj: Any, manager: str = "me", query: str = "") -> Answer:
    body = obj if isinstance(obj, bytes) else yaml.safe_dump(obj).encode()
    return await api.patch(path, body, APPLY, f"fieldManager={manager}&{query}")


def entries(answer: Answer) -> dict[tuple[str, str, str], Any]:
    """(manager, operation, subresource) -> fieldsV1."""
    found = answer.body["metadata"].get("managedFields") or ()
    return {(e["manager"], e["operation"], e.get("subresource", "")): e["fieldsV1"] for e in found}


async def test_apply_creates_then_changes() -> None:
    async with running_api() as api:
        created = await apply(api, A, config_map(a="1", b="1"))
        assert created.code == 201, created
        changed = await apply(api, A, config_map(a="2"))
        assert (changed.code, changed.body["data"]) == (200, {"a": "2"})
        assert entries(changed) == {("me", "Apply", ""): {"f:data": {"f:a": {}}}}
        again = await apply(api, A, config_map(a="2"))
        assert (again.version, again.raw) == (changed.version, changed.raw)


async def test_a_dry_run_stores_nothing() -> None:
    async with running_api() as api:
        assert (await apply(api, A, config_map(a="1"), query="dryRun=All")).code == 201
        assert (await api.get(A)).code == 404
        await apply(api, A, config_map(a="1"))
        dry = await apply(api, A, config_map(a="2"), query="dryRun=All")
        assert (dry.code, dry.body["data"]) == (200, {"a": "2"})
        assert (await api.get(A)).body["data"] == {"a": "1"}


async def test_a_conflict_names_the_other_manager() -> None:
    async with running_api() as api:
        await api.post(DEPLOYMENTS, deployment(replicas=1), query="fieldManager=kubectl-create")
        refused = await apply(api, D, deployment(replicas=3))
        assert refused.code == 409
        assert refused.body["reason"] == "Conflict"
        assert refused.message == (
            'Apply failed with 1 conflict: conflict with "kubectl-create" using apps/v1: .spec.replicas'
        )
        (cause,) = refused.body["details"]["causes"]
        assert (cause["reason"], cause["field"]) == ("FieldManagerConflict", ".spec.replicas")
        forced = await apply(api, D, deployment(replicas=3), query="force=true")
        assert (forced.code, forced.body["spec"]["replicas"]) == (200, 3)


REFUSED: list[tuple[str, Any, str, int, str]] = [
    ("no manager", config_map(), "", 422, "PatchOptions.meta.k8s.io"),
    ("no YAML", b"{", "fieldManager=m", 400, "error decoding YAML: "),
    ("no object", b"[1]", "fieldManager=m", 400, "error decoding YAML: "),
    ("another name", {**config_map(), "metadata": {"name": "b"}}, "fieldManager=m", 400, "the name of the object (b)"),
    ("another version", {**config_map(), "apiVersion": "v2"}, "fieldManager=m", 400, "Incorrect version specified"),
    (
        "no version",
        {"kind": "ConfigMap", "metadata": {"name": "a"}},
        "fieldManager=m",
        400,
        "Incorrect version specified in apply patch. Specified patch version: , expected: v1",
    ),
    (
        "an unknown field",
        {**config_map(), "x": 1},
        "fieldManager=m",
        400,
        "failed to create typed patch object (default/a; /v1, Kind=ConfigMap): .x: field not declared in schema",
    ),
    (
        "a uid and nothing there",
        {**config_map(), "metadata": {"name": "a", "uid": "u"}},
        "fieldManager=m",
        409,
        'Operation cannot be fulfilled on configmaps "a": uid mismatch: the provided object specified uid u, and no',
    ),
    (
        "a key given twice",
        b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: x, a: y}\n",
        "fieldManager=m&fieldValidation=Strict",
        400,
        "error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n"
        '  line 4: key "a" already set in map',
    ),
]


@pytest.mark.parametrize(
    ("obj", "query", "code", "message"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
async def test_refused(obj: Any, query: str, code: int, message: str) -> None:
    async with running_api() as api:
        answer = await api.patch(A, obj, APPLY, query)
        assert answer.code == code, answer
        assert answer.message.startswith(message), answer.message


async def test_force_is_for_apply_only() -> None:
    async with running_api() as api:
        await api.config_map("a")
        answer = await api.patch(A, {}, query="force=true")
        assert (answer.code, answer.body["details"]["causes"][0]["message"]) == (
            422,
            "Forbidden: may not be specified for non-apply patch",
        )


async def test_every_write_has_its_manager() -> None:
    async with running_api() as api:
        agent = [("user-agent", "kube-probe/1.36 (linux)"), ("content-type", "application/json")]
        await api.send("POST", CONFIG_MAPS, b'{"metadata":{"name":"a"},"data":{"a":"1"}}', headers=agent)
        await api.put(A, config_map(a="1", b="1"), query="fieldManager=put")
        await api.patch(A, {"data": {"c": "1"}}, query="fieldManager=merge")
        patch = [{"op": "add", "path": "/data/d", "value": "1"}]
        await api.patch(A, patch, "application/json-patch+json", query="fieldManager=json")
        answer = await api.patch(
            A, {"data": {"e": "1"}}, "application/strategic-merge-patch+json", query="fieldManager=strategic"
        )
        assert entries(answer) == {
            ("kube-probe", "Update", ""): {"f:data": {".": {}, "f:a": {}}},
            ("put", "Update", ""): {"f:data": {"f:b": {}}},
            ("merge", "Update", ""): {"f:data": {"f:c": {}}},
            ("json", "Update", ""): {"f:data": {"f:d": {}}},
            ("strategic", "Update", ""): {"f:data": {"f:e": {}}},
        }


async def test_the_status_has_managers_of_its_own() -> None:
    async with running_api() as api:
        await api.pod("p", node="n")
        patch = {"status": {"phase": "Running"}}
        answer = await api.patch(PODS + "/p/status", patch, query="fieldManager=kubelet")
        assert entries(answer)["kubelet", "Update", "status"] == {"f:status": {"f:phase": {}}}
        status = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "status": {"message": "m"}}
        answer = await apply(api, PODS + "/p/status", status)
        assert (answer.code, answer.body["status"]["message"]) == (200, "m"), answer
        assert entries(answer)["me", "Apply", "status"] == {"f:status": {"f:message": {}}}
        assert answer.body["spec"]["containers"]


async def test_an_object_is_not_created_through_a_subresource() -> None:
    async with running_api() as api:
        status = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "status": {"message": "m"}}
        assert (await apply(api, PODS + "/p/status", status)).code == 404


async def test_scaling_takes_the_replicas_from_their_owner() -> None:
    async with running_api() as api:
        await apply(api, D, deployment(replicas=1))
        await api.patch(D + "/scale", {"spec": {"replicas": 5}}, query="fieldManager=scaler")
        found = entries(await api.get(D))
        assert found["scaler", "Update", "scale"] == {"f:spec": {"f:replicas": {}}}
        assert "f:replicas" not in found["me", "Apply", ""]["f:spec"]
        refused = await apply(api, D, deployment(replicas=1))
        assert refused.message == (
            'Apply failed with 1 conflict: conflict with "scaler" with subresource "scale" using apps/v1: '
            ".spec.replicas"
        )
        scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "d"}, "spec": {"replicas": 7}}
        refused = await apply(api, D + "/scale", scale, "other")
        assert refused.code == 409
        taken = await apply(api, D + "/scale", scale, "other", "force=true")
        assert (taken.code, taken.body["spec"]) == (200, {"replicas": 7})
        found = entries(await api.get(D))
        assert found["other", "Apply", "scale"] == {"f:spec": {"f:replicas": {}}}
        assert ("scaler", "Update", "scale") not in found


async def test_what_the_server_adds_is_nobodys() -> None:
    async with running_api() as api:
        answer = await api.post(
            "/api/v1/namespaces/default/services",
            {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}], "selector": {"a": "b"}}},
            query="fieldManager=m",
        )
        assert answer.body["spec"]["clusterIP"]
        owned = entries(answer)["m", "Update", ""]["f:spec"]
        assert "f:clusterIP" not in owned
        assert 'k:{"port":80,"protocol":"TCP"}' in owned["f:ports"]


async def test_one_empty_entry_resets_the_managers() -> None:
    async with running_api() as api:
        await apply(api, A, config_map(a="1"))
        for media, patch in (
            ("application/merge-patch+json", {"metadata": {"managedFields": [{}]}}),
            ("application/json-patch+json", [{"op": "replace", "path": "/metadata/managedFields", "value": [{}]}]),
        ):
            await apply(api, A, config_map(a="2"), query="force=true")
            answer = await api.patch(A, patch, media)
            assert (answer.code, entries(answer)) == (200, {})


async def test_a_manager_of_another_version_is_converted() -> None:
    hpas = "/apis/autoscaling/{}/namespaces/default/horizontalpodautoscalers"
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}
    async with running_api() as api:
        spec = {"maxReplicas": 3, "scaleTargetRef": target, "targetCPUUtilizationPercentage": 50}
        head = {"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"}}
        first = await apply(api, hpas.format("v1") + "/h", {**head, "spec": spec}, "one")
        assert first.code == 201, first
        metrics = [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization"}}}]
        metrics[0]["resource"]["target"]["averageUtilization"] = 60  # type: ignore[index]
        two = {**head, "apiVersion": "autoscaling/v2", "spec": {"scaleTargetRef": target, "maxReplicas": 3}}
        two["spec"]["metrics"] = metrics  # type: ignore[index]
        refused = await apply(api, hpas.format("v2") + "/h", two, "two")
        assert refused.code == 409
        assert refused.body["details"]["causes"][0]["field"] == ".spec.targetCPUUtilizationPercentage"
        forced = await apply(api, hpas.format("v2") + "/h", two, "two", "force=true")
        assert forced.code == 200
        found = entries(forced)
        assert "f:targetCPUUtilizationPercentage" not in found["one", "Apply", ""]["f:spec"]
        assert found["two", "Apply", ""]["f:spec"]["f:metrics"] == {}


async def test_a_last_applied_annotation_is_kept_up_by_kubectl() -> None:
    annotation = "kubectl.kubernetes.io/last-applied-configuration"
    async with running_api() as api:
        obj = config_map(a="1")
        text = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"default"},"data":{"a":"1"}}'
        obj["metadata"]["annotations"] = {annotation: text}
        await api.post(CONFIG_MAPS, obj, query="fieldManager=kubectl-client-side-apply")
        answer = await apply(api, A, config_map(a="2"), "kubectl")
        assert answer.code == 200, answer
        assert '"a":"2"' in answer.body["metadata"]["annotations"][annotation]


async def test_many_managers_at_once_all_get_their_fields() -> None:
    async with running_api() as api:
        answers = await asyncio.gather(*(apply(api, A, config_map(**{f"k{at}": "v"}), f"m{at}") for at in range(20)))
        assert sorted({answer.code for answer in answers}) == [200, 201]
        found = await api.get(A)
        assert set(found.body["data"]) == {f"k{at}" for at in range(20)}
        assert {manager for manager, _, _ in entries(found)} == {f"m{at}" for at in range(20)}


async def test_a_version_in_a_configuration_is_a_precondition() -> None:
    async with running_api() as api:
        first = await apply(api, A, config_map(a="1"))
        config = config_map(a="2")
        config["metadata"]["resourceVersion"] = first.version
        second = await apply(api, A, config)
        assert (second.code, second.body["data"]) == (200, {"a": "2"})
        late = await apply(api, A, config_map(a="3") | {"metadata": config["metadata"]})
        assert (late.code, late.body["reason"]) == (409, "Conflict")
        wrong = config_map(a="3")
        wrong["metadata"]["uid"] = "another"
        assert (await apply(api, A, wrong)).code == 422


async def test_an_apply_starts_over_when_another_write_was_faster() -> None:
    async with running_api() as api:
        await apply(api, A, config_map(a="1"))
        writes = [apply(api, A, config_map(a="1", b=str(at)), "one") for at in range(5)]
        patches = [api.patch(A, {"data": {f"p{at}": "x"}}, query="fieldManager=two") for at in range(5)]
        answers = await asyncio.gather(*writes, *patches)
        assert {answer.code for answer in answers} == {200}
        assert {f"p{at}" for at in range(5)} <= set((await api.get(A)).body["data"])
