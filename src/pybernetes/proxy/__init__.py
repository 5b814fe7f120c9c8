"""The service proxy: Services and EndpointSlices become nftables maps on every node.

    informers -> model.py (one table of service ports) -> rules.py (maps, sets and chains, pure) -> nftables.py (apply)

`rules.py` explains the layout. It is flat: one element per endpoint instead of one chain, because programming chains
costs the kernel quadratic time (75 s for 10,000 services; 0.3 s with maps) and a change of one service then costs 3 ms
at any size. `pod_network.py` adds what the pods of this node need around the services: routes to the other nodes.
Start with `proxy.py`, the assembly.
"""

from .proxy import Proxy, ProxyConfig

__all__ = ["Proxy", "ProxyConfig"]
