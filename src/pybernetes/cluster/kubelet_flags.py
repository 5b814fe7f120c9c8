"""The flags of upstream's `kubelet` that `--kubelet-arg NAME=VALUE` understands. Data: what they become is decided in
`commands/kubelet_args.py`, `docs/cluster.md` is checked against them.

Names and meanings: kubernetes.io/docs/reference/command-line-tools-reference/kubelet. Defaults are in brackets.
"""

from collections.abc import Mapping

from ..kubelet import eviction_thresholds
from .kube_flags import BOOLEAN, DURATION, INTEGER, LIST, MAP, STRING

EVICTION_HARD: Mapping[str, str] = {
    **eviction_thresholds.EVICTION_HARD,
    "nodefs.available": "5%",
    "imagefs.available": "5%",
}
IMAGE_GC_HIGH_PERCENT, IMAGE_GC_LOW_PERCENT = 95, 90
"""Upstream's are 10%, 15%, 85 and 80, for disks that belong to a node alone. Those of laptops and CI machines are often
fuller than that, and images that were imported do not come back once they are collected."""

FLAGS: dict[str, tuple[str, str]] = {
    "allowed-unsafe-sysctls": (LIST, "kernel parameters that pods may set beside the safe ones, such as net.core.*"),
    "config": (STRING, "a file with a KubeletConfiguration; flags count more"),
    "cpu-manager-policy": (STRING, "static: whole CPUs of Guaranteed pods are theirs alone (none)"),
    "cpu-manager-policy-options": (MAP, "full-pcpus-only=true, strict-cpu-reservation=true"),
    "eviction-hard": (STRING, "SIGNAL<AMOUNT, comma-separated: with less left, pods are evicted"),
    "eviction-max-pod-grace-period": (INTEGER, "seconds that pods have to end that a soft threshold evicts (0)"),
    "eviction-minimum-reclaim": (MAP, "SIGNAL=AMOUNT: so much more than the threshold must be left again"),
    "eviction-pressure-transition-period": (DURATION, "a pressure of the node goes so long after its end (5m0s)"),
    "eviction-soft": (STRING, "as eviction-hard, for what has to hold for a while"),
    "eviction-soft-grace-period": (MAP, "SIGNAL=DURATION: for how long"),
    "image-gc-high-threshold": (INTEGER, "unused images go when so many % of the disk are used (95); 100: never"),
    "image-gc-low-threshold": (INTEGER, "and until so many % are (90)"),
    "max-parallel-image-pulls": (INTEGER, "images pulled at a time, with serialize-image-pulls=false (any number)"),
    "max-pods": (INTEGER, "pods of the node (110)"),
    "minimum-image-ttl-duration": (DURATION, "an unused image stays at least so long (2m0s)"),
    "node-labels": (MAP, "labels given to the node when it registers"),
    "node-status-update-frequency": (DURATION, "the node's status is looked at so often (10s)"),
    "pod-max-pids": (INTEGER, "processes of one pod (as the machine has it)"),
    "reserved-cpus": (STRING, "CPUs that no container has alone, such as 0,4-5"),
    "resolv-conf": (STRING, "what pods with dnsPolicy Default use (/etc/resolv.conf)"),
    "root-dir": (STRING, "a link to the kubelet's directory, such as /var/lib/kubelet: docs/storage.md"),
    "seccomp-default": (BOOLEAN, "containers without a seccomp profile get the runtime's (false)"),
    "serialize-image-pulls": (BOOLEAN, "one image at a time (true)"),
    "shutdown-grace-period": (DURATION, "pods have so long to end when the node is told to (0s: they go on)"),
    "shutdown-grace-period-critical-pods": (DURATION, "the part of it that is kept for critical pods (0s)"),
    "system-reserved": (MAP, "cpu, memory and ephemeral-storage that pods may not request"),
    "topology-manager-policy": (STRING, "best-effort, restricted or single-numa-node for such CPUs (none)"),
    "topology-manager-scope": (STRING, "each container for itself, or the pod as a whole (container)"),
}  # fmt: skip
