"""Conditional defaults of the kinds that shape the cluster: namespaces, nodes, limits, roles, drivers, custom kinds."""

from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

from ..instants import format_time

Object = dict[str, Any]

RBAC_GROUP = "rbac.authorization.k8s.io"


def _namespace(namespace: Object) -> None:
    metadata = namespace.setdefault("metadata", {})
    name = metadata.get("name")
    if name:
        metadata["labels"] = {**(metadata.get("labels") or {}), "kubernetes.io/metadata.name": name}


def _secret(secret: Object) -> None:
    """`stringData` is only for writing: it is put into `data`."""
    texts = secret.pop("stringData", None)
    if texts:
        encoded = {key: b64encode(text.encode()).decode() for key, text in texts.items()}
        secret["data"] = {**(secret.get("data") or {}), **encoded}


def _node_spec(spec: Object) -> None:
    """The single range and the first of the list are the same; the single one decides."""
    single, ranges = spec.get("podCIDR"), spec.get("podCIDRs")
    if single and (not ranges or ranges[0] != single):
        spec["podCIDRs"] = [single]
    elif ranges and not single:
        spec["podCIDR"] = ranges[0]


def _node_status(status: Object) -> None:
    if status.get("allocatable") is None and status.get("capacity"):
        status["allocatable"] = dict(status["capacity"])


def _limit_range_item(item: Object) -> None:
    if item.get("type") != "Container":
        return
    default = {**(item.get("max") or {}), **(item.get("default") or {})}
    request = {**(item.get("min") or {}), **default, **(item.get("defaultRequest") or {})}
    if default:
        item["default"] = default
    if request:
        item["defaultRequest"] = request


def _subject(subject: Object) -> None:
    if not subject.get("apiGroup") and subject.get("kind") in ("User", "Group"):
        subject["apiGroup"] = RBAC_GROUP


def _csi_driver(driver: Object) -> None:
    spec = driver.setdefault("spec", {})
    if not spec.get("volumeLifecycleModes"):
        spec["volumeLifecycleModes"] = ["Persistent"]
    if spec.get("seLinuxMount") is None:
        spec["seLinuxMount"] = False


def _custom_resource_definition(definition: Object) -> None:
    spec = definition.setdefault("spec", {})
    names = spec.setdefault("names", {})
    kind = names.get("kind") or ""
    if not names.get("singular"):
        names["singular"] = kind.lower()
    if not names.get("listKind") and kind:
        names["listKind"] = kind + "List"
    if spec.get("conversion") is None:
        spec["conversion"] = {"strategy": "None"}
    status = definition.setdefault("status", {})
    if not status.get("storedVersions"):
        stored = [version.get("name", "") for version in spec.get("versions") or () if version.get("storage")]
        if stored:
            status["storedVersions"] = stored[:1]


def _exact_count(request: Object) -> None:
    mode = request.get("allocationMode") or "ExactCount"
    if mode == "ExactCount" and not request.get("count"):
        request["count"] = 1


def _device_request_v1beta1(request: Object) -> None:
    if request.get("deviceClassName"):
        if not request.get("allocationMode"):
            request["allocationMode"] = "ExactCount"
        _exact_count(request)


def _device_taint(taint: Object) -> None:
    if taint.get("timeAdded") is None:
        taint["timeAdded"] = format_time(datetime.now(UTC))


CONDITIONAL = {
    "core/v1.Namespace": _namespace,
    "core/v1.Secret": _secret,
    "core/v1.NodeSpec": _node_spec,
    "core/v1.NodeStatus": _node_status,
    "core/v1.LimitRangeItem": _limit_range_item,
    "rbac/v1.Subject": _subject,
    "storage/v1.CSIDriver": _csi_driver,
    "storage/v1beta1.CSIDriver": _csi_driver,
    "apiextensions/v1.CustomResourceDefinition": _custom_resource_definition,
    "resource/v1.ExactDeviceRequest": _exact_count,
    "resource/v1.DeviceSubRequest": _exact_count,
    "resource/v1beta2.ExactDeviceRequest": _exact_count,
    "resource/v1beta2.DeviceSubRequest": _exact_count,
    "resource/v1beta1.DeviceSubRequest": _exact_count,
    "resource/v1beta1.DeviceRequest": _device_request_v1beta1,
    "resource/v1.DeviceTaint": _device_taint,
    "resource/v1beta2.DeviceTaint": _device_taint,
    "resource/v1beta1.DeviceTaint": _device_taint,
    "resource/v1alpha3.DeviceTaint": _device_taint,
}
