"""The DaemonSet controller: one pod on every node that suits.

`plan.py` decides where pods belong and how an update proceeds; `controller.py` reads and writes. The pods are bound by
the scheduler: each carries a node affinity for its one node (KEP-548).
"""
