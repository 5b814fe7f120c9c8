"""What the kubelet asks of the operating system: mounts, cgroups, file-system usage.

`protocol.py` is the contract (`Kernel`), `linux.py` the real one (system calls through libc, no subprocess),
`recording.py` the twin for tests. On top of it:

* `resources.py`: pure arithmetic from requests and limits to shares, quota, limits and OOM score.
* `cgroups.py`: the pod-level cgroups by QoS class, over one of two layouts: `cgroup_v1.py`, `cgroup_v2.py`, which
  share the interface of `cgroup_layout.py`.
* `cgroup_mounts.py`: which layout this machine has, read from mountinfo.

Read `protocol.py` first.
"""
