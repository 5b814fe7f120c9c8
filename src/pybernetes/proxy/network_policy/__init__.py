"""NetworkPolicies in the kernel of one node.

    policies, pods, namespaces ──▶ compile (compiling.py, pure) ──▶ Rules ──▶ difference (table.py, pure) ──▶ nft

A pod that some policy selects is isolated in that policy's directions: what no policy allows is dropped. Of the pods on
this node, packets that are forwarded are judged, after service addresses were translated; so a policy names pods and
their ports, never services. What a pod exchanges with its own node, or with itself, is always allowed (Network Policies
in the Kubernetes documentation).
"""

from .enforcer import NetworkPolicyEnforcer

__all__ = ["NetworkPolicyEnforcer"]
