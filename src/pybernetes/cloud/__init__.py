"""The cloud controller manager: what a cluster asks of the infrastructure below it, and who asks.

    Node, Service ──▶ controllers ──▶ CloudProvider: instances · load balancers · routes
                          │
                          └──▶ Node (providerID, addresses, zone), Service (status.loadBalancer), events

* `provider.py`: the contract of a provider. Read this first; `docs/cloud.md` shows how to write one.
* `nodes/`: nodes are initialised, kept up to date, and removed when their instance is gone (`cloud-node`,
  `cloud-node-lifecycle`); `routes/`: each node's pod range becomes a route (`node-route`).
* `service/`: Services of type LoadBalancer (`service-lb`).
* `local/`: the built-in provider for clusters of one's own, whose load balancers are the nodes themselves.
* `manager.py`: the controllers under one lease; `providers.py`: providers by name.

Every controller is level-triggered like those in `pybernetes.controllers`; clouds that cannot be watched are asked
again at upstream's intervals, and only about what may have changed there.
"""
