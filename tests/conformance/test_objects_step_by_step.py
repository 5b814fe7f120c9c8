"""Conformance of [sig-instrumentation], [sig-node] and [sig-network] that the API server alone answers for, step by
step, in protobuf as the suite's typed clients do it."""

from typing import Any

import orjson
from tests.conformance.steps import (
    CORE,
    MERGE,
    OPTIONS,
    STRATEGIC,
    Object,
    gone,
    made,
    names,
    of,
    pod,
    pod_template,
    without_versions,
)
from tests.support.typed_api import TypedApi, typed_api

from pybernetes.api.user import UserInfo

# Events


def event(name: str, label: str) -> Object:
    return of(
        "Event",
        name,
        "events.k8s.io/v1",
        metadata={"labels": {label: "true"}},
        regarding={"namespace": "default"},
        eventTime="2017-09-19T13:49:16.000000Z",
        note=f"This is {name}",
        action="Do",
        reason="Test",
        type="Normal",
        reportingController="test-controller",
        reportingInstance="test-node",
    )


async def test_an_event_is_fetched_patched_deleted_and_listed() -> None:
    """Events API should ensure that an event can be fetched, patched, deleted, and listed."""
    everywhere = "/apis/events.k8s.io/v1/events"
    here = "/apis/events.k8s.io/v1/namespaces/default/events"
    async with typed_api() as api:
        await made(api, here, event("event-test", "testevent-constant"))
        for path in (everywhere, here):
            assert await names(api, path, "testevent-constant=true") == ["event-test"]
        assert await names(api, f"{CORE}/events", fields="source=test-controller") == ["event-test"]
        assert await names(api, here, fields="reportingController=test-controller") == ["event-test"]
        first = (await api.get(f"{here}/event-test")).body
        series = {"count": 2, "lastObservedTime": "2017-09-19T13:49:11.000000Z"}
        assert (await api.patch(f"{here}/event-test", {"series": series}, STRATEGIC)).code == 200
        then = (await api.get(f"{here}/event-test")).body
        assert without_versions(then) == without_versions({**first, "series": series})
        series = {"count": 100, "lastObservedTime": "2017-09-19T13:49:16.000000Z"}
        update = {**without_versions(then), "series": series}
        assert (await api.put(f"{here}/event-test", update)).code == 200
        assert without_versions((await api.get(f"{here}/event-test")).body) == update
        assert (await api.delete(f"{here}/event-test", OPTIONS)).code == 200
        for path in (everywhere, here):
            assert await names(api, path, "testevent-constant=true") == []


async def test_events_are_deleted_as_a_collection() -> None:
    """Events API should delete a collection of events; Events should delete a collection of events."""
    for path, group in ((f"{CORE}/events", "v1"), ("/apis/events.k8s.io/v1/namespaces/default/events", "events")):
        async with typed_api() as api:
            for number in (1, 2, 3):
                one = event(f"test-event-{number}", "testevent-set")
                if group == "v1":
                    one = core_event(f"test-event-{number}", "testevent-set")
                await made(api, path, one)
            assert len(await names(api, path, "testevent-set=true")) == 3
            assert (await api.delete(path, OPTIONS, query="labelSelector=testevent-set%3Dtrue")).code == 200
            assert await names(api, path, "testevent-set=true") == []


def core_event(name: str, label: str) -> Object:
    fields: Object = {"reason": "Test", "type": "Normal", "count": 1, "involvedObject": {"namespace": "default"}}
    return of("Event", name, metadata={"labels": {label: "true"}}, message="This is a test event", **fields)


async def test_the_life_of_an_event() -> None:
    """Events should manage the lifecycle of an event."""
    async with typed_api() as api:
        here = f"{CORE}/events/event-test"
        await made(api, f"{CORE}/events", core_event("event-test", "testevent-constant"))
        assert await names(api, "/api/v1/events", "testevent-constant=true") == ["event-test"]
        message = "This is a test event - patched"
        assert (await api.patch(here, {"message": message}, STRATEGIC)).code == 200
        found = (await api.get(here)).body
        assert found["message"] == message
        series = {"count": 100, "lastObservedTime": "2017-09-19T13:49:16.000000Z"}
        update = {**without_versions(found), "series": series}
        assert (await api.put(here, update)).code == 200
        assert without_versions((await api.get(here)).body) == update
        assert (await api.delete(here, OPTIONS)).code == 200
        assert await names(api, "/api/v1/events", "testevent-constant=true") == []


# Leases, templates, config maps, secrets, nodes


async def test_the_lease_api_is_available() -> None:
    """Lease lease API should be available: with times of the year one."""
    path = "/apis/coordination.k8s.io/v1/namespaces/default/leases"

    def spec(holder: str, duration: int, acquired: str, renewed: str, transitions: int) -> Object:
        times = {"acquireTime": f"0001-01-01T00:{acquired}.000000Z", "renewTime": f"0001-01-01T00:{renewed}.000000Z"}
        return {"holderIdentity": holder, "leaseDurationSeconds": duration, "leaseTransitions": transitions, **times}

    async with typed_api() as api:
        first = spec("holder", 30, "00:02", "00:05", 0)
        created = await made(api, path, of("Lease", "lease", "coordination.k8s.io/v1", spec=first))
        assert (await api.get(f"{path}/lease")).body["spec"] == first
        second = spec("holder2", 30, "00:20", "00:50", 1)
        assert (await api.put(f"{path}/lease", {**created, "spec": second})).code == 200
        assert (await api.get(f"{path}/lease")).body["spec"] == second
        third = spec("holder3", 60, "00:50", "01:10", 2)
        assert (await api.patch(f"{path}/lease", {"spec": third}, STRATEGIC)).code == 200
        read = await api.get(f"{path}/lease")
        assert read.body["spec"] == third
        assert int(created["metadata"]["resourceVersion"]) < int(read.version)
        labels = {"labels": {"deletecollection": "true"}}
        await made(api, path, of("Lease", "lease2", "coordination.k8s.io/v1", metadata=labels, spec=first))
        assert await names(api, path) == ["lease", "lease2"]
        assert (await api.delete(path, OPTIONS, query="labelSelector=deletecollection%3Dtrue")).code == 200
        assert await names(api, path) == ["lease"]
        assert (await api.delete(f"{path}/lease", OPTIONS)).code == 200
        await gone(api, f"{path}/lease")
        assert (await api.get("/apis/coordination.k8s.io/v1/leases")).code == 200


async def test_the_life_of_pod_templates() -> None:
    """PodTemplates should run the lifecycle of PodTemplates; should delete a collection; should replace."""
    path = f"{CORE}/podtemplates"
    async with typed_api() as api:
        assert await names(api, "/api/v1/podtemplates", "podtemplate-static=true") == []
        await made(api, path, pod_template("nginx-pod-template", **{"podtemplate-static": "true"}))
        before = await api.get(f"{path}/nginx-pod-template")
        patched = await api.patch(
            f"{path}/nginx-pod-template", {"metadata": {"labels": {"podtemplate": "patched"}}}, STRATEGIC
        )
        assert int(before.version) < int(patched.version)
        found = (await api.get(f"{path}/nginx-pod-template")).body
        assert found["metadata"]["labels"]["podtemplate"] == "patched"
        assert (await api.delete(f"{path}/nginx-pod-template", OPTIONS)).code == 200
        assert await names(api, "/api/v1/podtemplates", "podtemplate-static=true") == []
        for number in (1, 2, 3):
            await made(api, path, pod_template(f"test-podtemplate-{number}", **{"podtemplate-set": "true"}))
        assert len(await names(api, path, "podtemplate-set=true")) == 3
        assert (await api.delete(path, OPTIONS, query="labelSelector=podtemplate-set%3Dtrue")).code == 200
        assert await names(api, path, "podtemplate-set=true") == []
        await made(api, path, pod_template("podtemplate-abcde"))
        read = (await api.get(f"{path}/podtemplate-abcde")).body
        read["metadata"]["annotations"] = {"updated": "true"}
        replaced = await api.put(f"{path}/podtemplate-abcde", read)
        assert replaced.body["metadata"]["annotations"] == {"updated": "true"}


async def test_the_life_of_a_config_map() -> None:
    """ConfigMap should run through a ConfigMap lifecycle; should update; should fail with an empty key."""
    path = f"{CORE}/configmaps"
    async with typed_api() as api:
        static = {"labels": {"test-configmap-static": "true"}}
        await made(api, path, of("ConfigMap", "test-configmap", metadata=static, data={"valueName": "value"}))
        patch = {
            "metadata": {"creationTimestamp": None, "labels": {"test-configmap": "patched"}},
            "data": {"valueName": "value1"},
        }
        assert (await api.patch(f"{path}/test-configmap", patch, STRATEGIC)).code == 200
        assert await names(api, "/api/v1/configmaps", "test-configmap=patched") == ["test-configmap"]
        found = (await api.get(f"{path}/test-configmap")).body
        assert found["data"] == {"valueName": "value1"} and found["metadata"]["creationTimestamp"]
        assert (
            await api.put(f"{path}/test-configmap", of("ConfigMap", "test-configmap", data={"data": "value"}))
        ).code == 200
        assert (await api.get(f"{path}/test-configmap")).body["data"] == {"data": "value"}
        await api.delete(path, OPTIONS, query="labelSelector=test-configmap-static%3Dtrue")
        empty = await api.post(path, of("ConfigMap", "configmap-test-emptykey", data={"": "value-1"}))
        assert empty.code == 422
        assert empty.message.startswith('ConfigMap "configmap-test-emptykey" is invalid: data[]: Invalid value: "":')


async def test_a_secret_is_patched() -> None:
    """Secrets should patch a secret; should fail to create secret due to empty secret key."""
    path = f"{CORE}/secrets"
    async with typed_api() as api:
        labels = {"labels": {"testsecret-constant": "true"}}
        secret = of("Secret", "test-secret", metadata=labels, data={"key": "dmFsdWU="}, type="Opaque")
        await made(api, path, secret)
        assert await names(api, "/api/v1/secrets", "testsecret-constant=true") == ["test-secret"]
        patch = {"metadata": {"labels": {"testsecret": "true"}}, "data": {"key": "dmFsdWUx"}}
        assert (await api.patch(f"{path}/test-secret", patch, STRATEGIC)).code == 200
        found = (await api.get(f"{path}/test-secret")).body
        assert (found["data"], found["type"]) == ({"key": "dmFsdWUx"}, "Opaque")
        await api.delete(path, OPTIONS, query="labelSelector=testsecret%3Dtrue")
        assert await names(api, "/api/v1/secrets", "testsecret-constant=true") == []
        assert (await api.post(path, of("Secret", "empty", data={"": "dmFsdWU="}))).code == 422


async def test_the_life_of_a_node() -> None:
    """Node Lifecycle should run through the lifecycle of a node."""
    async with typed_api() as api:
        name, here = "e2e-fake-node-abcde", "/api/v1/nodes/e2e-fake-node-abcde"
        ready = {"type": "Ready", "status": "True", "reason": "E2E", "message": "Set from e2e test"}
        status = {"phase": "Running", "conditions": [ready]}
        created = await made(api, "/api/v1/nodes", of("Node", name, spec={}, status=status))
        assert created["status"]["phase"] == "Running" and created["status"]["conditions"][0]["type"] == "Ready"
        patched = await api.patch(here, {"metadata": {"labels": {name: "patched"}}}, STRATEGIC)
        assert patched.body["metadata"]["labels"][name] == "patched"
        assert await names(api, "/api/v1/nodes", f"{name}=patched") == [name]
        found = (await api.get(here)).body
        found["metadata"]["labels"][name] = "updated"
        assert (await api.put(here, found)).body["metadata"]["labels"][name] == "updated"
        assert (await api.delete(here, OPTIONS)).code == 200
        await gone(api, here)


# RuntimeClasses


def runtime_class(name: str, **fields: Any) -> Object:
    labels = {"labels": {"test": "x"}}
    return of("RuntimeClass", name, "node.k8s.io/v1", metadata=labels, handler=f"{name}-handler", **fields)


async def test_operations_on_runtime_classes() -> None:
    """RuntimeClass should support RuntimeClasses API operations."""
    path = "/apis/node.k8s.io/v1/runtimeclasses"
    async with typed_api() as api:
        first = await made(api, path, runtime_class("one"))
        again = await api.post(path, runtime_class("one"))
        assert (again.code, again.body["reason"]) == (409, "AlreadyExists")
        await made(api, path, runtime_class("two"))
        watching = await api.watch(path, "labelSelector=test%3Dx")
        await made(api, path, runtime_class("three"))
        assert (await api.get(f"{path}/one")).body["metadata"]["uid"] == first["metadata"]["uid"]
        assert len(await names(api, path, "test=x")) == 3
        patched = (await api.patch(f"{path}/one", {"metadata": {"annotations": {"patched": "true"}}}, MERGE)).body
        patched["metadata"]["annotations"]["updated"] = "true"
        updated = await api.put(f"{path}/one", patched)
        assert updated.body["metadata"]["annotations"] == {"patched": "true", "updated": "true"}
        await watching.received(5)
        assert [kind for kind, _ in watching.seen] == ["ADDED"] * 3 + ["MODIFIED"] * 2
        assert (await api.delete(f"{path}/one", OPTIONS)).code == 200
        await gone(api, f"{path}/one")
        assert len(await names(api, path, "test=x")) == 2
        assert (await api.delete(path, OPTIONS, query="labelSelector=test%3Dx")).code == 200
        assert await names(api, path, "test=x") == []


async def test_pods_with_a_runtime_class() -> None:
    """RuntimeClass should reject a Pod requesting a non-existent, or a deleted RuntimeClass; its overhead."""
    path = "/apis/node.k8s.io/v1/runtimeclasses"
    async with typed_api() as api:
        answer = await api.post(f"{CORE}/pods", pod("rejected", runtimeClassName="nonexistent"))
        assert (answer.code, answer.body["reason"]) == (403, "Forbidden")
        assert answer.message == ('pods "rejected" is forbidden: pod rejected: RuntimeClass "nonexistent" not found')
        await made(api, path, runtime_class("plain"))
        plain = await made(api, f"{CORE}/pods", pod("plain", runtimeClassName="plain"))
        assert "overhead" not in plain["spec"]
        fixed = {"cpu": "10m", "memory": "1Mi"}
        await made(api, path, runtime_class("heavy", overhead={"podFixed": fixed}))
        heavy = await made(api, f"{CORE}/pods", pod("heavy", runtimeClassName="heavy"))
        assert heavy["spec"]["overhead"] == fixed
        await api.delete(f"{path}/plain", OPTIONS)
        assert (await api.post(f"{CORE}/pods", pod("late", runtimeClassName="plain"))).code == 403


# Ranges and addresses of services


async def test_operations_on_service_cidrs() -> None:
    """ServiceCIDR and IPAddress API should support ServiceCIDR API operations."""
    path = "/apis/networking.k8s.io/v1/servicecidrs"
    async with typed_api() as api:
        await api.settle()
        patch = {"metadata": {"annotations": {"patched": "true"}}}
        patched = await api.patch(f"{path}/kubernetes", patch, MERGE)
        assert patched.code == 200, patched
        found = (await api.get(f"{path}/kubernetes")).body
        found["metadata"]["annotations"]["updated"] = "true"
        updated = await api.put(f"{path}/kubernetes", found)
        assert updated.body["metadata"]["annotations"] == {"patched": "true", "updated": "true"}
        assert "kubernetes" in await names(api, path)
        assert (await api.watch(path)).events[0]["object"]["metadata"]["name"] == "kubernetes"


async def test_operations_on_ip_addresses() -> None:
    """ServiceCIDR and IPAddress API should support IPAddress API operations."""
    path = "/apis/networking.k8s.io/v1/ipaddresses"
    parent = {"group": "mygroup", "resource": "myresources", "namespace": "foo", "name": "bar"}

    def address(name: str, kind: str) -> Object:
        metadata = {"labels": {"type": kind}}
        return of("IPAddress", name, "networking.k8s.io/v1", metadata=metadata, spec={"parentRef": parent})

    async with typed_api() as api:
        one, six = "255.255.255.255", "fe80::42:1dff:fe84:f9e2"
        assert (await made(api, path, address(one, "broadcast")))["spec"]["parentRef"] == parent
        await made(api, path, address(six, "link-local"))
        assert (await api.patch(f"{path}/{one}", {"metadata": {"annotations": {"patched": "true"}}}, MERGE)).code == 200
        found = (await api.get(f"{path}/{one}")).body
        found["metadata"]["annotations"]["updated"] = "true"
        assert (await api.put(f"{path}/{one}", found)).body["metadata"]["annotations"]["updated"] == "true"
        assert await names(api, path, "type=broadcast") == [one]
        assert (await api.watch(path, "labelSelector=type%3Dbroadcast")).seen == [("ADDED", one)]
        assert (await api.delete(f"{path}/{one}", OPTIONS)).code == 200
        assert (await api.delete(path, OPTIONS, query="labelSelector=type%3Dlink-local")).code == 200
        assert await names(api, path, "type=link-local") == []


# Who am I, and what may a node


async def test_who_somebody_is() -> None:
    """SelfSubjectReview should support SelfSubjectReview API operations, by impersonation."""
    async with typed_api() as api:
        headers = [
            ("impersonate-user", "jane-doe"),
            ("impersonate-uid", "uniq-id"),
            ("impersonate-group", "system:authenticated"),
            ("impersonate-group", "developers"),
            ("impersonate-extra-known-languages", "python"),
            ("impersonate-extra-known-languages", "javascript"),
            ("content-type", "application/json"),
        ]
        path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        response = await api.send("POST", path, b"{}", headers=headers)
        found = orjson.loads(response.body)["status"]["userInfo"]  # type: ignore[arg-type]
        assert found == {
            "username": "jane-doe",
            "uid": "uniq-id",
            "groups": ["system:authenticated", "developers"],
            "extra": {"known-languages": ["python", "javascript"]},
        }


async def test_what_a_node_may_read_and_do() -> None:
    """NodeAuthorizer: seven tests of test/e2e/auth/node_authz.go."""
    async with typed_api(authorization_modes=("Node", "RBAC"), enable_admission=("NodeRestriction",)) as api:
        node = TypedApi(api.server, UserInfo("system:node:n", groups=("system:nodes", "system:authenticated")))
        await made(api, "/api/v1/nodes", of("Node", "n"))

        async def forbidden(path: str) -> None:
            answer = await node.get(path)
            assert (answer.code, answer.body["reason"]) == (403, "Forbidden"), answer

        for plural, kind in (("secrets", "Secret"), ("configmaps", "ConfigMap")):
            await forbidden(f"{CORE}/{plural}/foo")
            await made(api, f"{CORE}/{plural}", of(kind, "node-auth"))
            await forbidden(f"{CORE}/{plural}/node-auth")
        volume = {"name": "node-auth-secret", "secret": {"secretName": "node-auth"}}
        await made(api, f"{CORE}/pods", pod("pause", nodeName="n", volumes=[volume]))
        await api.settle()
        assert (await node.get(f"{CORE}/secrets/node-auth")).code == 200
        assert (await node.post("/api/v1/nodes", of("Node", "foo"))).code == 403
        assert (await node.delete("/api/v1/nodes/foo", OPTIONS)).code == 403
