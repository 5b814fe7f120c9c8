"""The garbage collector: dependents follow their owners (background, foreground, orphan).

* `graph.py`: who owns whom, kept from metadata watches; pure, says which objects need a look. Read this first.
* `plan.py`: what to do with one object: nothing, drop references, delete, wait.
* `controller.py`: watches every deletable resource as metadata only, and carries out the plans.

Follows the API page "Garbage Collection" and upstream's `pkg/controller/garbagecollector`.
"""
