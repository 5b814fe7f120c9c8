"""API Priority and Fairness: no client starves the others (flowcontrol.apiserver.k8s.io, KEP-1040).

    request -> FlowSchema (`schemas.py`) -> priority level (`level.py`): exempt | seats free: run | queue | 429

Every request is sorted by the first FlowSchema that matches it into a priority level; levels share the server's seats
by weight and lend what they do not use (`shares.py`). Inside a level flows are dealt to queues by shuffle sharding
(`shuffle.py`) and the queues are served fairly. `flow_control.py` keeps all this in step with the objects, `filter.py`
is what a request passes, `objects.py` the objects that every cluster has.
"""
