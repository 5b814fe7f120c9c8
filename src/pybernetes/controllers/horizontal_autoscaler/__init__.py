"""The horizontal pod autoscaler: workloads follow their load.

* `replicas.py`: from the pods' usage to a number of replicas. Pure; read this first.
* `behavior.py`: how fast that number may be approached: stabilisation, policies, limits. Pure.
* `metrics.py`: the three metrics APIs (resource, custom, external).
* `evaluate.py`: one metric of a spec: read, compute, report.
* `controller.py`: one autoscaler every fifteen seconds: scale read, compared, written; conditions and events.

Follows the concept page "Horizontal Pod Autoscaling", KEP-853 (behaviours) and KEP-4951 (tolerance).
"""
