"""Admission webhooks over real HTTPS, as clients of the API meet them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from tests.support.api import CONFIG_MAPS, PODS, Api, running_api
from tests.support.webhook import WebhookServer, allow, deny, patch, webhook_server

GROUP = "/apis/admissionregistration.k8s.io/v1"
MUTATING = f"{GROUP}/mutatingwebhookconfigurations"
VALIDATING = f"{GROUP}/validatingwebhookconfigurations"
Object = dict[str, Any]


@asynccontextmanager
async def stage(**config: Any) -> AsyncIterator[tuple[Api, WebhookServer]]:
    async with webhook_server() as hooks, running_api(**config) as api:
        yield api, hooks


async def configure(api: Api, path: str, name: str, *entries: Object) -> None:
    answer = await api.post(path, {"metadata": {"name": name}, "webhooks": list(entries)})
    assert answer.code == 201, answer


def config_map(name: str = "m", **data: str) -> Object:
    return {"metadata": {"name": name}, "data": data}


async def test_a_denial_carries_the_webhooks_words_and_code() -> None:
    async with stage() as (api, hooks):
        entry = hooks.entry("no", deny("the config map contains unwanted key", code=403, reason="Forbidden"))
        await configure(api, VALIDATING, "v", entry)
        answer = await api.post(CONFIG_MAPS, config_map())
        assert (answer.code, answer.body["reason"]) == (403, "Forbidden")
        metric = "apiserver_admission_webhook_admission_duration_seconds_count"
        labels = 'name="no.example.com",type="validating",operation="CREATE",rejected="true"'
        assert f"{metric}{{{labels}}} 1\n" in (await api.get("/metrics")).raw.decode()
        words = 'admission webhook "no.example.com" denied the request: the config map contains unwanted key'
        assert answer.message == words
        await configure(api, VALIDATING, "w", hooks.entry("mute", deny(), rule={"resources": ["secrets"]}))
        answer = await api.post("/api/v1/namespaces/default/secrets", config_map(a=""))
        assert answer.message == 'admission webhook "mute.example.com" denied the request without explanation'
        assert answer.code == 400


async def test_what_a_webhook_is_asked() -> None:
    async with stage() as (api, hooks):
        await configure(api, VALIDATING, "v", hooks.entry("look", allow, rule={"operations": ["*"]}))
        await api.post(CONFIG_MAPS, config_map(a="1"))
        await api.put(f"{CONFIG_MAPS}/m", config_map(a="2"), query="dryRun=All")
        await api.delete(f"{CONFIG_MAPS}/m")
        create, update, delete = (asked for _, asked in hooks.asked)
        version = {"group": "", "version": "v1"}
        assert create["kind"] == create["requestKind"] == {**version, "kind": "ConfigMap"}
        assert create["resource"] == create["requestResource"] == {**version, "resource": "configmaps"}
        assert create["operation"] == "CREATE" and create["oldObject"] is None and create["dryRun"] is False
        assert create["object"]["data"] == {"a": "1"} and create["object"]["metadata"]["uid"]
        assert (create["namespace"], create["name"]) == ("default", "m")
        assert create["userInfo"]["username"] == "kubernetes-admin"
        assert create["options"]["kind"] == "CreateOptions"
        assert update["operation"] == "UPDATE" and update["dryRun"] is True
        assert (update["object"]["data"], update["oldObject"]["data"]) == ({"a": "2"}, {"a": "1"})
        assert delete["operation"] == "DELETE" and delete["object"] is None
        assert delete["oldObject"]["data"] == {"a": "1"} and delete["options"]["kind"] == "DeleteOptions"


async def test_mutations_happen_in_order_of_the_configurations_names() -> None:
    async with stage() as (api, hooks):
        second = hooks.entry("second", patch({"op": "add", "path": "/data/stage2", "value": "yes"}))
        first = hooks.entry("first", patch({"op": "add", "path": "/data/stage1", "value": "yes"}))
        await configure(api, MUTATING, "b", second)
        await configure(api, MUTATING, "a", first)
        answer = await api.post(CONFIG_MAPS, config_map(start="yes"))
        assert answer.body["data"] == {"start": "yes", "stage1": "yes", "stage2": "yes"}
        assert hooks.names == ["first", "second"]


async def test_defaults_are_filled_in_after_a_mutation_and_unknown_fields_pruned() -> None:
    async with stage() as (api, hooks):
        added = {"name": "init", "image": "init:1", "odd": 1}
        entry = hooks.entry(
            "pods", patch({"op": "add", "path": "/spec/initContainers", "value": [added]}), rule={"resources": ["pods"]}
        )
        await configure(api, MUTATING, "m", entry)
        made = (await api.pod("p")).body
        (container,) = made["spec"]["initContainers"]
        assert container["imagePullPolicy"] == "IfNotPresent"
        assert container["terminationMessagePolicy"] == "File" and "odd" not in container


async def test_a_failing_webhook_refuses_or_is_passed_over() -> None:
    async with stage() as (api, hooks):
        gone = {"service": {"namespace": "default", "name": "gone", "path": "/x"}}
        await configure(api, VALIDATING, "v", hooks.entry("open", allow, clientConfig=gone, failurePolicy="Ignore"))
        assert (await api.post(CONFIG_MAPS, config_map())).code == 201
        await configure(api, VALIDATING, "w", hooks.entry("closed", allow, clientConfig=gone))
        answer = await api.post(CONFIG_MAPS, config_map("n"))
        assert (answer.code, answer.body["reason"]) == (500, "InternalError")
        assert answer.message == (
            'Internal error occurred: failed calling webhook "closed.example.com": failed to call webhook: Post '
            '"https://gone.default.svc:443/x?timeout=10s": services "gone" not found'
        )


async def test_the_time_a_webhook_may_take_is_bounded() -> None:
    async with stage() as (api, hooks):
        never = asyncio.Event()

        async def slow(request: Object) -> Object:
            await never.wait()
            return {"allowed": True}

        await configure(api, VALIDATING, "v", hooks.entry("slow", slow, timeoutSeconds=1))
        answer = await api.post(CONFIG_MAPS, config_map())
        assert answer.code == 500 and answer.message.endswith('/slow?timeout=1s": context deadline exceeded')
        body = {
            "metadata": {"name": "v"},
            "webhooks": [hooks.entry("slow", slow, timeoutSeconds=1, failurePolicy="Ignore")],
        }
        await api.patch(f"{VALIDATING}/v", body)
        assert (await api.post(CONFIG_MAPS, config_map())).code == 201
        never.set()


async def test_selectors_choose_objects_and_namespaces() -> None:
    async with stage() as (api, hooks):
        labelled = {"matchLabels": {"watched": "yes"}}
        await configure(api, VALIDATING, "o", hooks.entry("object", deny("no"), objectSelector=labelled))
        await configure(api, VALIDATING, "n", hooks.entry("namespace", deny("no"), namespaceSelector=labelled))
        await api.post("/api/v1/namespaces", {"metadata": {"name": "quiet"}})
        await api.post("/api/v1/namespaces", {"metadata": {"name": "loud", "labels": {"watched": "yes"}}})
        await api.config_map("plain", "quiet")
        path = "/api/v1/namespaces/{}/configmaps"
        marked = {"metadata": {"name": "x", "labels": {"watched": "yes"}}}
        assert '"object.example.com"' in (await api.post(path.format("quiet"), marked)).message
        assert '"namespace.example.com"' in (await api.post(path.format("loud"), config_map())).message


async def test_match_conditions_are_expressions_on_the_request() -> None:
    async with stage() as (api, hooks):
        conditions = [{"name": "skip-me", "expression": "object.metadata.name != 'skip-me'"}]
        entry = hooks.entry(
            "most", patch({"op": "add", "path": "/data/seen", "value": "1"}), matchConditions=conditions
        )
        await configure(api, MUTATING, "m", entry)
        assert (await api.post(CONFIG_MAPS, config_map("skip-me", a="1"))).body["data"] == {"a": "1"}
        assert (await api.post(CONFIG_MAPS, config_map("other", a="1"))).body["data"]["seen"] == "1"


async def test_a_condition_that_cannot_be_decided_follows_the_failure_policy() -> None:
    async with stage() as (api, hooks):
        conditions = [{"name": "odd", "expression": "object.data.missing == 'x'"}]
        await configure(api, VALIDATING, "v", hooks.entry("odd", allow, matchConditions=conditions))
        answer = await api.post(CONFIG_MAPS, config_map())
        assert answer.code == 403 and "no such key: data" in answer.message
        body = {"webhooks": [hooks.entry("odd", allow, matchConditions=conditions, failurePolicy="Ignore")]}
        assert (await api.patch(f"{VALIDATING}/v", body)).code == 200
        assert (await api.post(CONFIG_MAPS, config_map())).code == 201
        assert hooks.asked == []


async def test_conditions_may_ask_the_authorizer() -> None:
    async with stage() as (api, hooks):
        expression = "authorizer.group('').resource('secrets').namespace('default').check('get').allowed()"
        conditions = [{"name": "may", "expression": expression}]
        await configure(api, VALIDATING, "v", hooks.entry("may", deny("seen"), matchConditions=conditions))
        assert "seen" in (await api.post(CONFIG_MAPS, config_map())).message


async def test_invalid_match_conditions_are_refused() -> None:
    async with stage() as (api, hooks):
        entry = hooks.entry("bad", allow, matchConditions=[{"name": "bad", "expression": "object.metadata..name"}])
        for path in (MUTATING, VALIDATING):
            answer = await api.post(path, {"metadata": {"name": "v"}, "webhooks": [entry]})
            assert answer.code == 422 and "compilation failed" in answer.message


async def test_webhooks_do_not_see_what_configures_them() -> None:
    async with stage() as (api, hooks):
        everything = {"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"]}
        marks = patch({"op": "add", "path": "/metadata/labels", "value": {"touched": "yes"}})
        await configure(api, MUTATING, "all", hooks.entry("touch", marks, rule=everything))
        await configure(api, VALIDATING, "all", hooks.entry("never", deny("no"), rule=everything))
        answer = await api.post(VALIDATING, {"metadata": {"name": "other"}, "webhooks": []})
        assert answer.code == 201 and "labels" not in answer.body["metadata"]
        assert (await api.delete(f"{VALIDATING}/all")).code == 200
        assert (await api.delete(f"{MUTATING}/all")).code == 200


async def test_a_changed_configuration_counts_at_once() -> None:
    async with stage() as (api, hooks):
        await configure(api, VALIDATING, "v", hooks.entry("no", deny("no"), rule={"operations": ["UPDATE"]}))
        assert (await api.post(CONFIG_MAPS, config_map("a"))).code == 201
        steps = [{"op": "replace", "path": "/webhooks/0/rules/0/operations", "value": ["CREATE"]}]
        patched = await api.patch(f"{VALIDATING}/v", steps, media="application/json-patch+json")
        assert patched.code == 200
        assert (await api.post(CONFIG_MAPS, config_map("b"))).code == 400
        await api.delete(VALIDATING)
        assert (await api.post(CONFIG_MAPS, config_map("b"))).code == 201


async def test_configurations_are_listed_and_deleted_together() -> None:
    async with stage() as (api, hooks):
        marks = patch({"op": "add", "path": "/data/seen", "value": "1"})
        for name in ("a", "b"):
            body = {"metadata": {"name": name, "labels": {"set": "x"}}, "webhooks": [hooks.entry(name, marks)]}
            await api.post(MUTATING, body)
        found = (await api.get(MUTATING, "labelSelector=set%3Dx")).body["items"]
        assert [item["metadata"]["name"] for item in found] == ["a", "b"]
        await api.delete(MUTATING, query="labelSelector=set%3Dx")
        assert (await api.post(CONFIG_MAPS, config_map("c", a="1"))).body["data"] == {"a": "1"}


async def test_webhook_resources_are_discoverable() -> None:
    async with stage() as (api, _):
        groups = (await api.get("/apis")).body["groups"]
        group = next(g for g in groups if g["name"] == "admissionregistration.k8s.io")
        assert {"groupVersion": "admissionregistration.k8s.io/v1", "version": "v1"} in group["versions"]
        found = {r["name"] for r in (await api.get(GROUP)).body["resources"]}
        assert {"mutatingwebhookconfigurations", "validatingwebhookconfigurations"} <= found


async def test_attaching_to_a_pod_can_be_denied() -> None:
    async with stage() as (api, hooks):
        rule = {"operations": ["CONNECT"], "resources": ["pods/attach"]}
        await configure(api, VALIDATING, "v", hooks.entry("attach", deny("attaching is not allowed"), rule=rule))

        async def attached(request: Any, info: Any) -> Any:
            raise AssertionError("the stream opened")

        api.server.dispatcher.connect["pods", "attach"] = attached
        await api.pod("p")
        answer = await api.call("POST", f"{PODS}/p/attach", query="container=main&stdin=true&tty=1")
        assert "attaching is not allowed" in answer.message
        ((_, asked),) = hooks.asked
        assert asked["object"] == {
            "kind": "PodAttachOptions",
            "apiVersion": "v1",
            "stdin": True,
            "tty": True,
            "container": "main",
        }
        assert (asked["subResource"], asked["kind"]["kind"]) == ("attach", "PodAttachOptions")


async def test_a_rule_for_another_version_gets_the_object_in_that_version() -> None:
    async with stage() as (api, hooks):
        rule = {"apiGroups": ["autoscaling"], "apiVersions": ["v1"], "resources": ["horizontalpodautoscalers"]}
        step = {"op": "replace", "path": "/spec/targetCPUUtilizationPercentage", "value": 70}
        await configure(api, MUTATING, "m", hooks.entry("old", patch(step), rule=rule))
        target = {"kind": "Deployment", "apiVersion": "apps/v1", "name": "d"}
        metric = {
            "type": "Resource",
            "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
        }
        spec = {"scaleTargetRef": target, "maxReplicas": 3, "metrics": [metric]}
        path = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"
        made = await api.post(path, {"metadata": {"name": "h"}, "spec": spec})
        assert made.body["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 70
        ((_, asked),) = hooks.asked
        assert asked["object"]["apiVersion"] == "autoscaling/v1"
        assert (asked["resource"]["version"], asked["requestResource"]["version"]) == ("v1", "v2")
        exact = hooks.entry("exact", deny("no"), rule=rule, matchPolicy="Exact")
        await configure(api, VALIDATING, "v", exact)
        assert (await api.post(path, {"metadata": {"name": "i"}, "spec": spec})).code == 201


async def test_a_late_change_lets_earlier_webhooks_look_again() -> None:
    async with stage() as (api, hooks):

        def early(request: Object) -> Object:
            if "late" not in request["object"]["data"]:
                return {"allowed": True}
            return patch({"op": "add", "path": "/data/early", "value": "saw it"})(request)  # type: ignore[return-value]

        late = patch({"op": "add", "path": "/data/late", "value": "1"})
        await configure(api, MUTATING, "a", hooks.entry("early", early, reinvocationPolicy="IfNeeded"))
        await configure(api, MUTATING, "b", hooks.entry("late", late))
        answer = await api.post(CONFIG_MAPS, config_map(a="1"))
        assert answer.body["data"] == {"a": "1", "late": "1", "early": "saw it"}
        assert hooks.names == ["early", "late", "early"]


async def test_dry_run_needs_a_webhook_without_side_effects() -> None:
    async with stage() as (api, hooks):
        await configure(api, VALIDATING, "v", hooks.entry("pure", allow, sideEffects="NoneOnDryRun"))
        assert (await api.post(CONFIG_MAPS, config_map(), query="dryRun=All")).code == 201
        assert hooks.asked[0][1]["dryRun"] is True and hooks.asked[0][1]["options"]["dryRun"] == ["All"]


async def test_warnings_reach_the_client() -> None:
    async with stage() as (api, hooks):
        await configure(api, VALIDATING, "v", hooks.entry("warn", lambda _: {"allowed": True, "warnings": ["careful"]}))
        assert (await api.post(CONFIG_MAPS, config_map())).header("warning") == ['299 - "careful"']


async def test_nonsense_is_a_failure() -> None:
    cases = {
        b"{}": "received invalid webhook response: webhook response was absent",
        b'{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","response":{"uid":"x","allowed":true}}': (
            'got "x"'
        ),
    }
    async with stage() as (api, hooks):
        answers = iter(cases)
        await configure(api, VALIDATING, "v", hooks.entry("odd", lambda _: {"raw": next(answers)}))
        for expected in cases.values():
            assert expected in (await api.post(CONFIG_MAPS, config_map())).message


async def test_a_patch_that_does_not_fit_is_an_error() -> None:
    async with stage() as (api, hooks):
        await configure(api, MUTATING, "m", hooks.entry("odd", patch({"op": "remove", "path": "/data/none"})))
        assert (await api.post(CONFIG_MAPS, config_map(a="1"))).code == 500


async def test_validating_webhooks_are_asked_together() -> None:
    async with stage() as (api, hooks):
        both = asyncio.Barrier(2)

        async def meet(request: Object) -> Object:
            await both.wait()
            return {"allowed": True}

        await configure(api, VALIDATING, "v", hooks.entry("one", meet), hooks.entry("two", meet))
        assert (await api.post(CONFIG_MAPS, config_map())).code == 201


async def test_a_service_reference_is_resolved_and_checked_by_name() -> None:
    async with webhook_server(names=("hook.default.svc",)) as hooks, running_api() as api:
        spec = {"type": "ExternalName", "externalName": "127.0.0.1.nip.invalid"}
        await api.post("/api/v1/namespaces/default/services", {"metadata": {"name": "hook"}, "spec": spec})
        entry = hooks.entry("svc", deny("reached"))
        service = {"namespace": "default", "name": "hook", "path": "/svc", "port": hooks.http.port}
        entry["clientConfig"] = {"service": service, "caBundle": entry["clientConfig"]["caBundle"]}
        await configure(api, VALIDATING, "v", entry)
        assert "no such host" in (await api.post(CONFIG_MAPS, config_map())).message
        await api.patch("/api/v1/namespaces/default/services/hook", {"spec": {"externalName": "localhost"}})
        assert "reached" in (await api.post(CONFIG_MAPS, config_map())).message


async def test_a_bundle_of_authorities_that_is_none_fails_the_call() -> None:
    async with stage() as (api, hooks):
        entry = hooks.entry("bundle", deny("reached"))
        entry["clientConfig"] = {**entry["clientConfig"], "caBundle": "YWJj"}
        await configure(api, VALIDATING, "v", entry)
        answer = await api.post(CONFIG_MAPS, config_map())
        assert (answer.code, answer.message) == (
            500,
            f'Internal error occurred: failed calling webhook "{entry["name"]}": could not get REST client: '
            "unable to load root certificates: unable to parse bytes as PEM block",
        )


async def test_scale_is_seen_as_a_scale() -> None:
    async with stage() as (api, hooks):
        rule = {"operations": ["UPDATE"], "apiGroups": ["apps"], "resources": ["deployments/scale"]}
        step = {"op": "replace", "path": "/spec/replicas", "value": 4}
        await configure(api, MUTATING, "m", hooks.entry("scale", patch(step), rule=rule))
        template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "c"}]}}
        spec = {"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "template": template}
        path = "/apis/apps/v1/namespaces/default/deployments"
        await api.post(path, {"metadata": {"name": "d"}, "spec": spec})
        answer = await api.patch(f"{path}/d/scale", {"spec": {"replicas": 2}})
        assert answer.body["spec"] == {"replicas": 4}
        ((_, asked),) = hooks.asked
        assert asked["kind"] == {"group": "autoscaling", "version": "v1", "kind": "Scale"}


async def test_a_review_of_the_old_version_is_sent_when_only_that_is_understood() -> None:
    async with stage() as (api, hooks):
        await configure(api, VALIDATING, "v", hooks.entry("old", allow, admissionReviewVersions=["v1beta1"]))
        assert (await api.post(CONFIG_MAPS, config_map())).code == 201
        assert hooks.reviews[0]["apiVersion"] == "admission.k8s.io/v1beta1"
        assert orjson.dumps(hooks.reviews[0])
