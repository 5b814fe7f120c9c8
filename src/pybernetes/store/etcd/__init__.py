"""The store over real etcd, for several control planes.

`store.py` is the `Store`; `connection.py` makes the calls and moves on to another member when one is gone; `feed.py` is
the one watch of everything, from which all local watchers are served; `messages.py` holds etcd's messages as Structs;
`members.py` asks who belongs to the cluster and changes it.
Read `store.py` first.
"""

from .connection import EtcdAddress
from .store import EtcdStore

__all__ = ["EtcdAddress", "EtcdStore"]
