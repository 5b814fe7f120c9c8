"""The Deployment controller: declarative updates of ReplicaSets.

* `plan.py`: which ReplicaSet gets how many replicas (rolling update, recreate, proportional scaling). Read this first.
* `revision.py`: which ReplicaSet is the new one, template hashes, revision annotations, history.
* `status.py`: status numbers and the conditions Available, Progressing, ReplicaFailure.
* `controller.py`: the shell that reads, calls and records events.

Follows upstream's `pkg/controller/deployment` and the Deployment concept page.
"""
