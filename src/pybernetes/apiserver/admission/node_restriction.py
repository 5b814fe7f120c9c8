"""NodeRestriction: a kubelet changes only its own node and the pods bound to it (Using Node Authorization)."""

from typing import Any

from ...api import status
from ...api.resource import ResourceInfo, resource
from ..authz.authorizer import Authorizer
from ..reader import ObjectReader
from .node_audience import refusal
from .plugin import AdmissionRequest
from .service_account import MIRROR_ANNOTATION

_PREFIX = "system:node:"
_RESTRICTED_LABEL = "node-restriction.kubernetes.io/"
_KUBELET_LABELS = frozenset(
    {
        "kubernetes.io/hostname",
        "kubernetes.io/arch",
        "kubernetes.io/os",
        "beta.kubernetes.io/instance-type",
        "node.kubernetes.io/instance-type",
        "failure-domain.beta.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone",
        "topology.kubernetes.io/region",
        "topology.kubernetes.io/zone",
        "beta.kubernetes.io/os",
        "beta.kubernetes.io/arch",
        "node.kubernetes.io/windows-build",
    }
)
_KUBELET_PREFIXES = ("kubelet.kubernetes.io/", "node.kubernetes.io/")
_KINDS = frozenset({"nodes", "pods", "serviceaccounts", "leases.coordination.k8s.io", "csinodes.storage.k8s.io"})


def node_of(request: AdmissionRequest) -> str:
    """The node whose kubelet makes the request, "" for everybody else."""
    user = request.user
    if "system:nodes" in user.groups and user.name.startswith(_PREFIX):
        return user.name.removeprefix(_PREFIX)
    return ""


def _is_kubernetes_label(key: str) -> bool:
    domain = key.partition("/")[0] if "/" in key else ""
    return any(domain == d or domain.endswith("." + d) for d in ("kubernetes.io", "k8s.io"))


def _forbidden_labels(labels: set[str]) -> list[str]:
    """Labels a kubelet must not set: isolation labels, and unknown ones of the project's own domains."""
    found = []
    for key in labels:
        domain = key.partition("/")[0] + "/"
        if domain == _RESTRICTED_LABEL or domain.endswith("." + _RESTRICTED_LABEL):
            found.append(key)
        elif _is_kubernetes_label(key) and key not in _KUBELET_LABELS:
            allowed = any(domain == p or domain.endswith("." + p) for p in _KUBELET_PREFIXES)
            if not allowed:
                found.append(key)
    return sorted(found)


class NodeRestriction:
    """Concerns requests of kubelets only (user system:node:NAME in group system:nodes)."""

    name = "NodeRestriction"

    def __init__(self, reader: ObjectReader, authorizer: Authorizer | None = None) -> None:
        """`authorizer` is asked for audiences that a pod does not use; None: nodes may ask for any."""
        self._reader = reader
        self._authorizer = authorizer
        self._pods = resource("pods")

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        return operation != "CONNECT" and resource.group_resource in _KINDS

    async def admit(self, request: AdmissionRequest) -> None:
        node = node_of(request)
        if not node:
            return
        match request.resource.plural:
            case "nodes":
                self._node(request, node)
            case "pods":
                self._pod(request, node)
            case "serviceaccounts" if request.subresource == "token":
                await self._token(request, node)
            case "leases":
                self._lease(request, node)
            case "csinodes" if request.name != node:
                raise self._refuse(request, "can only access CSINode with the same name as the requesting node")

    async def validate(self, request: AdmissionRequest) -> None:
        return

    def _refuse(self, request: AdmissionRequest, why: str) -> status.StatusError:
        return status.forbidden(request.resource.group, request.resource.plural, request.name, why)

    def _node(self, request: AdmissionRequest, node: str) -> None:
        name = request.name or str(((request.object or {}).get("metadata") or {}).get("name", ""))
        if name != node:
            raise self._refuse(request, f'node "{node}" is not allowed to modify node "{name}"')
        if request.operation not in ("CREATE", "UPDATE") or request.object is None:
            return
        new, old = request.object, request.old_object or {}
        labels = new.get("metadata", {}).get("labels") or {}
        before = (old.get("metadata") or {}).get("labels") or {}
        changed = {key for key in {*labels, *before} if labels.get(key) != before.get(key)}
        refused = _forbidden_labels(changed)
        if refused:
            verb = "set" if request.operation == "CREATE" else "modify"
            raise self._refuse(request, f'node "{node}" is not allowed to {verb} labels: {", ".join(refused)}')
        taints = [(obj.get("spec") or {}).get("taints") for obj in (new, old)]
        if request.operation == "UPDATE" and not request.subresource and taints[0] != taints[1]:
            raise self._refuse(request, f'node "{node}" is not allowed to modify taints')

    def _pod(self, request: AdmissionRequest, node: str) -> None:
        if request.operation == "CREATE" and not request.subresource:
            self._mirror_pod(request, node)
            return
        if request.subresource == "eviction" or request.operation == "DELETE":
            pod = self._reader.get(self._pods, request.namespace, request.name) or request.old_object or {}
        else:
            pod = request.old_object or {}
        bound: Any = (pod.get("spec") or {}).get("nodeName", "")
        if bound != node:
            what = {"DELETE": "delete", "CREATE": "evict"}.get(request.operation, "update status for")
            raise self._refuse(request, f'node "{node}" can only {what} pods with spec.nodeName set to itself')
        if request.operation == "UPDATE" and request.subresource != "status":
            raise self._refuse(request, f'node "{node}" can only update pod status')

    def _mirror_pod(self, request: AdmissionRequest, node: str) -> None:
        pod = request.object or {}
        spec, meta = pod.get("spec") or {}, pod.get("metadata") or {}
        if MIRROR_ANNOTATION not in (meta.get("annotations") or {}):
            why = f'pod does not have "{MIRROR_ANNOTATION}" annotation, node "{node}" can only create mirror pods'
            raise self._refuse(request, why)
        if spec.get("nodeName") != node:
            raise self._refuse(request, f'node "{node}" can only create pods with spec.nodeName set to itself')
        for owner in meta.get("ownerReferences") or ():
            if owner.get("kind") != "Node" or owner.get("name") != node:
                raise self._refuse(request, f'node "{node}" can only create pods with an owner reference set to itself')
        if spec.get("serviceAccountName"):
            raise self._refuse(request, f'node "{node}" can not create pods that reference a service account')
        for volume in spec.get("volumes") or ():
            for kind in ("secret", "configMap", "persistentVolumeClaim"):
                if kind in volume:
                    why = f'node "{node}" can not create pods that reference {kind.lower()}s'
                    raise self._refuse(request, why)

    async def _token(self, request: AdmissionRequest, node: str) -> None:
        reference = ((request.object or {}).get("spec") or {}).get("boundObjectRef") or {}
        if reference.get("kind") != "Pod" or not reference.get("name"):
            raise self._refuse(request, f'node "{node}" can only request tokens bound to a pod')
        if not reference.get("uid"):
            raise self._refuse(request, f'node "{node}" can only request tokens bound to a pod with a UID')
        pod = self._reader.get(self._pods, request.namespace, reference["name"])
        if pod is None or pod["metadata"].get("uid") != reference["uid"]:
            raise self._refuse(request, "pod referenced by token does not exist with that UID")
        if (pod.get("spec") or {}).get("nodeName") != node:
            raise self._refuse(request, f'node "{node}" can only request tokens for pods running on itself')
        if self._authorizer is not None:
            account = (request.namespace, request.name)
            why = await refusal(self._reader, self._authorizer, request.user, account, request.object or {}, pod)
            if why:
                raise self._refuse(request, why)

    def _lease(self, request: AdmissionRequest, node: str) -> None:
        if request.namespace != "kube-node-lease":
            raise self._refuse(request, 'can only access leases in the "kube-node-lease" system namespace')
        name = request.name or str(((request.object or {}).get("metadata") or {}).get("name", ""))
        if name != node:
            raise self._refuse(request, "can only access node lease with the same name as the requesting node")
