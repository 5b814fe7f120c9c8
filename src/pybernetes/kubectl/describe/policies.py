"""Autoscalers, disruption budgets, certificate signing requests."""

from __future__ import annotations

from .writer import Context, date, selector_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..objects.item import Item


def autoscaler(context: Context, item: Item) -> None:
    obj = item.client.get(f"/apis/autoscaling/v2/namespaces/{item.namespace}/horizontalpodautoscalers/{item.name}")
    metadata, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    context.field("Name", metadata["name"])
    context.field("Namespace", metadata.get("namespace", ""))
    context.labels("Labels", metadata.get("labels"))
    context.annotations(metadata.get("annotations"))
    context.field("CreationTimestamp", date(metadata.get("creationTimestamp")))
    target = spec.get("scaleTargetRef") or {}
    context.field("Reference", f"{target.get('kind')}/{target.get('name')}")
    context.line(0, "Metrics:\t( current / target )")
    for number, metric in enumerate(spec.get("metrics") or ()):
        current = (status.get("currentMetrics") or [])[number : number + 1]
        context.line(1, _metric(metric, current[0] if current else {}))
    context.field("Min replicas", spec["minReplicas"] if spec.get("minReplicas") is not None else "<unset>")
    context.field("Max replicas", spec.get("maxReplicas", 0))
    if spec.get("behavior"):
        context.line(0, "Behavior:")
        _scaling(context, "Scale Up", spec["behavior"].get("scaleUp"))
        _scaling(context, "Scale Down", spec["behavior"].get("scaleDown"))
    kind = str(target.get("kind", ""))
    context.field(
        f"{kind} pods", f"{status.get('currentReplicas', 0)} current / {status.get('desiredReplicas', 0)} desired"
    )
    conditions = status.get("conditions") or []
    if conditions:
        context.line(0, "Conditions:")
        context.line(1, "Type\tStatus\tReason\tMessage")
        context.line(1, "----\t------\t------\t-------")
        for one in conditions:
            cells = (one["type"], one["status"], one.get("reason", ""), one.get("message", ""))
            context.line(1, "\t".join(str(cell) for cell in cells))
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
            have = f"{seen['averageUtilization']}% ({seen.get('averageValue')})"
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
    return f"<unknown metric type {kind}>"


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
    obj = item.obj
    metadata, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    context.field("Name", metadata["name"])
    context.field("Namespace", metadata.get("namespace", ""))
    if spec.get("minAvailable") is not None:
        context.field("Min available", spec["minAvailable"])
    elif spec.get("maxUnavailable") is not None:
        context.field("Max unavailable", spec["maxUnavailable"])
    context.field("Selector", selector_text(spec.get("selector")) if spec.get("selector") else "<unset>")
    context.line(0, "Status:")
    for title, key in (
        ("Allowed disruptions", "disruptionsAllowed"),
        ("Current", "currentHealthy"),
        ("Desired", "desiredHealthy"),
        ("Total", "expectedPods"),
    ):
        context.line(2, f"{title}:\t{status.get(key, 0)}")
    context.events(item)


def signing_request(context: Context, item: Item) -> None:
    from binascii import a2b_base64

    obj = item.obj
    metadata, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    context.field("Name", metadata["name"])
    context.labels("Labels", metadata.get("labels"))
    context.annotations(metadata.get("annotations"))
    context.field("CreationTimestamp", date(metadata.get("creationTimestamp")))
    context.field("Requesting User", spec.get("username", ""))
    if spec.get("signerName"):
        context.field("Signer", spec["signerName"])
    if spec.get("expirationSeconds") is not None:
        from ..output.age import human

        context.field("Requested Duration", human(spec["expirationSeconds"]))
    words = [one["type"] for one in status.get("conditions") or ()]
    text = next((word for word in ("Approved", "Denied", "Failed") if word in words), "Pending")
    if status.get("certificate") and text == "Approved":
        text += ",Issued"
    context.field("Status", text)
    from pybernetes.base.x509 import SigningRequest

    request = SigningRequest(a2b_base64(spec.get("request", "")))
    context.line(0, "Subject:")
    context.line(2, f"Common Name:\t{request.common_name}")
    context.line(2, "Serial Number:\t")
    if request.organizations:
        context.line(2, "Organization:\t" + "\n    \t".join(request.organizations))
    context.events(item)
