"""`kubectl autoscale`: a HorizontalPodAutoscaler for something that scales."""

from __future__ import annotations

from ..errors import CommandError
from ..flags import DRY_RUN, FILES, PRINT
from ..objects.builder import collect
from ..objects.generated import finish

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

FLAGS = (
    "cpu='' cpu-percent=-1 field-manager='kubectl-autoscale' max=-1 memory='' min=-1 name='' save-config=false "
    f"{DRY_RUN}{FILES}{PRINT}"
)


def run(session: Session) -> int:
    flags = session.flags
    if not flags.changed("max"):
        raise CommandError('required flag(s) "max" not set')
    low, high = flags.number("min"), flags.number("max")
    if high < 1:
        raise CommandError(f"--max=MAXPODS is required and must be at least 1, max: {high}")
    if high < low:
        raise CommandError(f"--max=MAXPODS must be larger or equal to --min=MINPODS, max: {high}, min: {low}")
    found = collect(session, latest=False)
    for item in found.items:
        resource = item.resource
        if "scale" not in resource.subresources:
            raise CommandError(
                f"cannot autoscale a {resource.kind}: could not find scale subresource for "
                f"{resource.group}/{resource.version}, Resource={resource.name} in discovery information"
            )
        spec: dict[str, Any] = {
            "scaleTargetRef": {"kind": resource.kind, "name": item.name, "apiVersion": resource.api_version}
        }
        if low > 0:
            spec["minReplicas"] = low
        spec["maxReplicas"] = high
        if flags.number("cpu-percent") >= 0:
            target = {"type": "Utilization", "averageUtilization": flags.number("cpu-percent")}
            spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
        meta: dict[str, Any] = {"name": flags.text("name") or item.name}
        if session.target.namespace_given:
            meta["namespace"] = item.namespace
        meta["creationTimestamp"] = None
        obj = {
            "kind": "HorizontalPodAutoscaler",
            "apiVersion": "autoscaling/v2",
            "metadata": meta,
            "spec": spec,
            "status": {"desiredReplicas": 0, "currentMetrics": None},
        }
        finish(session, obj, "autoscaled")
    found.raise_errors()
    return 0
