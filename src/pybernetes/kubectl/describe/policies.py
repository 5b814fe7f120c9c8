"""Autoscalers and disruption budgets."""

from __future__ import annotations

from .words import date, or_unset, selector_text
from .writer import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..objects.item import Item


def autoscaler(context: Context, item: Item) -> None:
    """In the second version where the server has it."""
    where = f"namespaces/{item.namespace}/horizontalpodautoscalers/{item.name}"
    obj = context.get(f"/apis/autoscaling/v2/{where}") or item.client.get(f"/apis/autoscaling/v1/{where}")
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    context.head(item)
    context.field("CreationTimestamp", date(item.obj["metadata"].get("creationTimestamp")))
    target = spec.get("scaleTargetRef") or {}
    context.field("Reference", f"{target.get('kind', '')}/{target.get('name', '')}")
    if obj["apiVersion"] == "autoscaling/v2":
        context.line(0, "Metrics:\t( current / target )")
        seen = status.get("currentMetrics") or []
        for number, metric in enumerate(spec.get("metrics") or ()):
            context.line(1, _metric(metric, seen[number] if number < len(seen) else {}))
    elif spec.get("targetCPUUtilizationPercentage") is not None:
        context.field("Target CPU utilization", f"{spec['targetCPUUtilizationPercentage']}%")
        context.field("Current CPU utilization", f"{status.get('currentCPUUtilizationPercentage', '<unknown>')}%")
    context.field("Min replicas", or_unset(spec.get("minReplicas")))
    context.field("Max replicas", spec.get("maxReplicas", 0))
    if spec.get("behavior"):
        context.line(0, "Behavior:")
        for title, key in (("Scale Up", "scaleUp"), ("Scale Down", "scaleDown")):
            _scaling(context, title, spec["behavior"].get(key))
    replicas = f"{status.get('currentReplicas', 0)} current / {status.get('desiredReplicas', 0)} desired"
    context.field(f"{target.get('kind', '')} pods", replicas)
    conditions = status.get("conditions") or []
    if conditions:
        context.line(0, "Conditions:")
        rows = [(one["type"], one["status"], one.get("reason", ""), one.get("message", "")) for one in conditions]
        context.table(1, "Type|Status|Reason|Message", rows)
    context.events(item)


def _metric(metric: dict[str, Any], current: dict[str, Any]) -> str:
    kind = metric.get("type")
    if kind in ("Resource", "ContainerResource"):
        field = kind[0].lower() + kind[1:]
        source = metric[field]
        target = source.get("target") or {}
        seen = (current.get(field) or {}).get("current") or {}
        what = source["name"] + (f' of container "{source["container"]}"' if source.get("container") else "")
        if target.get("averageValue") is not None:
            have = seen.get("averageValue", "<unknown>")
            return f"resource {what} on pods:\t{have} / {target['averageValue']}"
        have = "<unknown>"
        if seen.get("averageUtilization") is not None:
            have = f"{seen['averageUtilization']}% ({seen.get('averageValue', '<nil>')})"
        wanted = f"{target['averageUtilization']}%" if target.get("averageUtilization") is not None else "<auto>"
        return f"resource {what} on pods  (as a percentage of request):\t{have} / {wanted}"
    if kind == "Pods":
        source = metric["pods"]
        seen = ((current.get("pods") or {}).get("current") or {}).get("averageValue", "<unknown>")
        return f'"{source["metric"]["name"]}" on pods:\t{seen} / {(source.get("target") or {}).get("averageValue")}'
    if kind in ("Object", "External"):
        source = metric[kind.lower()]
        about = source.get("describedObject")
        field = "averageValue" if (source.get("target") or {}).get("averageValue") is not None else "value"
        where = f" on {about['kind']}/{about['name']}" if about else ""
        words = "target average value" if field == "averageValue" else "target value"
        seen = ((current.get(kind.lower()) or {}).get("current") or {}).get(field, "<unknown>")
        return f'"{source["metric"]["name"]}"{where} ({words}):\t{seen} / {(source.get("target") or {}).get(field)}'
    return f'<unknown metric type "{kind}">'


def _scaling(context: Context, title: str, rules: dict[str, Any] | None) -> None:
    if not rules:
        return
    context.line(1, f"{title}:")
    if rules.get("stabilizationWindowSeconds") is not None:
        context.line(2, f"Stabilization Window: {rules['stabilizationWindowSeconds']} seconds")
    policies = rules.get("policies") or []
    if policies:
        context.line(2, f"Select Policy: {rules.get('selectPolicy') or 'Max'}")
        context.line(2, "Policies:")
        for policy in policies:
            context.line(
                3,
                f"- Type: {policy['type']}\tValue: {policy['value']}\tPeriod: {policy['periodSeconds']} seconds",
            )


def budget(context: Context, item: Item) -> None:
    spec, status = item.obj.get("spec") or {}, item.obj.get("status") or {}
    context.named(item)
    for title, key in (("Min available", "minAvailable"), ("Max unavailable", "maxUnavailable")):
        if spec.get(key) is not None:
            context.field(title, spec[key])
            break
    context.field("Selector", "<unset>" if spec.get("selector") is None else selector_text(spec["selector"]))
    context.line(0, "Status:")
    for title, key in (
        ("Allowed disruptions", "disruptionsAllowed"),
        ("Current", "currentHealthy"),
        ("Desired", "desiredHealthy"),
        ("Total", "expectedPods"),
    ):
        context.field(title, status.get(key, 0), 2)
    context.events(item)
