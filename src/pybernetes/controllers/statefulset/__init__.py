"""The StatefulSet controller: pods with names, order and storage of their own.

* `plan.py`: what to create, delete and put right next; ordered or parallel, rolling updates. Read this first.
* `identity.py`: names, ordinals, and the pod and claims of one ordinal.
* `claims.py`: who owns the claims under each retention policy (KEP-1847).
* `controller.py`: reads, calls, records events and the status.

Follows the concept page "StatefulSets", KEP-961 (maxUnavailable) and KEP-3335 (start ordinal).
"""
