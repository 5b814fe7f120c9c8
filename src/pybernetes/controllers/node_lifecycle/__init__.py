"""The node lifecycle controller: a node nobody hears from becomes Unknown, is tainted, and its pods are not ready.

`plan.py` decides, `controller.py` keeps one deadline per node. What happens to the pods is decided by the taint
eviction controller. Follows the concept page "Nodes" and KEP-589 (node leases).
"""
