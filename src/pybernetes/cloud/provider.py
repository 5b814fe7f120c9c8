"""The contract between the cloud controllers and a cloud, in the terms of k8s.io/cloud-provider.

    class Example(CloudProvider):
        name = "example"

        def __init__(self, config: str) -> None:          # the text of --cloud-config
            self.instances = ExampleInstances()
            self.load_balancers = None                     # this cloud has none: Services are left alone

Whoever has an interface sets the attribute. All calls may be repeated at any time, also after a crash in the middle of
the last one, and have to lead to the same end; calls for one object never overlap. Any exception means "not yet": it
is told in an event and the call is made again with growing waits, for services 5 s to 5 min.

Nodes and Services are shared objects out of a cache: never change them.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeVar

import msgspec

from ..api.core import LoadBalancerStatus, Node, NodeAddress, Service
from ..client.informers import Informers

T = TypeVar("T")
RETRY_SECONDS = 5.0
"""When a cloud that failed is asked again about a node."""


class ProviderError(Exception):
    """The cloud could not do it; the message reaches users in events."""


class ImplementedElsewhere(ProviderError):
    """Somebody else looks after this load balancer: nothing is written and nothing repeated."""


class RetryLater(ProviderError):
    """It is under way; ask again in so many seconds."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


async def asked(call: Awaitable[T]) -> T:
    """A provider's answer. ProviderError whatever went wrong: so the cloud's troubles are told from our own."""
    try:
        return await call
    except ProviderError:
        raise
    except Exception as error:
        raise ProviderError(str(error) or type(error).__name__) from error


class InstanceMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """What the cloud knows of a node's instance. "" and empty: not known here.

    `provider_id` is `<provider>://<what the cloud calls it>`; it is set once and never changed. `additional_labels` are
    labels of the cloud's own; those below kubernetes.io and k8s.io are left out.
    """

    provider_id: str
    instance_type: str = ""
    addresses: tuple[NodeAddress, ...] = ()
    zone: str = ""
    region: str = ""
    additional_labels: Mapping[str, str] = {}


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Pods of one range are reached by way of one node. `name` is the cloud's own, "" before it exists; a `blackhole`
    leads nowhere any more and is deleted."""

    destination_cidr: str
    target_node: str
    target_addresses: tuple[NodeAddress, ...] = ()
    name: str = ""
    blackhole: bool = False


class Instances(Protocol):
    """The machines behind nodes (InstancesV2). A node without `spec.providerID` is found by its name."""

    async def exists(self, node: Node) -> bool:
        """Whether the instance is there at all, running or not. False has the Node deleted."""

    async def is_shutdown(self, node: Node) -> bool:
        """Whether it is there and does not run."""

    async def metadata(self, node: Node) -> InstanceMetadata | None:
        """What is known; None leaves the node as it is for now."""


class LoadBalancers(Protocol):
    """Load balancers in front of Services. `cluster` tells clusters of one account apart; `nodes` are those that may
    get traffic, ready or not (a load balancer checks their health itself)."""

    async def get(self, cluster: str, service: Service) -> LoadBalancerStatus | None:
        """Its addresses, None when there is none. Nothing is changed."""

    async def ensure(self, cluster: str, service: Service, nodes: Sequence[Node]) -> LoadBalancerStatus:
        """Make it, or bring it up to date with the Service."""

    async def update(self, cluster: str, service: Service, nodes: Sequence[Node]) -> LoadBalancerStatus | None:
        """Only the nodes changed (or what `follow` told). Its addresses if those changed with them, else None."""

    async def delete(self, cluster: str, service: Service) -> None:
        """Remove it and all that belongs to it. None there is no error."""


class Routes(Protocol):
    """Routes to the pods of nodes, in the cloud's network."""

    async def list(self, cluster: str) -> "list[Route]":
        """All of the cluster's."""

    async def create(self, cluster: str, name_hint: str, route: Route) -> None:
        """Make one; the hint is unique to the node."""

    async def delete(self, cluster: str, route: Route) -> None:
        """Remove one that `list` gave."""


class CloudProvider:
    """A cloud: a name and the interfaces it has."""

    name: str = ""
    instances: Instances | None = None
    load_balancers: LoadBalancers | None = None
    routes: Routes | None = None

    def follow(self, informers: Informers, wake: Callable[[str], None]) -> None:
        """Called once before the controllers start, for a provider that reads the cluster itself: `wake` has the load
        balancer of a Service (`namespace/name`) looked at again."""
