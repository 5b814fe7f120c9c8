"""Conformance: namespaces and their status, finalizers; resource quota status; priority and fairness objects."""

from tests.support.api import running_api

NAMESPACES = "/api/v1/namespaces"
QUOTAS = "/api/v1/namespaces/default/resourcequotas"
FLOW = "/apis/flowcontrol.apiserver.k8s.io/v1"


async def test_a_namespace_is_patched() -> None:
    async with running_api() as api:
        await api.post(NAMESPACES, {"metadata": {"name": "n"}})
        patch = {"metadata": {"labels": {"testLabel": "testValue"}}}
        answer = await api.patch(NAMESPACES + "/n", patch, "application/strategic-merge-patch+json")
        assert answer.body["metadata"]["labels"] == {"testLabel": "testValue", "kubernetes.io/metadata.name": "n"}
        found = (await api.get(NAMESPACES, "labelSelector=testLabel%3DtestValue")).body["items"]
        assert [item["metadata"]["name"] for item in found] == ["n"]


async def test_changes_of_a_namespace_status() -> None:
    async with running_api() as api:
        await api.post(NAMESPACES, {"metadata": {"name": "n"}})
        condition = {"type": "StatusPatch", "status": "True", "reason": "E2E", "message": "m"}
        path = NAMESPACES + "/n/status"
        answer = await api.patch(path, {"metadata": {"annotations": {"p": "1"}}, "status": {"conditions": [condition]}})
        assert answer.body["metadata"]["annotations"] == {"p": "1"}
        assert answer.body["status"]["conditions"][0]["type"] == "StatusPatch"
        obj = (await api.get(path)).body
        obj["status"]["conditions"].append({**condition, "type": "StatusUpdate"})
        answer = await api.put(path, obj)
        assert [c["type"] for c in answer.body["status"]["conditions"]] == ["StatusPatch", "StatusUpdate"]
        assert answer.body["status"]["phase"] == "Active"


async def test_an_update_of_a_namespace() -> None:
    async with running_api() as api:
        made = (await api.post(NAMESPACES, {"metadata": {"name": "n"}})).body
        made["metadata"]["labels"]["n"] = "updated"
        answer = await api.put(NAMESPACES + "/n", made)
        assert answer.body["metadata"]["labels"]["n"] == "updated"
        del answer.body["metadata"]["labels"]["kubernetes.io/metadata.name"]


async def test_a_finalizer_is_added_and_taken_away() -> None:
    async with running_api() as api:
        made = (await api.post(NAMESPACES, {"metadata": {"name": "n"}})).body
        made["spec"]["finalizers"].append("e2e.example.com/fake")
        answer = await api.put(NAMESPACES + "/n/finalize", made)
        assert answer.body["spec"]["finalizers"] == ["kubernetes", "e2e.example.com/fake"], answer
        # Only through /finalize: the object itself keeps its finalizers.
        kept = await api.put(NAMESPACES + "/n", {**answer.body, "spec": {"finalizers": []}})
        assert kept.body["spec"]["finalizers"] == ["kubernetes", "e2e.example.com/fake"]
        answer = await api.put(NAMESPACES + "/n/finalize", {**kept.body, "spec": {"finalizers": ["kubernetes"]}})
        assert answer.body["spec"]["finalizers"] == ["kubernetes"]


async def test_changes_of_a_quota_status() -> None:
    async with running_api() as api:
        hard = {"cpu": "500m", "memory": "500Mi"}
        await api.post(QUOTAS, {"metadata": {"name": "q"}, "spec": {"hard": hard}})
        answer = await api.patch(QUOTAS + "/q/status", {"status": {"hard": hard, "used": {"cpu": "0", "memory": "0"}}})
        assert answer.body["status"]["hard"] == hard
        obj = (await api.get(QUOTAS + "/q/status")).body
        obj["status"]["hard"] = {"cpu": "1", "memory": "1Gi"}
        answer = await api.put(QUOTAS + "/q/status", obj)
        assert answer.body["status"]["hard"] == {"cpu": "1", "memory": "1Gi"}
        assert answer.body["spec"]["hard"] == hard
        answer = await api.patch(QUOTAS + "/q", {"spec": {"hard": {"cpu": "2"}}})
        assert answer.body["spec"]["hard"] == {"cpu": "2", "memory": "500Mi"}


async def test_priority_levels_and_flow_schemas_with_their_status() -> None:
    async with running_api() as api:
        level = {"type": "Limited", "limited": {"nominalConcurrencyShares": 2, "limitResponse": {"type": "Reject"}}}
        path = FLOW + "/prioritylevelconfigurations"
        made = await api.post(path, {"metadata": {"name": "l"}, "spec": level})
        assert made.code == 201, made
        assert made.body["metadata"]["generation"] == 1
        condition = {"type": "Dangling", "status": "False", "reason": "R", "message": "m"}
        answer = await api.patch(path + "/l/status", {"status": {"conditions": [condition]}})
        assert answer.body["status"]["conditions"][0]["type"] == "Dangling"
        answer = await api.patch(path + "/l", {"spec": {"limited": {"nominalConcurrencyShares": 4}}})
        assert (answer.body["metadata"]["generation"], answer.body["spec"]["limited"]["nominalConcurrencyShares"]) == (
            2,
            4,
        )
        subjects = [{"kind": "User", "user": {"name": "u"}}]
        rules = {"subjects": subjects, "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/x"]}]}
        flow = {"matchingPrecedence": 9999, "priorityLevelConfiguration": {"name": "l"}, "rules": [rules]}
        made = await api.post(FLOW + "/flowschemas", {"metadata": {"name": "f"}, "spec": flow})
        assert made.code == 201, made
        answer = await api.patch(FLOW + "/flowschemas/f/status", {"status": {"conditions": [condition]}})
        assert answer.body["status"]["conditions"][0]["status"] == "False"
