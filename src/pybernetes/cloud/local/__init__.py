"""The provider of clusters of one's own (a laptop, CI, bare metal): the nodes themselves are the load balancers.

    Service of type LoadBalancer ──▶ status.loadBalancer.ingress: the nodes' addresses ──▶ each node's proxy serves them

* `ports.py`: whether the Service's ports are free on the nodes. * `addresses.py`: which nodes' addresses it gets.
* `provider.py`: the provider. Nothing exists outside of the API: what it gave is what the Services say.
"""

from .provider import LocalProvider

__all__ = ["LocalProvider"]
