"""Cells that need a decision, by resource (as in the print-column table) and column name."""

from datetime import datetime
from typing import Any

from ...api.age import human
from . import network, pods
from .columns import Cell, age, dig, format_label_selector, format_labels

_ACCESS_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def _condition(obj: dict[str, Any], kind: str) -> dict[str, Any]:
    conditions = obj.get("conditions") or dig(obj, "status.conditions") or ()
    return next((c for c in conditions if c.get("type") == kind), {})


def _component_status(obj: dict[str, Any], now: datetime) -> str:
    status = _condition(obj, "Healthy").get("status", "Unknown")
    return {"True": "Healthy", "False": "Unhealthy"}.get(status, "Unknown")


def _event_object(obj: dict[str, Any], now: datetime) -> str:
    target = obj.get("involvedObject") or obj.get("regarding") or {}
    kind = str(target.get("kind") or "").lower()
    return f"{kind}/{target['name']}" if target.get("name") else kind


def _event_source(obj: dict[str, Any], now: datetime) -> str:
    source = obj.get("source") or obj.get("deprecatedSource") or {}
    component = source.get("component") or obj.get("reportingComponent") or obj.get("reportingController") or ""
    host = source.get("host") or obj.get("reportingInstance") or ""
    return f"{component}, {host}" if host else str(component)


def _event_first(obj: dict[str, Any], now: datetime) -> str:
    return age(obj.get("firstTimestamp") or obj.get("deprecatedFirstTimestamp") or obj.get("eventTime"), now)


def _event_last(obj: dict[str, Any], now: datetime) -> str:
    stamp = dig(obj, "series.lastObservedTime") or obj.get("lastTimestamp") or obj.get("deprecatedLastTimestamp")
    return age(stamp, now) if stamp else _event_first(obj, now)


def _event_count(obj: dict[str, Any], now: datetime) -> str:
    return str(dig(obj, "series.count") or obj.get("count") or obj.get("deprecatedCount") or 1)


def _event_message(obj: dict[str, Any], now: datetime) -> str:
    return str(obj.get("message") or obj.get("note") or "").strip()


def _event_subobject(obj: dict[str, Any], now: datetime) -> str:
    return str(dig(obj, "involvedObject.fieldPath") or dig(obj, "regarding.fieldPath") or "")


_EVENT: dict[str, Cell] = {
    "Last Seen": _event_last,
    "Object": _event_object,
    "Subobject": _event_subobject,
    "Source": _event_source,
    "Message": _event_message,
    "First Seen": _event_first,
    "Count": _event_count,
}


def _node_status(obj: dict[str, Any], now: datetime) -> str:
    status = _condition(obj, "Ready").get("status")
    text = "Unknown" if status is None else "Ready" if status == "True" else "NotReady"
    return text + ",SchedulingDisabled" if dig(obj, "spec.unschedulable") else text


def _node_roles(obj: dict[str, Any], now: datetime) -> str:
    labels = dig(obj, "metadata.labels") or {}
    prefix = "node-role.kubernetes.io/"
    roles = {key.removeprefix(prefix) for key in labels if key.startswith(prefix) and len(key) > len(prefix)}
    if labels.get("kubernetes.io/role"):
        roles.add(labels["kubernetes.io/role"])
    return ",".join(sorted(roles)) or "<none>"


def _node_address(kind: str) -> Cell:
    def cell(obj: dict[str, Any], now: datetime) -> str:
        addresses = dig(obj, "status.addresses") or ()
        return next((str(a["address"]) for a in addresses if a.get("type") == kind), "<none>")

    return cell


def _node_kernel(obj: dict[str, Any], now: datetime) -> str:
    info = dig(obj, "status.nodeInfo") or {}
    if not info.get("kernelVersion"):
        return "<unknown>"
    return f"{info['kernelVersion']} ({info['architecture']})" if info.get("architecture") else info["kernelVersion"]


def _phase(obj: dict[str, Any], now: datetime) -> str:
    return "Terminating" if dig(obj, "metadata.deletionTimestamp") else str(dig(obj, "status.phase") or "")


def _storage_class(obj: dict[str, Any], now: datetime) -> str:
    marks = dig(obj, "metadata.annotations") or {}
    return str(marks.get("volume.beta.kubernetes.io/storage-class") or dig(obj, "spec.storageClassName") or "")


def _access_modes(modes: Any) -> str:
    return ",".join(_ACCESS_MODES[m] for m in _ACCESS_MODES if m in (modes or ()))


def _claim_capacity(obj: dict[str, Any], now: datetime) -> str:
    return str(dig(obj, "status.capacity.storage") or "") if dig(obj, "spec.volumeName") else ""


def _claim_modes(obj: dict[str, Any], now: datetime) -> str:
    return _access_modes(dig(obj, "status.accessModes")) if dig(obj, "spec.volumeName") else ""


def _volume_claim(obj: dict[str, Any], now: datetime) -> str:
    claim = dig(obj, "spec.claimRef")
    return f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else ""


def _quota(limits: bool) -> Cell:
    def cell(obj: dict[str, Any], now: datetime) -> str:
        hard = dig(obj, "status.hard") or {}
        used = dig(obj, "status.used") or {}
        names = sorted(name for name in hard if name.startswith("limits.") is limits)
        return ", ".join(f"{name}: {used.get(name, '0')}/{hard[name]}" for name in names)

    return cell


def _api_service(obj: dict[str, Any], now: datetime) -> str:
    service = dig(obj, "spec.service")
    return f"{service.get('namespace', '')}/{service.get('name', '')}" if service else "Local"


def _api_service_available(obj: dict[str, Any], now: datetime) -> str:
    condition = _condition(obj, "Available")
    status = condition.get("status", "Unknown")
    return status if status == "True" or not condition.get("reason") else f"{status} ({condition['reason']})"


def _controller_owner(obj: dict[str, Any], now: datetime) -> str:
    for owner in dig(obj, "metadata.ownerReferences") or ():
        if owner.get("controller"):
            group = owner["apiVersion"].partition("/")[0] if "/" in owner["apiVersion"] else ""
            kind = owner["kind"].lower()
            return f"{kind}.{group}/{owner['name']}" if group else f"{kind}/{owner['name']}"
    return "<none>"


def _job_status(obj: dict[str, Any], now: datetime) -> str:
    def holds(kind: str) -> bool:
        return _condition(obj, kind).get("status") == "True"

    for kind in ("Complete", "Failed"):
        if holds(kind):
            return kind
    if dig(obj, "metadata.deletionTimestamp"):
        return "Terminating"
    for kind in ("Suspended", "FailureTarget", "SuccessCriteriaMet"):
        if holds(kind):
            return kind
    return "Running"


def _job_completions(obj: dict[str, Any], now: datetime) -> str:
    succeeded = dig(obj, "status.succeeded") or 0
    completions = dig(obj, "spec.completions")
    if completions is not None:
        return f"{succeeded}/{completions}"
    parallelism = dig(obj, "spec.parallelism") or 0
    return f"{succeeded}/1 of {parallelism}" if parallelism > 1 else f"{succeeded}/1"


def _job_duration(obj: dict[str, Any], now: datetime) -> str:
    start, end = dig(obj, "status.startTime"), dig(obj, "status.completionTime")
    if not start:
        return ""
    until = datetime.fromisoformat(end) if end else now
    return human((until - datetime.fromisoformat(start)).total_seconds())


def _suspend(obj: dict[str, Any], now: datetime) -> str:
    value = dig(obj, "spec.suspend")
    return "<unset>" if value is None else str(bool(value))


def _last_schedule(obj: dict[str, Any], now: datetime) -> str:
    stamp = dig(obj, "status.lastScheduleTime")
    return age(stamp, now) if stamp else "<none>"


def _metric_value(source: dict[str, Any] | None, keys: tuple[str, ...], empty: str) -> str:
    for key in keys:
        if source and source.get(key) is not None:
            return f"{source[key]}%" if key.endswith("tilization") else str(source[key])
    return empty


_TARGET_KEYS = ("averageUtilization", "averageValue", "value")


def _hpa_targets(obj: dict[str, Any], now: datetime) -> str:
    specs = dig(obj, "spec.metrics") or ()
    if not specs:
        return "<none>"
    current = dig(obj, "status.currentMetrics") or ()
    shown = []
    for index, metric in enumerate(specs):
        kind = metric.get("type", "")
        key = kind[:1].lower() + kind[1:]
        source = metric.get(key) or {}
        now_source = (current[index].get(key) or {}) if index < len(current) else {}
        text = _metric_value(now_source.get("current"), _TARGET_KEYS, "<unknown>")
        text += "/" + _metric_value(source.get("target"), _TARGET_KEYS, "<auto>")
        if kind == "Resource":
            text = f"{source.get('name', '')}: {text}"
        shown.append(text)
    return ", ".join(shown[:2]) + (f" + {len(shown) - 2} more..." if len(shown) > 2 else "")


def _hpa_reference(obj: dict[str, Any], now: datetime) -> str:
    target = dig(obj, "spec.scaleTargetRef") or {}
    return f"{target.get('kind', '')}/{target.get('name', '')}"


def _hpa_min(obj: dict[str, Any], now: datetime) -> str:
    found = dig(obj, "spec.minReplicas")
    return "<unset>" if found is None else str(found)


def _csr_condition(obj: dict[str, Any], now: datetime) -> str:
    def holds(kind: str) -> bool:
        return bool(_condition(obj, kind))

    text = "Denied" if holds("Denied") else "Approved" if holds("Approved") else "Pending"
    if holds("Failed"):
        text += ",Failed"
    return text + ",Issued" if dig(obj, "status.certificate") else text


def _csr_duration(obj: dict[str, Any], now: datetime) -> str:
    seconds = dig(obj, "spec.expirationSeconds")
    return "<none>" if seconds is None else human(float(seconds))


def _pod_selector(obj: dict[str, Any], now: datetime) -> str:
    return format_label_selector(dig(obj, "spec.podSelector"))


def _role(obj: dict[str, Any], now: datetime) -> str:
    role = obj.get("roleRef") or {}
    return f"{role.get('kind', '')}/{role.get('name', '')}"


def _subjects(kind: str) -> Cell:
    def cell(obj: dict[str, Any], now: datetime) -> str:
        found = [s for s in obj.get("subjects") or () if s.get("kind") == kind]
        if kind == "ServiceAccount":
            return ",".join(f"{s.get('namespace', '')}/{s['name']}" for s in found)
        return ",".join(s["name"] for s in found)

    return cell


_BINDING: dict[str, Cell] = {
    "Role": _role,
    "Users": _subjects("User"),
    "Groups": _subjects("Group"),
    "ServiceAccounts": _subjects("ServiceAccount"),
}


def _param_kind(obj: dict[str, Any], now: datetime) -> str:
    kind = dig(obj, "spec.paramKind")
    return f"{kind.get('apiVersion', '')}/{kind.get('kind', '')}" if kind else "<unset>"


def _param_reference(obj: dict[str, Any], now: datetime) -> str:
    reference = dig(obj, "spec.paramRef")
    if not reference:
        return "<unset>"
    if reference.get("name"):
        return f"{reference.get('namespace') or '*'}/{reference['name']}"
    return format_label_selector(reference.get("selector"))


def _claim_state(obj: dict[str, Any], now: datetime) -> str:
    states = ["deleted"] if dig(obj, "metadata.deletionTimestamp") else []
    if not dig(obj, "status.allocation"):
        states.append("pending")
    else:
        states.append("allocated")
        if dig(obj, "status.reservedFor"):
            states.append("reserved")
    return ",".join(states)


def _dangling(obj: dict[str, Any], now: datetime) -> str:
    return str(_condition(obj, "Dangling").get("status") or "?")


def _bundle_condition(obj: dict[str, Any], now: datetime) -> str:
    found = [c["type"] for c in dig(obj, "status.conditions") or () if c.get("status") == "True"]
    return str(found[-1]) if found else "Unknown"


def _joined_resource(path: str) -> Cell:
    def cell(obj: dict[str, Any], now: datetime) -> str:
        found = dig(obj, path) or {}
        return ".".join(filter(None, (found.get("resource"), found.get("group"))))

    return cell


def _encoding_versions(obj: dict[str, Any], now: datetime) -> str:
    versions = dig(obj, "status.storageVersions") or ()
    shown = [f"{v.get('apiServerID', '')}={v.get('encodingVersion', '')}" for v in versions]
    return ",".join(shown[:3]) + (f" + {len(shown) - 3} more..." if len(shown) > 3 else "") if shown else "<unset>"


def _sum_of_pools(field: str) -> Cell:
    def cell(obj: dict[str, Any], now: datetime) -> str:
        pools = dig(obj, "status.pools")
        return str(sum(p.get(field) or 0 for p in pools)) if pools else "-"

    return cell


def _pool_errors(obj: dict[str, Any], now: datetime) -> str:
    pools = dig(obj, "status.pools")
    return str(sum(bool(p.get("validationError")) for p in pools)) if pools else "-"


def _pool_status(obj: dict[str, Any], now: datetime) -> str:
    if _condition(obj, "Failed").get("status") == "True":
        return "Failed"
    return "Complete" if _condition(obj, "Complete").get("status") == "True" else "Pending"


def _pool_completed(obj: dict[str, Any], now: datetime) -> str:
    stamp = _condition(obj, "Complete").get("lastTransitionTime")
    return age(stamp, now) if stamp else "<none>"


def _pod_group_status(obj: dict[str, Any], now: datetime) -> str:
    disruption = _condition(obj, "DisruptionTarget")
    if disruption.get("status") == "True":
        return str(disruption.get("reason", ""))
    scheduled = _condition(obj, "PodGroupScheduled").get("status")
    return "Pending" if scheduled is None else "Scheduled" if scheduled == "True" else "Unschedulable"


def _pod_group_policy(obj: dict[str, Any], now: datetime) -> str:
    return "Gang" if dig(obj, "spec.schedulingPolicy.gang") else "Basic"


def _request_state(obj: dict[str, Any], now: datetime) -> str:
    found = [c["type"] for c in dig(obj, "status.conditions") or () if c["type"] in ("Issued", "Denied", "Failed")]
    return found[-1] if found else "Pending"


def _created_at(obj: dict[str, Any], now: datetime) -> str:
    return str(dig(obj, "metadata.creationTimestamp") or "")


def _audiences(obj: dict[str, Any], now: datetime) -> str:
    return ",".join(t.get("audience", "") for t in dig(obj, "spec.tokenRequests") or ()) or "<unset>"


CELLS: dict[str, dict[str, Cell]] = {
    "_default": {"Created At": _created_at},
    "componentstatuses": {
        "Status": _component_status,
        "Message": lambda obj, now: _condition(obj, "Healthy").get("message", ""),
        "Error": lambda obj, now: _condition(obj, "Healthy").get("error", ""),
    },
    "endpoints": {"Endpoints": network.endpoints},
    "events": _EVENT,
    "events.k8s.io/events": _EVENT,
    "nodes": {
        "Status": _node_status,
        "Roles": _node_roles,
        "Internal-IP": _node_address("InternalIP"),
        "External-IP": _node_address("ExternalIP"),
        "Kernel-Version": _node_kernel,
    },
    "persistentvolumeclaims": {
        "Status": _phase,
        "Capacity": _claim_capacity,
        "Access Modes": _claim_modes,
        "StorageClass": _storage_class,
    },
    "persistentvolumes": {
        "Access Modes": lambda obj, now: _access_modes(dig(obj, "spec.accessModes")),
        "Status": _phase,
        "Claim": _volume_claim,
        "StorageClass": _storage_class,
    },
    "pods": {
        "Ready": pods.ready,
        "Status": pods.reason,
        "Restarts": pods.restarts,
        "IP": pods.address,
        "Readiness Gates": pods.readiness_gates,
    },
    "resourcequotas": {"Request": _quota(limits=False), "Limit": _quota(limits=True)},
    "services": {
        "Cluster-IP": network.service_cluster_ip,
        "External-IP": network.service_external_ip,
        "Port(s)": network.service_ports,
    },
    "apiregistration.k8s.io/apiservices": {"Service": _api_service, "Available": _api_service_available},
    "apps/controllerrevisions": {"Controller": _controller_owner},
    "autoscaling/horizontalpodautoscalers": {
        "Reference": _hpa_reference,
        "Targets": _hpa_targets,
        "MinPods": _hpa_min,
    },
    "batch/cronjobs": {"Suspend": _suspend, "Last Schedule": _last_schedule},
    "batch/jobs": {"Status": _job_status, "Completions": _job_completions, "Duration": _job_duration},
    "certificates.k8s.io/certificatesigningrequests": {
        "RequestedDuration": _csr_duration,
        "Condition": _csr_condition,
    },
    "certificates.k8s.io/podcertificaterequests": {
        "State": _request_state,
        "UnverifiedUserAnnotations": lambda obj, now: format_labels(dig(obj, "spec.unverifiedUserAnnotations")),
    },
    "networking.k8s.io/ingressclasses": {
        "Name": network.default_class_name,
        "Parameters": network.class_parameters,
    },
    "networking.k8s.io/ingresses": {
        "Hosts": network.ingress_hosts,
        "Address": network.ingress_address,
        "Ports": network.ingress_ports,
    },
    "networking.k8s.io/ipaddresses": {"ParentRef": network.parent_reference},
    "networking.k8s.io/networkpolicies": {"Pod-Selector": _pod_selector},
    "rbac.authorization.k8s.io/clusterrolebindings": _BINDING,
    "rbac.authorization.k8s.io/rolebindings": _BINDING,
    "storage.k8s.io/csidrivers": {"TokenRequests": _audiences},
    "storage.k8s.io/storageclasses": {"Name": network.default_class_name},
    "admissionregistration.k8s.io/mutatingadmissionpolicies": {"ParamKind": _param_kind},
    "admissionregistration.k8s.io/validatingadmissionpolicies": {"ParamKind": _param_kind},
    "admissionregistration.k8s.io/mutatingadmissionpolicybindings": {"ParamRef": _param_reference},
    "admissionregistration.k8s.io/validatingadmissionpolicybindings": {"ParamRef": _param_reference},
    "scheduling.k8s.io/podgroups": {"Policy": _pod_group_policy, "Status": _pod_group_status},
    "discovery.k8s.io/endpointslices": {"Ports": network.slice_ports, "Endpoints": network.slice_endpoints},
    "resource.k8s.io/resourceclaims": {"State": _claim_state},
    "resource.k8s.io/resourcepoolstatusrequests": {
        "Total": _sum_of_pools("totalDevices"),
        "Available": _sum_of_pools("availableDevices"),
        "Allocated": _sum_of_pools("allocatedDevices"),
        "Unavailable": _sum_of_pools("unavailableDevices"),
        "Errors": _pool_errors,
        "Status": _pool_status,
        "Completed": _pool_completed,
    },
    "flowcontrol.apiserver.k8s.io/flowschemas": {"MissingPL": _dangling},
    "internal.apiserver.k8s.io/storageversions": {"StorageVersions": _encoding_versions},
    "storagemigration.k8s.io/storageversionmigrations": {
        "Resource": _joined_resource("spec.resource"),
        "Status": _bundle_condition,
    },
}
"""Cell functions by resource key of the table, then by column; columns not named here are compiled from their key."""
