"""Which part of a pod's status is written when it changes."""

from typing import Any

import pytest

from pybernetes.api.core import PodCondition, PodStatus
from pybernetes.kubelet.status_manager import status_patch


def status(*conditions: PodCondition) -> PodStatus:
    return PodStatus(phase="Running", conditions=list(conditions))


UNREADY = PodCondition(type="Ready", status="False", reason="ContainersNotReady", message="web")
READY = PodCondition(type="Ready", status="True")
OF_OTHERS = PodCondition(type="DisruptionTarget", status="True", reason="EvictionByEvictionAPI")
OURS = PodCondition(type="DisruptionTarget", status="True", reason="TerminationByKubelet")
RESIZING = PodCondition(type="PodResizeInProgress", status="True")


@pytest.mark.parametrize(
    ("before", "after", "written"),
    [
        ([UNREADY], [UNREADY], None),
        ([UNREADY], [READY], [{"type": "Ready", "status": "True", "reason": None, "message": None}]),
        ([], [UNREADY], [{"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "web"}]),
        ([], [OF_OTHERS], None),
        ([], [OURS], [{"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet"}]),
        ([RESIZING], [], [{"$patch": "delete", "type": "PodResizeInProgress"}]),
    ],
)
def test_conditions_are_written_when_they_are_ours_and_changed(
    before: list[PodCondition], after: list[PodCondition], written: list[dict[str, Any]] | None
) -> None:
    patch = status_patch(status(*before), status(*after), "uid-1")
    found = patch["status"].get("conditions") if patch is not None else None
    assert found == written
