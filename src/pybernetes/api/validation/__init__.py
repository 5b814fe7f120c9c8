"""What a well-formed object of each kind must keep: pure functions from wire dicts to field errors.

    errors = validation_of("pods").create(pod)          # [FieldError, ...], empty when all is well
    errors = validation_of("pods").update(new, old, subresource="status")

`MODULES` names the module of each kind: it holds `validate_create(obj)`, `validate_update(new, old)` and, where the
kind has them, `validate_status_update` and `SUBRESOURCES`. A module is imported when its kind is first written. Kinds
without a module are judged by the type table (`by_schema.py`): required fields, closed sets, what must not change.

Metadata is the same for all kinds and lives in `object_meta.py`. `values.py` holds the small checks; a pod spec is
put together in `pod_spec.py` from containers, volumes, probes, environment, security and scheduling. Paths, reasons and
texts are upstream's (pkg/apis/*/validation), since clients and people read them.
"""

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from ..field import FieldError

Object = dict[str, Any]
Create = Callable[[Object], list[FieldError]]
Update = Callable[[Object, Object], list[FieldError]]

MODULES: dict[str, str] = {
    "pods": "pod",
    "podtemplates": "pod_template_object",
    "services": "service",
    "replicationcontrollers": "replication_controller",
    "endpoints": "endpoints",
    "configmaps": "config_map",
    "secrets": "secret",
    "namespaces": "namespace",
    "nodes": "node",
    "serviceaccounts": "service_account",
    "persistentvolumes": "persistent_volume",
    "persistentvolumeclaims": "persistent_volume_claim",
    "limitranges": "limit_range",
    "resourcequotas": "resource_quota",
    "events": "event",
    "events.events.k8s.io": "event",
    "deployments.apps": "deployment",
    "replicasets.apps": "replica_set",
    "daemonsets.apps": "daemon_set",
    "statefulsets.apps": "stateful_set",
    "controllerrevisions.apps": "controller_revision",
    "jobs.batch": "job",
    "cronjobs.batch": "cron_job",
    "horizontalpodautoscalers.autoscaling": "horizontal_pod_autoscaler",
    "poddisruptionbudgets.policy": "pod_disruption_budget",
    "ingresses.networking.k8s.io": "ingress",
    "ingressclasses.networking.k8s.io": "ingress_class",
    "networkpolicies.networking.k8s.io": "network_policy",
    "endpointslices.discovery.k8s.io": "endpoint_slice",
    "roles.rbac.authorization.k8s.io": "role",
    "clusterroles.rbac.authorization.k8s.io": "role",
    "rolebindings.rbac.authorization.k8s.io": "role_binding",
    "clusterrolebindings.rbac.authorization.k8s.io": "role_binding",
    "priorityclasses.scheduling.k8s.io": "priority_class",
    "storageclasses.storage.k8s.io": "storage_class",
    "csidrivers.storage.k8s.io": "csi_driver",
    "csinodes.storage.k8s.io": "csi_node",
    "csistoragecapacities.storage.k8s.io": "csi_storage_capacity",
    "volumeattachments.storage.k8s.io": "volume_attachment",
    "volumeattributesclasses.storage.k8s.io": "volume_attributes_class",
    "ipaddresses.networking.k8s.io": "ip_address",
    "servicecidrs.networking.k8s.io": "service_cidr",
    "deviceclasses.resource.k8s.io": "device_class",
    "resourceclaims.resource.k8s.io": "resource_claim",
    "resourceclaimtemplates.resource.k8s.io": "resource_claim_template",
    "resourceslices.resource.k8s.io": "resource_slice",
    "apiservices.apiregistration.k8s.io": "api_service",
    "flowschemas.flowcontrol.apiserver.k8s.io": "flow_schema",
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": "priority_level_configuration",
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": "webhook_configuration",
    "validatingwebhookconfigurations.admissionregistration.k8s.io": "webhook_configuration",
    "validatingadmissionpolicies.admissionregistration.k8s.io": "admission_policy",
    "validatingadmissionpolicybindings.admissionregistration.k8s.io": "admission_policy",
    "mutatingadmissionpolicies.admissionregistration.k8s.io": "admission_policy",
    "mutatingadmissionpolicybindings.admissionregistration.k8s.io": "admission_policy",
    "runtimeclasses.node.k8s.io": "runtime_class",
    "leases.coordination.k8s.io": "lease",
    "leasecandidates.coordination.k8s.io": "lease_candidate",
    "devicetaintrules.resource.k8s.io": "device_taint_rule",
    "resourcepoolstatusrequests.resource.k8s.io": "resource_pool_status_request",
    "storageversions.internal.apiserver.k8s.io": "storage_version",
    "storageversionmigrations.storagemigration.k8s.io": "storage_version_migration",
    "certificatesigningrequests.certificates.k8s.io": "certificate_signing_request",
    "customresourcedefinitions.apiextensions.k8s.io": "custom_resource_definition",
}
"""group resource -> module of this package."""


class Validation:
    """The rules of one kind."""

    def __init__(self, create: Create, update: Update, others: Mapping[str, Update]) -> None:
        self.create = create
        self._update = update
        self._others = others

    def update(self, new: Object, old: Object, *, subresource: str = "") -> list[FieldError]:
        """What is wrong with a change by way of an endpoint; nothing for endpoints without rules of their own."""
        if not subresource:
            return self._update(new, old)
        rule = self._others.get(subresource)
        return rule(new, old) if rule is not None else []


@cache
def validation_of(group_resource: str, schema_type: str = "") -> Validation:
    """The rules of a kind. `schema_type` names its type in the type table, for kinds without a module."""
    name = MODULES.get(group_resource)
    if name is None:
        from .by_schema import SchemaRules

        rules = SchemaRules(schema_type)
        return Validation(rules.validate_create, rules.validate_update, {})
    module = import_module(f"{__name__}.{name}")
    others: dict[str, Update] = dict(getattr(module, "SUBRESOURCES", {}))
    status = getattr(module, "validate_status_update", None)
    if status is not None:
        others["status"] = status
    return Validation(module.validate_create, module.validate_update, others)
