"""Every controller by its name, and the manager that runs them.

    manager = ControllerManager(client_for, ControllerManagerConfig(root_ca=…))
    async with running("controller-manager", manager.serve): ...

`CONTROLLERS` gives the names `--controllers` knows (upstream's), in start order, and the service account in kube-system
as which each acts. The machinery is `reconcile/manager.py`; this is the only module here that knows all controllers.
"""

from collections.abc import Callable

from ..base.clock import SYSTEM_CLOCK, Clock
from ..client.client import Client
from ..reconcile.config import ControllerManagerConfig
from ..reconcile.manager import MANAGER, Registration
from ..reconcile.manager import ControllerManager as GenericManager
from .clusterrole_aggregation import ClusterRoleAggregation
from .deployment.controller import DeploymentController
from .endpoint_slice.controller import EndpointSliceController
from .endpoints import EndpointsController
from .garbage_collector.controller import GarbageCollector
from .namespace import NamespaceController
from .replicaset import ReplicaSetController
from .root_ca_publisher import RootCAPublisher
from .service_account import ServiceAccountController

CONTROLLERS: dict[str, Registration] = {
    "serviceaccount-controller": Registration(ServiceAccountController, "service-account-controller"),
    "root-ca-certificate-publisher-controller": Registration(RootCAPublisher, "root-ca-cert-publisher"),
    "clusterrole-aggregation-controller": Registration(ClusterRoleAggregation, "clusterrole-aggregation-controller"),
    "namespace-controller": Registration(NamespaceController, "namespace-controller"),
    "deployment-controller": Registration(DeploymentController, "deployment-controller"),
    "replicaset-controller": Registration(ReplicaSetController, "replicaset-controller"),
    "endpointslice-controller": Registration(EndpointSliceController, "endpointslice-controller"),
    "endpoints-controller": Registration(EndpointsController, "endpoint-controller"),
    "garbage-collector-controller": Registration(GarbageCollector, "generic-garbage-collector"),
}


class ControllerManager(GenericManager):
    """The manager of all of `CONTROLLERS`; `config.controllers` selects.

    `client_for(name)` gives a client acting as `system:serviceaccount:kube-system:<name>`, or the process' only client;
    for "kube-controller-manager" it acts as the user `system:kube-controller-manager`.
    """

    def __init__(
        self,
        client_for: Callable[[str], Client],
        config: ControllerManagerConfig | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        super().__init__(client_for, config, clock, controllers=CONTROLLERS)


__all__ = ["CONTROLLERS", "MANAGER", "ControllerManager", "ControllerManagerConfig"]
