"""What the proxy counts and shows at 10249."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

from tests.proxy.builders import StillClock, endpoint_slice, service

from pybernetes.api.instants import format_micro_time
from pybernetes.base.http.message import App, Request
from pybernetes.base.tasks import running
from pybernetes.client.client import Client, read_body
from pybernetes.client.in_process import InProcessTransport
from pybernetes.proxy import Proxy, ProxyConfig
from pybernetes.proxy.backend import BackendError, RecordingBackend
from pybernetes.proxy.metrics import ProxyMetrics
from pybernetes.proxy.pages import proxy_pages
from pybernetes.testing import ADMIN, api_server


async def page(app: App, path: str) -> tuple[int, str]:
    answer = await app(Request("GET", path))
    return answer.status, (await read_body(answer)).decode()


def value(text: str, series: str) -> float:
    """That of one series. AssertionError when there is none."""
    found = [line for line in text.splitlines() if line.startswith(f"{series} ")]
    assert len(found) == 1, (series, text)
    return float(found[0].rpartition(" ")[2])


async def test_changes_are_counted_and_timed_until_the_kernel_has_them() -> None:
    async with asyncio.timeout(180), api_server() as server:
        client = Client(InProcessTransport(server.app, ADMIN))
        backend = RecordingBackend()
        proxy = Proxy(ProxyConfig(node_name="n1", health_port=0, metrics_port=0), client, backend)

        async def metrics() -> str:
            status, text = await page(proxy.pages, "/metrics")
            assert status == 200
            return text

        async with running("proxy", proxy.serve):
            before = await metrics()
            synced = value(before, 'kubeproxy_sync_proxy_rules_last_timestamp_seconds{ip_family="IPv4"}')
            changes = value(before, "kubeproxy_sync_proxy_rules_service_changes_total")
            refusals = 'kubeproxy_sync_proxy_rules_nftables_sync_failures_total{ip_family="IPv4"}'
            assert value(before, refusals) == 0
            backend.fail_next = BackendError("no")
            await client.create(service(internalTrafficPolicy="Local"))
            one = endpoint_slice("10.244.1.1", node="n2")
            moment = datetime.now(UTC) + timedelta(hours=1)  # later than the proxy began, whatever this machine is slow
            one.metadata.annotations = {"endpoints.kubernetes.io/last-change-trigger-time": format_micro_time(moment)}
            await client.create(one)
            programmed = 'kubeproxy_network_programming_duration_seconds_count{ip_family="IPv4"} 1'
            while True:
                after = await metrics()
                if programmed in after:
                    break
                await asyncio.sleep(0.01)
            assert value(after, refusals) == 1
            assert value(after, "kubeproxy_sync_proxy_rules_service_changes_total") == changes + 1
            assert value(after, "kubeproxy_sync_proxy_rules_endpoint_changes_total") >= 1
            assert value(after, "kubeproxy_sync_proxy_rules_service_changes_pending") == 0
            assert value(after, "kubeproxy_sync_proxy_rules_endpoint_changes_pending") == 0
            assert value(after, 'kubeproxy_sync_proxy_rules_last_timestamp_seconds{ip_family="IPv4"}') >= synced
            assert value(after, 'kubeproxy_sync_proxy_rules_duration_seconds_count{ip_family="IPv4"}') >= 2
            local = 'kubeproxy_sync_proxy_rules_no_local_endpoints_total{ip_family="IPv4",traffic_policy="internal"}'
            assert value(after, local) == 1
            assert "process_resident_memory_bytes" in after


def test_a_change_waits_until_a_turn_has_taken_it_along() -> None:
    metrics = ProxyMetrics(StillClock(), ("IPv4", "IPv6"))

    def pending(kind: str) -> float:
        return value(metrics.registry.text().decode(), f"kubeproxy_sync_proxy_rules_{kind}_changes_pending")

    for _ in range(2):
        metrics.service_changed("default/web")
    metrics.endpoints_changed("default/web", None)
    assert (pending("service"), pending("endpoint")) == (1, 1)
    metrics.applied(0.1)
    assert (pending("service"), pending("endpoint")) == (0, 0)
    text = metrics.registry.text().decode()
    assert value(text, 'kubeproxy_sync_proxy_rules_duration_seconds_sum{ip_family="IPv6"}') == 0.1
    assert value(text, "kubeproxy_sync_proxy_rules_service_changes_total") == 2


def test_changes_from_before_the_start_say_nothing_about_this_proxy() -> None:
    metrics = ProxyMetrics(StillClock(), ("IPv4",))
    metrics.endpoints_changed("default/web", datetime(2025, 1, 1, tzinfo=UTC))
    metrics.applied(0.1)
    assert "network_programming_duration_seconds_count" not in metrics.registry.text().decode()


async def test_the_pages_are_upstreams() -> None:
    config = ProxyConfig(node_name="n1", pod_cidr="10.244.0.0/16,fd00::/56")
    async with api_server() as server:
        client = Client(InProcessTransport(server.app, ADMIN))
        pages = proxy_pages(config, ProxyMetrics(StillClock(), ("IPv4", "IPv6")), client)
        assert await page(pages, "/healthz") == (200, "ok")
        assert await page(pages, "/proxyMode") == (200, "nftables")
        status, text = await page(pages, "/configz")
        shown = json.loads(text)["kubeproxy.config.k8s.io"]
        assert (status, shown["Mode"], shown["MetricsBindAddress"]) == (200, "nftables", "127.0.0.1:10249")
        assert shown["DetectLocal"] == {"ClusterCIDRs": ["10.244.0.0/16", "fd00::/56"]}
        assert "\nproxy-mode=nftables\n" in (await page(pages, "/flagz"))[1]
        assert "\nPaths: /configz /flagz /healthz /metrics /proxyMode /statusz\n" in (await page(pages, "/statusz"))[1]
        assert (await page(pages, "/other"))[0] == 404
