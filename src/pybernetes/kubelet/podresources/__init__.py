"""The pod resources API: monitoring agents ask on a socket which devices, claims and CPUs each container has.

    pod-resources/kubelet.sock ──▶ service.py ──▶ listing.py ──▶ device manager, claim manager, CPU manager

`messages.py` are the messages of v1 (k8s.io/kubelet/pkg/apis/podresources).
"""
