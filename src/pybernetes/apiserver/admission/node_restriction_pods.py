"""What a kubelet may do to pods: mirror its static ones, report on, evict and delete those that are bound to it.

Part of NodeRestriction. Pure but for the reads of the pod and of the node.
"""

from typing import Any

from ...api import status
from ...api.resource import resource
from ..authz.node_graph import pod_references
from ..reader import ObjectReader
from .plugin import AdmissionRequest
from .service_account import MIRROR_ANNOTATION

Object = dict[str, Any]

_PODS, _NODES = resource("pods"), resource("nodes")


def pod_refusal(request: AdmissionRequest, node: str, reader: ObjectReader) -> str:
    """Why the kubelet of `node` may not do this; "" when it may. StatusError 404 for a pod that is not there."""
    match request.subresource, request.operation:
        case "", "CREATE":
            return _mirror(request.object or {}, node, reader)
        case "", "DELETE":
            return _bound(_stored(request, reader), node, f'node "{node}" can only delete pods')
        case "", operation:
            return f'unexpected operation "{operation}", node "{node}" can only create and delete mirror pods'
        case "status", "UPDATE":
            return _reported(request.object or {}, request.old_object or {}, node)
        case "eviction", "CREATE":
            return _bound(_stored(request, reader), node, f"node {node} can only evict pods")
        case "status" | "eviction", operation:
            return f'unexpected operation "{operation}"'
    return f"unexpected pod subresource \"{request.subresource}\", only 'status' and 'eviction' are allowed"


def _stored(request: AdmissionRequest, reader: ObjectReader) -> Object:
    pod = reader.get(_PODS, request.namespace, request.name)
    if pod is None:
        raise status.not_found("", "pods", request.name)
    return pod


def _bound(pod: Object, node: str, can: str) -> str:
    return "" if (pod.get("spec") or {}).get("nodeName") == node else f"{can} with spec.nodeName set to itself"


def _mirror(pod: Object, node: str, reader: ObjectReader) -> str:
    spec, metadata = pod.get("spec") or {}, pod.get("metadata") or {}
    if MIRROR_ANNOTATION not in (metadata.get("annotations") or {}):
        return f'pod does not have "{MIRROR_ANNOTATION}" annotation, node "{node}" can only create mirror pods'
    if why := _bound(pod, node, f'node "{node}" can only create pods'):
        return why
    if why := _owner(metadata.get("ownerReferences") or [], node, reader):
        return why
    if spec.get("serviceAccountName"):
        return f'node "{node}" can not create pods that reference a service account'
    named = {kind for kind, _, _ in pod_references({"metadata": {"name": "", "namespace": ""}, "spec": spec})}
    for volume in spec.get("volumes") or ():
        if any("clusterTrustBundle" in source for source in (volume.get("projected") or {}).get("sources") or ()):
            named.add("clustertrustbundles")
    for kind in ("secrets", "configmaps", "clustertrustbundles", "persistentvolumeclaims"):
        if kind in named:
            return f'node "{node}" can not create pods that reference {kind}'
    return ""


def _owner(owners: list[Object], node: str, reader: ObjectReader) -> str:
    """A mirror pod belongs to its node, so that it goes with it."""
    if len(owners) > 1:
        return f'node "{node}" can only create pods with a single owner reference set to itself'
    owner = owners[0] if owners else {}
    if (owner.get("apiVersion"), owner.get("kind"), owner.get("name")) != ("v1", "Node", node):
        return f'node "{node}" can only create pods with an owner reference set to itself'
    if not owner.get("controller"):
        return f'node "{node}" can only create pods with a controller owner reference set to itself'
    if owner.get("blockOwnerDeletion"):
        return f'node "{node}" must not set blockOwnerDeletion on an owner reference'
    known = reader.get(_NODES, "", node)
    if known is None:
        raise status.not_found("", "nodes", node)
    uid = known["metadata"].get("uid", "")
    if owner.get("uid") != uid:
        return f"node {node} UID mismatch: expected {owner.get('uid', '')} got {uid}"
    return ""


def _reported(new: Object, old: Object, node: str) -> str:
    if why := _bound(old, node, f'node "{node}" can only update pod status for pods'):
        return why
    labels = [(pod.get("metadata") or {}).get("labels") or {} for pod in (new, old)]
    if labels[0] != labels[1]:
        return f'node "{node}" cannot update labels through pod status'
    if _claims(new) != _claims(old):
        return f'node "{node}" cannot update resource claim statues'
    return ""


def _claims(pod: Object) -> list[tuple[Any, Any]]:
    statuses = (pod.get("status") or {}).get("resourceClaimStatuses") or ()
    return [(claim.get("name"), claim.get("resourceClaimName")) for claim in statuses]
