"""`kubectl autoscale`: a HorizontalPodAutoscaler for something that scales."""

from __future__ import annotations

from ..errors import CommandError, StatusFailure
from ..flags import DRY_RUN, FILES, PRINT
from ..objects.builder import collect
from ..objects.generated import finish
from ..objects.mutation import dry_run_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..objects.item import Item
    from ..session import Session

FLAGS = (
    "cpu='' cpu-percent=-1i32 field-manager='kubectl-autoscale' max=-1i32 memory='' min=-1i32 name='' "
    f"save-config=false {DRY_RUN}{FILES}{PRINT}"
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
    if flags.number("cpu-percent") > 0 and flags.text("cpu"):
        raise CommandError("--cpu-percent and --cpu are mutually exclusive")
    metrics = _metrics(session)
    found = collect(session, latest=False)
    for item in found.each():
        try:
            _autoscale(session, item, metrics)
        except (CommandError, StatusFailure) as error:
            found.errors.append(error)
    found.raise_errors()
    return 0


def _autoscale(session: Session, item: Item, metrics: list[dict[str, Any]]) -> None:
    flags, resource = session.flags, item.resource
    if "scale" not in resource.subresources:
        raise CommandError(
            f"cannot autoscale a {resource.kind}: could not find scale subresource for "
            f"{resource.group}/{resource.version}, Resource={resource.name} in discovery information"
        )
    spec: dict[str, Any] = {
        "scaleTargetRef": {"kind": resource.kind, "name": item.name, "apiVersion": resource.api_version}
    }
    if flags.number("min") > 0:
        spec["minReplicas"] = flags.number("min")
    spec["maxReplicas"] = flags.number("max")
    if metrics:
        spec["metrics"] = metrics
    meta: dict[str, Any] = {"name": flags.text("name") or item.name}
    if session.target.namespace_given:
        meta["namespace"] = item.namespace
    meta["creationTimestamp"] = None
    obj = {"kind": "HorizontalPodAutoscaler", "apiVersion": "autoscaling/v2", "metadata": meta, "spec": spec}
    operation = "created" if dry_run_of(session) == "client" else "autoscaled"
    try:
        finish(session, {**obj, "status": {"desiredReplicas": 0, "currentMetrics": None}}, operation)
    except (CommandError, StatusFailure):
        if set(_targets(metrics)) - {"cpu"}:
            raise
        finish(session, _older(obj, _targets(metrics)), operation)


def _targets(metrics: list[dict[str, Any]]) -> dict[str, int | None]:
    """The utilization aimed for, by the name of a resource; None for what is no utilization."""
    return {one["resource"]["name"]: one["resource"]["target"].get("averageUtilization") for one in metrics}


def _older(obj: dict[str, Any], targets: dict[str, int | None]) -> dict[str, Any]:
    """The same of autoscaling/v1, for servers that have not v2; the stock client tries it after any failure."""
    spec = {key: value for key, value in obj["spec"].items() if key != "metrics"}
    if targets.get("cpu") is not None:
        spec["targetCPUUtilizationPercentage"] = targets["cpu"]
    status = {"currentReplicas": 0, "desiredReplicas": 0}
    return {**obj, "apiVersion": "autoscaling/v1", "spec": spec, "status": status}


def _metrics(session: Session) -> list[dict[str, Any]]:
    """What `--cpu-percent`, `--cpu` and `--memory` aim for. CommandError."""
    flags = session.flags
    targets: dict[str, dict[str, Any]] = {}
    if flags.number("cpu-percent") > 0:
        targets["cpu"] = {"type": "Utilization", "averageUtilization": flags.number("cpu-percent")}
    for name in ("cpu", "memory"):
        if text := flags.text(name):
            targets[name] = target_of(name, text)
    return [{"type": "Resource", "resource": {"name": name, "target": target}} for name, target in targets.items()]


def target_of(name: str, text: str) -> dict[str, Any]:
    """`70%` of what is requested, or a quantity: a bare number of millicores or of MiB. CommandError."""
    if text.endswith("%"):
        digits = text[:-1].removeprefix("+")
        if not (digits.isascii() and digits.isdigit()) or int(digits) >= 1 << 31:
            raise CommandError(f"invalid percentage value: {text[:-1]}")
        return {"type": "Utilization", "averageUtilization": int(digits)}
    from pybernetes.api.quantity import QuantityError, canonical

    try:
        number = float(text) if text[-1].isdigit() else None
    except ValueError:
        number = None
    quantity = text
    if number is not None and name == "cpu":
        quantity = f"{round(number * 1_000_000)}n"
    elif number is not None:
        whole = (number * 1024).is_integer()
        quantity = f"{round(number * 1024)}Ki" if whole else f"{round(number * 1048576 * 1_000_000)}u"
    try:
        return {"type": "AverageValue", "averageValue": canonical(quantity)}
    except QuantityError:
        raise CommandError(f"invalid resource {name} value: {text}") from None
