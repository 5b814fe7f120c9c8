"""The service proxy: Services and EndpointSlices become nftables maps on every node.

    informers -> model.py (what a service's ports mean here) -> rules.py (their entries: elements and chains, pure)
              -> ruleset.py (the table: what differs from the kernel) -> backend.py (nft, conntrack, ip)

`README.md` explains the layout. It is flat: one map element per endpoint instead of one chain, because programming
chains costs the kernel quadratic time; a change of one service costs the same few milliseconds at any size.
`pod_network.py` adds what the pods of this node need around the services: routes to the other nodes.
`health.py` and `pages.py` are what it shows of itself.
Start with `proxy.py`, the assembly.
"""

from .config import ProxyConfig
from .proxy import Proxy

__all__ = ["Proxy", "ProxyConfig"]
