"""How full claims are, as samples."""

from pybernetes.kubelet.volume_metrics import volume_metrics


def test_each_claim_is_told_once_and_volumes_without_one_are_not() -> None:
    claim = {"pvcRef": {"namespace": "ns", "name": "c"}, "availableBytes": 60, "capacityBytes": 100, "usedBytes": 40}
    text = volume_metrics([claim, claim, {"name": "inline", "usedBytes": 1}])
    assert text.splitlines() == [
        "# HELP kubelet_volume_stats_available_bytes [ALPHA] Number of available bytes in the volume",
        "# TYPE kubelet_volume_stats_available_bytes gauge",
        'kubelet_volume_stats_available_bytes{namespace="ns",persistentvolumeclaim="c"} 60',
        "# HELP kubelet_volume_stats_capacity_bytes [ALPHA] Capacity in bytes of the volume",
        "# TYPE kubelet_volume_stats_capacity_bytes gauge",
        'kubelet_volume_stats_capacity_bytes{namespace="ns",persistentvolumeclaim="c"} 100',
        "# HELP kubelet_volume_stats_used_bytes [ALPHA] Number of used bytes in the volume",
        "# TYPE kubelet_volume_stats_used_bytes gauge",
        'kubelet_volume_stats_used_bytes{namespace="ns",persistentvolumeclaim="c"} 40',
    ]
    assert volume_metrics([]) == ""
