"""NodeRestriction: a kubelet changes only its own node and the pods bound to it (Using Node Authorization).

Concerns requests of kubelets only (user system:node:NAME in group system:nodes). What a name or the graph of references
can tell is the Node authorizer's; here the contents are judged, which it does not see.
"""

import base64
from collections.abc import Callable
from typing import Any

from ...api import status
from ...api.resource import ResourceInfo, resource
from ...base.x509 import CertificateError, SigningRequest
from ..authz.authorizer import Authorizer
from ..authz.node import NODE_PREFIX, node_name
from ..reader import ObjectReader
from .node_audience import refusal
from .node_labels import forbidden_labels
from .node_restriction_pods import pod_refusal
from .plugin import AdmissionRequest

Object = dict[str, Any]
Judge = Callable[[AdmissionRequest, str], str]

_PODS = resource("pods")
_LEASES = "kube-node-lease"
_SIGNERS = ("kubernetes.io/kubelet-serving", "kubernetes.io/kube-apiserver-client-kubelet")
_OF_THE_CLAIM = ("capacity", "conditions", "allocatedResources", "allocatedResourceStatuses")


class NodeRestriction:
    """See the module docstring."""

    name = "NodeRestriction"

    def __init__(
        self, reader: ObjectReader, authorizer: Authorizer | None = None, *, insecure_requests: bool = False
    ) -> None:
        """`authorizer` is asked for audiences that a pod does not use; None: nodes may ask for any.
        `insecure_requests`: nodes may ask for certificates in the name of others."""
        self._reader = reader
        self._authorizer = authorizer
        self._judges: dict[str, Judge] = {
            "pods": lambda request, node: pod_refusal(request, node, reader),
            "nodes": _node,
            "persistentvolumeclaims": _claim,
            "leases.coordination.k8s.io": _lease,
            "csinodes.storage.k8s.io": _csi_node,
            "resourceslices.resource.k8s.io": _resource_slice,
        }
        if not insecure_requests:
            self._judges["certificatesigningrequests.certificates.k8s.io"] = _signing_request

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        return operation != "CONNECT"

    async def admit(self, request: AdmissionRequest) -> None:
        node = node_name(request.user)
        if node is None:
            return
        if not node:
            raise _forbidden(request, f'could not determine node from user "{request.user.name}"')
        kind = request.resource.group_resource
        if kind == "serviceaccounts":
            why = await self._token(request, node) if request.subresource == "token" else ""
        else:
            judge = self._judges.get(kind)
            why = judge(request, node) if judge is not None else ""
        if why:
            raise _forbidden(request, why)

    async def validate(self, request: AdmissionRequest) -> None:
        return

    async def _token(self, request: AdmissionRequest, node: str) -> str:
        reference = ((request.object or {}).get("spec") or {}).get("boundObjectRef") or {}
        kind = (reference.get("apiVersion"), reference.get("kind"))
        if kind != ("v1", "Pod") or not reference.get("name"):
            return "node requested token not bound to a pod"
        if not reference.get("uid"):
            return "node requested token with a pod binding without a uid"
        pod = self._reader.get(_PODS, request.namespace, reference["name"])
        if pod is None:
            raise status.not_found("", "pods", reference["name"])
        if pod["metadata"].get("uid") != reference["uid"]:
            return (
                f"the UID in the bound object reference ({reference['uid']}) does not match the UID in record. The "
                "object might have been deleted and then recreated"
            )
        if (pod.get("spec") or {}).get("nodeName") != node:
            return "node requested token bound to a pod scheduled on a different node"
        if self._authorizer is None:
            return ""
        account = (request.namespace, request.name)
        return await refusal(self._reader, self._authorizer, request.user, account, request.object or {}, pod)


def _forbidden(request: AdmissionRequest, why: str) -> status.StatusError:
    return status.forbidden(request.resource.group, request.resource.plural, request.name, why)


def _name(request: AdmissionRequest) -> str:
    """Of the object, which a create may tell only in its body."""
    return request.name or str(_metadata(request.object).get("name", ""))


def _metadata(obj: Object | None) -> Object:
    found: Object = (obj or {}).get("metadata") or {}
    return found


def _node(request: AdmissionRequest, node: str) -> str:
    name = _name(request)
    if name != node:
        return f'node "{node}" is not allowed to modify node "{name}"'
    new, old = request.object or {}, request.old_object or {}
    after, before = new.get("spec") or {}, old.get("spec") or {}
    source, labels = after.get("configSource"), _metadata(new).get("labels") or {}
    if request.operation == "CREATE":
        if source is not None:
            return f'node "{node}" is not allowed to create pods with a non-nil configSource'
        if refused := forbidden_labels(labels, {}):
            return f'node "{node}" is not allowed to set the following labels: {", ".join(refused)}'
    elif request.operation == "UPDATE":
        if source is not None and source != before.get("configSource"):
            return f'node "{node}" is not allowed to update configSource to a new non-nil configSource'
        if (after.get("taints") or []) != (before.get("taints") or []):
            return f'node "{node}" is not allowed to modify taints'
        if refused := forbidden_labels(labels, _metadata(old).get("labels") or {}):
            return f"is not allowed to modify labels: {', '.join(refused)}"
    return ""


def _claim(request: AdmissionRequest, node: str) -> str:
    if request.subresource != "status":
        return "may only update PVC status"
    if request.operation != "UPDATE":
        return f'unexpected operation "{request.operation}"'
    new, old = _without_its_own(request.object or {}), _without_its_own(request.old_object or {})
    if new == old:
        return ""
    return (
        f'node "{node}" is not allowed to update fields other than status.quantity and status.conditions: '
        f"{', '.join(key for key in sorted({*new, *old}) if new.get(key) != old.get(key))}"
    )


def _without_its_own(claim: Object) -> Object:
    """A claim without what a node may report, and without what changes by itself."""
    metadata = {
        key: value for key, value in _metadata(claim).items() if key not in ("resourceVersion", "managedFields")
    }
    told = {key: value for key, value in (claim.get("status") or {}).items() if key not in _OF_THE_CLAIM}
    return {**claim, "metadata": metadata, "status": told}


def _lease(request: AdmissionRequest, node: str) -> str:
    if request.namespace != _LEASES:
        return f'can only access leases in the "{_LEASES}" system namespace'
    if _name(request) != node:
        return "can only access node lease with the same name as the requesting node"
    return ""


def _csi_node(request: AdmissionRequest, node: str) -> str:
    return "" if _name(request) == node else "can only access CSINode with the same name as the requesting node"


def _resource_slice(request: AdmissionRequest, node: str) -> str:
    """Of its own devices; which slices it may change is told by the graph."""
    verbs = {"CREATE": ("create", request.object), "DELETE": ("delete", request.old_object)}
    verb, judged = verbs.get(request.operation, ("", None))
    if not verb or ((judged or {}).get("spec") or {}).get("nodeName") == node:
        return ""
    return f"can only {verb} ResourceSlice with the same NodeName as the requesting node"


def _signing_request(request: AdmissionRequest, node: str) -> str:
    """In its own name, as a kubelet; others' certificates are judged by their signers."""
    spec = (request.object or {}).get("spec") or {}
    if request.operation != "CREATE" or request.subresource or spec.get("signerName") not in _SIGNERS:
        return ""
    try:
        asked = SigningRequest(base64.b64decode(spec.get("request") or ""))
    except (CertificateError, ValueError) as error:
        return f"unable to parse csr: {error}"
    if asked.common_name != NODE_PREFIX + node:
        return f"can only create a node CSR with CN={NODE_PREFIX}{node}"
    return ""
