"""Health, version, metrics, discovery, and paths that are not served."""

import asyncio

import pytest
from tests.support.api import CONFIG_MAPS, running_api

from pybernetes import GIT_VERSION
from pybernetes.base.http.health import Health
from pybernetes.base.http.message import Request


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz", "/readyz/ping", "/livez/etcd"])
async def test_a_running_server_is_well(path: str) -> None:
    async with running_api() as api:
        answer = await api.get(path)
        assert (answer.code, answer.raw) == (200, b"ok")


async def test_verbose_health_lists_the_checks() -> None:
    async with running_api() as api:
        text = (await api.get("/livez", "verbose")).raw.decode()
        assert text.startswith("[+]ping ok\n[+]log ok\n[+]etcd ok\n")
        assert text.endswith("livez check passed\n")
        text = (await api.get("/livez", "verbose&exclude=etcd&exclude=nothing")).raw.decode()
        assert "[+]etcd excluded: ok\n" in text
        assert 'no matches for "nothing"' in text
        assert (await api.get("/livez/nothing")).code == 404


HOOKS = (
    "start-apiserver-admission-initializer",
    "generic-apiserver-start-informers",
    "start-apiextensions-informers",
    "start-apiextensions-controllers",
    "crd-informer-synced",
    "bootstrap-controller",
    "start-system-namespaces-controller",
    "scheduling/bootstrap-system-priority-classes",
    "start-cluster-authentication-info-controller",
    "start-kube-aggregator-informers",
    "apiservice-registration-controller",
    "apiservice-status-local-available-controller",
    "kube-apiserver-autoregistration",
    "apiservice-openapi-controller",
)


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz"])
async def test_health_contains_the_checks_that_others_look_for(path: str) -> None:
    """test/e2e/apimachinery/health_handlers.go"""
    checks = ["ping", "log", "etcd", *(f"poststarthook/{name}" for name in HOOKS), "autoregister-completion"]
    if path == "/readyz":
        checks += ["informer-sync", "etcd-readiness", "shutdown"]
    async with running_api(bootstrap=True, aggregation=True) as api:
        answer = await api.get(path, "verbose=1")
        assert answer.code == 200
        assert {f"[+]{name} ok" for name in checks} <= set(answer.raw.decode().split("\n"))
        assert (await api.get(f"{path}/poststarthook/{HOOKS[0]}")).raw == b"ok"


async def test_health_is_silent_about_what_is_switched_off() -> None:
    async with running_api(bootstrap=False, aggregation=False, priority_and_fairness=False) as api:
        text = (await api.get("/readyz", "verbose")).raw.decode()
        assert not [word for word in ("bootstrap", "fairness", "autoregist") if word in text]


async def test_no_health_before_the_start_is_done() -> None:
    async with running_api() as api:
        api.server._state = "starting"  # what it is while the first objects are made
        for path in ("/healthz", "/livez", "/readyz"):
            answer = await api.get(path)
            assert answer.code == 500
            assert "[-]poststarthook/generic-apiserver-start-informers failed: reason withheld" in answer.raw.decode()


async def test_a_failing_check_is_named_without_its_reason() -> None:
    health = Health()
    health.add("ping", lambda: "")
    health.add("disk", lambda: "full", ("readyz",))
    response = await health.page(Request("GET", "/readyz"))
    assert response is not None and response.status == 500
    assert response.body == b"[+]ping ok\n[-]disk failed: reason withheld\nreadyz check failed\n"
    response = await health.page(Request("GET", "/readyz/disk"))
    assert response is not None and response.body == b"internal server error: reason withheld\n"
    response = await health.page(Request("GET", "/livez"))
    assert response is not None and response.body == b"ok"
    assert (await health.trouble("readyz"), await health.trouble("livez")) == ("disk: full", ""), "to its own process"


async def test_readiness_ends_before_the_server_does() -> None:
    async with running_api(shutdown_delay_seconds=3600) as api:
        task = next(task for task in asyncio.all_tasks() if task.get_name() == "apiserver")
        task.cancel()
        await asyncio.sleep(0)  # the delay begins, and ends when the block cancels once more
        assert (await api.get("/readyz")).code == 500
        assert (await api.get("/livez")).code == 200
        assert (await api.get(CONFIG_MAPS)).code == 200


async def test_the_version() -> None:
    async with running_api() as api:
        body = (await api.get("/version")).body
        assert (body["major"], body["minor"], body["gitVersion"]) == ("1", "36", GIT_VERSION)


async def test_metrics_count_requests_and_objects() -> None:
    async with running_api() as api:
        await api.config_map("a")
        watching = await api.watch(CONFIG_MAPS)
        answer = await api.get("/metrics")
        assert answer.header("content-type")[0].startswith("text/plain")
        text = answer.raw.decode()
        assert (
            'apiserver_request_total{verb="POST",dry_run="",group="",version="v1",resource="configmaps",'
            'subresource="",scope="namespace",component="apiserver",code="201"} 1\n'
        ) in text
        assert 'apiserver_storage_objects{resource="configmaps"} 1\n' in text
        assert 'apiserver_registered_watchers{group="",kind="ConfigMap"} 1\n' in text
        watching.body.stop()


async def test_metrics_do_not_grow_with_what_callers_make_up() -> None:
    async with running_api() as api:
        await api.get("/api/v1/namespaces/x/endpoints/a")

        async def series() -> set[str]:
            lines = (await api.get("/metrics")).raw.decode().splitlines()
            found = {line.rpartition(" ")[0] for line in lines if line.startswith("apiserver_request")}
            return {line for line in found if '"/metrics"' not in line}

        async def ask(number: int) -> None:
            for made_up in (
                f"/apis/group{number}/v1/things",
                f"/apis/apps/v{number + 2}/deployments",
                f"/api/v1/things{number}",
                f"{CONFIG_MAPS}/a/sub{number}",
                f"/api/v1/namespaces/x/endpoints/a/sub{number}",
                f"/path{number}",
            ):
                assert (await api.get(made_up)).code == 404
            await api.send(f"METHOD{number}", "/version")

        await ask(0)
        before = await series()
        for number in range(1, 4):
            await ask(number)
        assert await series() == before
        assert not [line for line in before if "things" in line or "sub0" in line or "METHOD0" in line]


async def test_metrics_under_upstreams_stable_names() -> None:
    async with running_api() as api:
        await api.config_map("a")
        await api.get(CONFIG_MAPS)
        await api.get("/api/v1/namespaces/default/endpoints")
        everywhere, here = await api.watch("/api/v1/configmaps"), await api.watch(CONFIG_MAPS)
        text = (await api.get("/metrics")).raw.decode()
        of = 'group="",version="v1",resource="configmaps",subresource="",scope="{}",component="apiserver"'.format
        assert f'apiserver_response_sizes_count{{verb="LIST",dry_run="",{of("namespace")}}} 1\n' in text
        for scope in ("namespace", "cluster"):
            assert f'apiserver_longrunning_requests{{verb="WATCH",{of(scope)}}} 1\n' in text
        for labels in ('type="admit",operation="CREATE",rejected="false"', 'type="validate",operation="CREATE"'):
            assert f"apiserver_admission_step_admission_duration_seconds_count{{{labels}" in text
        asked = 'group="",version="v1",resource="endpoints",subresource="",removed_release=""'
        assert f"apiserver_requested_deprecated_apis{{{asked}}} 1\n" in text
        flow = 'priority_level="exempt",flow_schema="exempt"'
        assert f"apiserver_flowcontrol_dispatched_requests_total{{{flow}}} " in text
        for watching in (everywhere, here):
            watching.body.stop()
        assert "longrunning_requests{" not in (await api.get("/metrics")).raw.decode()


async def test_the_root_lists_paths() -> None:
    async with running_api() as api:
        paths = (await api.get("/")).body["paths"]
        assert {"/api", "/api/v1", "/apis/apps/v1", "/healthz", "/metrics", "/version"} <= set(paths)


async def test_discovery_and_openapi_are_served() -> None:
    async with running_api() as api:
        assert (await api.get("/api/v1")).body["kind"] == "APIResourceList"
        assert (await api.get("/apis")).body["kind"] == "APIGroupList"
        assert "paths" in (await api.get("/openapi/v3")).body


@pytest.mark.parametrize("path", ["/nothing", "/apis/nothing", "/api/v2", "/api/v1/nothing", "/openapi/v4"])
async def test_unknown_paths_are_not_found(path: str) -> None:
    async with running_api() as api:
        answer = await api.get(path)
        assert (answer.code, answer.body["reason"]) == (404, "NotFound")


async def test_reviews_are_answered_and_not_stored() -> None:
    async with running_api() as api:
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        answer = await api.post(path, {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}})
        assert (answer.code, answer.body["status"]["allowed"]) == (201, True)
        assert (await api.get(path)).code == 405


async def test_a_new_cluster_has_its_first_objects() -> None:
    async with running_api(advertise_address="192.0.2.1") as api:
        names = [item["metadata"]["name"] for item in (await api.get("/api/v1/namespaces")).body["items"]]
        assert names == ["default", "kube-node-lease", "kube-public", "kube-system"]
        service = (await api.get("/api/v1/namespaces/default/services/kubernetes")).body
        assert service["spec"]["clusterIP"] == "10.96.0.1"
        slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes"
        assert (await api.get(slices)).body["endpoints"][0]["addresses"] == ["192.0.2.1"]
        classes = (await api.get("/apis/scheduling.k8s.io/v1/priorityclasses")).body["items"]
        assert {item["metadata"]["name"]: item["value"] for item in classes} == {
            "system-cluster-critical": 2_000_000_000,
            "system-node-critical": 2_000_001_000,
        }


async def test_a_second_start_writes_nothing_but_a_new_address() -> None:
    from pybernetes.store.memory import MemoryStore
    from pybernetes.testing import api_server

    class Kept(MemoryStore):
        """Survives the end of `serve`."""

        async def serve(self, ready: asyncio.Event) -> None:
            ready.set()
            await asyncio.get_running_loop().create_future()

    store = Kept()
    async with api_server(store=store, advertise_address="192.0.2.1"):
        revision = await store.revision()
    async with api_server(store=store, advertise_address="192.0.2.1"):
        assert await store.revision() == revision
    async with api_server(store=store, advertise_address="192.0.2.2"):
        assert await store.revision() == revision + 2
