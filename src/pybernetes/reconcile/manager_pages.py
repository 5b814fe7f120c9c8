"""What a controller manager shows over HTTPS, as upstream's on port 10257 (of a cloud: 10258).

    /healthz                             leaderElection, and each controller that runs here
    /metrics                             queues, leadership, who runs, requests, the process; controllers' own
    /configz /statusz /flagz             settings and state

Who waits for the lease is healthy. A leader is not once its lease has been expired for 20 s: it should have stopped
leading long ago, so something hangs. Who may see what: `client/component_pages.py`.
"""

import asyncio
from typing import Any

from ..base.clock import Clock
from ..base.go_text import duration_text, go_text
from ..base.http.health import Health
from ..base.http.server import HttpServer
from ..base.metrics import Gauge, Registry, add_process_metrics
from ..client.client import Client
from ..client.component_pages import ComponentPages, config_page, metrics_page
from ..client.leader import LeaseTimes
from .config import ControllerManagerConfig
from .manager import LEASE_NAMESPACE, MANAGER, ControllerManager

LEASE_TIMEOUT_SECONDS = 20.0
CONFIGURATION = "kubecontrollermanager.config.k8s.io"


class ManagerPages:
    """The pages of the manager named `name`. `manager` is set while one is served here.

    `client` asks the API server about callers; `client_ca` (PEM) is whose client certificates are believed.
    """

    def __init__(
        self,
        client: Client,
        clock: Clock,
        *,
        name: str = MANAGER,
        configuration: str = CONFIGURATION,
        client_ca: bytes | None = None,
    ) -> None:
        """`configuration` is the name of the settings on `/configz`."""
        self.manager: ControllerManager | None = None
        self._name = name
        self._requests = client.metrics
        self._own = Registry()
        add_process_metrics(self._own)
        self._leads = Gauge(
            "leader_election_master_status",
            "Gauge of if the reporting system is master of the relevant lease, 0 indicates backup, 1 indicates master. "
            "'name' is the string used to identify the lease. Please make sure to group by name.",
            ("name",),
        )
        self._own.add(self._leads)
        self._own.on_collect(self._collect)
        self._pages = ComponentPages(
            name, self._health, client, clock, flags=lambda: flags(self._config), client_ca=client_ca
        )
        self._pages.pages["/metrics"] = metrics_page(self._metrics)
        self._pages.pages["/configz"] = config_page(configuration, lambda: shown(self._config, name))

    def server(self, host: str, port: int) -> HttpServer:
        """Serves the pages."""
        return self._pages.server(host, port)

    async def trouble(self) -> str:
        """What `/healthz` fails for, "" when it does not."""
        return await self._health().trouble("healthz")

    async def follow(self, manager: ControllerManager, ready: asyncio.Event) -> None:
        """Serve the manager and show it meanwhile."""
        self.manager = manager
        try:
            await manager.serve(ready)
        finally:
            self.manager = None

    @property
    def _config(self) -> ControllerManagerConfig:
        return self.manager.config if self.manager is not None else ControllerManagerConfig()

    def _health(self) -> Health:
        found = Health(("healthz",))
        manager = self.manager
        if manager is not None:
            if manager.elector is not None:
                found.add("leaderElection", self._lease_is_held)
            for name in manager.running:
                found.add(name, lambda: "")
        return found

    def _lease_is_held(self) -> str:
        elector = self.manager.elector if self.manager is not None else None
        if elector is None or elector.overdue_seconds <= LEASE_TIMEOUT_SECONDS:
            return ""
        return f"failed election to renew leadership on lease {self._name}"

    def _collect(self) -> None:
        elector = self.manager.elector if self.manager is not None else None
        self._leads.values.clear()
        if elector is not None:
            self._leads.set(int(elector.is_leader), (self._name,))

    def _metrics(self) -> bytes:
        controllers = self.manager.metrics.text() if self.manager is not None and self.manager.running else b""
        return controllers + self._requests.text() + self._own.text()


def flags(config: ControllerManagerConfig) -> dict[str, str]:
    """The settings as upstream's flags; keys and certificates are not among them."""
    found = {
        "allocate-node-cidrs": config.allocate_node_cidrs,
        "cluster-cidr": ",".join(config.cluster_cidrs),
        "concurrent-deployment-syncs": config.concurrent_reconciles,
        "concurrent-namespace-syncs": config.namespace_concurrency,
        "controllers": config.controllers,
        "horizontal-pod-autoscaler-sync-period": config.horizontal_pod_autoscaler_sync_period_seconds,
        "leader-elect": config.leader_elect,
        "max-endpoints-per-slice": config.max_endpoints_per_slice,
        "node-cidr-mask-size-ipv4": config.node_cidr_mask_ipv4,
        "node-cidr-mask-size-ipv6": config.node_cidr_mask_ipv6,
        "node-eviction-rate": str(config.node_eviction_rate),
        "node-monitor-grace-period": config.node_monitor_grace_period_seconds,
        "node-startup-grace-period": config.node_startup_grace_period_seconds,
        "service-cluster-ip-range": ",".join(config.service_cidrs),
        "terminated-pod-gc-threshold": config.terminated_pod_gc_threshold,
    }
    return {name: go_text(value) for name, value in found.items()}


def shown(config: ControllerManagerConfig, lease: str = MANAGER) -> dict[str, Any]:
    """The settings in force as upstream's KubeControllerManagerConfiguration, whose names begin with capitals."""
    times = LeaseTimes()
    return {
        "Generic": {
            "Controllers": list(config.controllers),
            "LeaderElection": {
                "LeaderElect": config.leader_elect,
                "LeaseDuration": duration_text(times.lease_duration_seconds),
                "RenewDeadline": duration_text(times.renew_deadline_seconds),
                "ResourceLock": "leases",
                "ResourceName": lease,
                "ResourceNamespace": LEASE_NAMESPACE,
                "RetryPeriod": duration_text(times.retry_period_seconds),
            },
        },
        "KubeCloudShared": {
            "AllocateNodeCIDRs": config.allocate_node_cidrs,
            "ClusterCIDR": ",".join(config.cluster_cidrs),
        },
        "EndpointSliceController": {"MaxEndpointsPerSlice": config.max_endpoints_per_slice},
        "HPAController": {
            "HorizontalPodAutoscalerSyncPeriod": duration_text(config.horizontal_pod_autoscaler_sync_period_seconds)
        },
        "NamespaceController": {"ConcurrentNamespaceSyncs": config.namespace_concurrency},
        "NodeIPAMController": {
            "ServiceCIDR": ",".join(config.service_cidrs),
            "NodeCIDRMaskSizeIPv4": config.node_cidr_mask_ipv4,
            "NodeCIDRMaskSizeIPv6": config.node_cidr_mask_ipv6,
        },
        "NodeLifecycleController": {
            "NodeEvictionRate": config.node_eviction_rate,
            "NodeMonitorGracePeriod": duration_text(config.node_monitor_grace_period_seconds),
            "NodeStartupGracePeriod": duration_text(config.node_startup_grace_period_seconds),
        },
        "PodGCController": {"TerminatedPodGCThreshold": config.terminated_pod_gc_threshold},
    }
