"""Cluster DNS: the names of services and pods, everything else forwarded.

    datagram -> server.py -> chain.py -> plugins/kubernetes.py (over view.py, from informers) -> plugins/forward.py

`message.py` is the codec, without I/O. The records follow the Kubernetes DNS specification.
"""

from .server import DnsConfig, DnsServer

__all__ = ["DnsConfig", "DnsServer"]
