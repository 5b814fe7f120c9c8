"""The Job controller: pods that run to completion, counted exactly once.

* `assess.py`: what the pods amount to, and whether the Job succeeded or failed. Read this first.
* `indexes.py`: completion indexes, and their text form `1,3-5`.
* `failure_policy.py`: `podFailurePolicy` rules applied to a failed pod.
* `controller.py`: creates, deletes and counts; finalizers keep a pod until it is counted (KEP-2307).

Follows the concept page "Jobs" and upstream's `pkg/controller/job`.
"""
