"""The runtime of controllers: from changes of objects to reconciled keys.

    Informer ──sources.py──▶ WorkQueue ──▶ Controller (workers) ──▶ reconcile(key)

* `controller.py`: the worker loop and what its outcomes mean. Read this first; `queue.py` is below it.
* `sources.py`: which key a changed object wakes. `expectations.py`: what was asked for and not yet seen.
* `ownership.py`: controller references, adoption and release.
* `manager.py`: caches, then controllers, under leadership; `config.py`: the settings.
* Facts that several controllers read alike: `pods.py`, `pod_index.py`, `pod_control.py`, `services.py`, `taints.py`,
  `certificate_requests.py`, `jws.py`. They are here because controllers do not know each other.

A reconcile is level-triggered: it reads everything from the caches, decides with pure functions, and writes. It may be
run at any time, any number of times. Nothing is looked at periodically: keys come from changes, or from a timer at a
real deadline (`Result(requeue_after_seconds)`).
"""
