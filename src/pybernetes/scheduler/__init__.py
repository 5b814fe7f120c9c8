"""The scheduler: finds a node for every pod that has none.

Read in this order:

* `scheduler.py`: the whole picture, `Scheduler(client, informers, config).serve(ready)`.
* `framework.py`: the extension points and the values plugins exchange; `profile.py`: which plugins act by default;
  `plugins/`: one file each, strangers to each other.
* `cycle.py`: one decision, synchronous and pure; `diagnosis.py`: why there was none; `preemption.py`: who could go.
* `snapshot.py`: nodes and pods at this moment, with the indexes that keep decisions cheap; `node_info.py` and
  `pod_info.py`: its rows; `matching.py`: selectors, affinity, tolerations.
* `queue.py`: who is next, who rests, who waits for which event; `intake.py`: from informers to snapshot and queue.

Behaviour, weights and message texts follow kube-scheduler v1.36 (docs: "Scheduling Framework", "Pod Priority and
Preemption", "Pod Topology Spread Constraints"; KEP-624, KEP-3521, KEP-4247, KEP-5278).
"""
