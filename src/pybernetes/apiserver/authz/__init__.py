"""What an identity may do.

`modes.py` builds the chain: `system:masters` may do everything, then the modes of `--authorization-mode` in order
(Node, RBAC, AlwaysAllow, AlwaysDeny). `rbac.py` answers from an index of bindings, `node.py` from a graph of what the
pods of a node refer to; both are kept current by `ObjectReader.subscribe`, so a decision takes no I/O.

Read `authorizer.py` first. `forbidden.py` holds the words of a refusal, `escalation.py` the rules about writing roles,
`bootstrap_policy.py` the default roles and bindings.
"""
