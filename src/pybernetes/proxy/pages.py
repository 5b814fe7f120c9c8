"""What the proxy shows of itself to everybody of its machine, as upstream's at 127.0.0.1:10249 over plain HTTP.

/healthz    it runs (whether it does its work, `health.py` tells at 10256)
/proxyMode  nftables
/metrics    rules, health checks, requests to the API, the process
/configz /statusz /flagz
"""

from typing import Any

from ..base.go_text import duration_text
from ..base.http.health import Health
from ..base.http.message import Request, Response
from ..base.http.net import join_host_port
from ..client.client import Client
from ..client.component_pages import OpenPages, config_page, metrics_page
from .config import MIN_INTERVAL_SECONDS, ProxyConfig
from .metrics import ProxyMetrics

MODE = "nftables"


def proxy_pages(config: ProxyConfig, metrics: ProxyMetrics, client: Client) -> OpenPages:
    """The pages, an App."""
    health = Health(("healthz",))
    health.add("ping", lambda: "")
    found = OpenPages("kube-proxy", lambda: health, flags=lambda: flags(config))
    found.pages["/proxyMode"] = _mode
    found.pages["/metrics"] = metrics_page(lambda: metrics.registry.text() + client.metrics.text())
    found.pages["/configz"] = config_page("kubeproxy.config.k8s.io", lambda: shown(config))
    return found


def _mode(request: Request) -> Response:
    headers = [("content-type", "text/plain; charset=utf-8"), ("x-content-type-options", "nosniff")]
    return Response(200, headers, MODE.encode())


def flags(config: ProxyConfig) -> dict[str, str]:
    """The settings as upstream's flags."""
    return {
        "cluster-cidr": config.pod_cidr,
        "healthz-bind-address": _bound(config.health_host, config.health_port),
        "hostname-override": config.node_name,
        "metrics-bind-address": _bound(config.metrics_host, config.metrics_port),
        "proxy-mode": MODE,
    }


def shown(config: ProxyConfig) -> dict[str, Any]:
    """The settings in force as upstream's KubeProxyConfiguration, whose names begin with capitals."""
    return {
        "HostnameOverride": config.node_name,
        "HealthzBindAddress": _bound(config.health_host, config.health_port),
        "MetricsBindAddress": _bound(config.metrics_host, config.metrics_port),
        "Mode": MODE,
        "DetectLocalMode": "ClusterCIDR",
        "DetectLocal": {"ClusterCIDRs": config.pod_cidr.split(",")},
        "MinSyncPeriod": duration_text(MIN_INTERVAL_SECONDS),
    }


def _bound(host: str, port: int) -> str:
    return join_host_port(host, port) if port else ""
