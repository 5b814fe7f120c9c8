"""Which node may read which object: the references of the pods bound to it, and of the volumes those claim.

    node <- pod <- secret | configmap | serviceaccount | persistentvolumeclaim | resourceclaim
                                                       persistentvolumeclaim <- persistentvolume <- secret
    node <- volumeattachment
    node <- resourceslice

Only pods with a node count. Mirror pods give nothing (a node writes them itself, it must not grant itself rights).
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

from ...api.resource import resource
from ..reader import Object, ObjectReader

Reference = tuple[str, str, str]
"""(resource, namespace, name)."""

MIRROR_ANNOTATION = "kubernetes.io/config.mirror"


class NodeGraph:
    """Kept current by subscriptions; `reaches` is a few dictionary look-ups."""

    def __init__(self, reader: ObjectReader) -> None:
        self._pods: dict[tuple[str, str], tuple[str, frozenset[Reference]]] = {}
        self._users: dict[Reference, dict[str, int]] = {}
        self._volume_claim: dict[str, Reference] = {}
        self._volume_secrets: dict[str, frozenset[Reference]] = {}
        self._secret_volumes: dict[Reference, set[str]] = {}
        self._nodes_of: dict[tuple[str, str], str] = {}
        reader.subscribe(resource("pods"), self._on_pod)
        reader.subscribe(resource("persistentvolumes"), self._on_volume)
        for plural, group in (("volumeattachments", "storage.k8s.io"), ("resourceslices", "resource.k8s.io")):
            reader.subscribe(resource(plural, group), partial(self._on_object_of_a_node, plural))

    def reaches(self, node: str, reference: Reference) -> bool:
        """Whether a pod of this node refers to the object, directly or through its volumes."""
        plural, _, name = reference
        if plural == "persistentvolumes":
            claim = self._volume_claim.get(name)
            return claim is not None and node in self._users.get(claim, ())
        if plural in ("volumeattachments", "resourceslices"):
            return self._nodes_of.get((plural, name)) == node
        if node in self._users.get(reference, ()):
            return True
        return any(
            self.reaches(node, ("persistentvolumes", "", volume)) for volume in self._secret_volumes.get(reference, ())
        )

    def _on_pod(self, old: Object | None, new: Object | None) -> None:
        metadata = (new or old or {})["metadata"]
        key = (metadata["namespace"], metadata["name"])
        if old is not None and new is not None and not _references_may_differ(old, new):
            return
        known = self._pods.pop(key, None)
        if known is not None:
            node, references = known
            for reference in references:
                counts = self._users[reference]
                counts[node] -= 1
                if not counts[node]:
                    del counts[node]
                    if not counts:
                        del self._users[reference]
        node = new["spec"].get("nodeName", "") if new is not None else ""
        if new is None or not node:
            return
        references = frozenset(pod_references(new))
        self._pods[key] = (node, references)
        for reference in references:
            counts = self._users.setdefault(reference, {})
            counts[node] = counts.get(node, 0) + 1

    def _on_volume(self, old: Object | None, new: Object | None) -> None:
        name = (new or old or {})["metadata"]["name"]
        for secret in self._volume_secrets.pop(name, ()):
            self._secret_volumes[secret].discard(name)
            if not self._secret_volumes[secret]:
                del self._secret_volumes[secret]
        self._volume_claim.pop(name, None)
        claim = new["spec"].get("claimRef") if new is not None else None
        if new is None or not claim:
            return
        namespace = claim.get("namespace", "")
        self._volume_claim[name] = ("persistentvolumeclaims", namespace, claim.get("name", ""))
        secrets = frozenset(_volume_secrets(new["spec"], namespace))
        if secrets:
            self._volume_secrets[name] = secrets
            for secret in secrets:
                self._secret_volumes.setdefault(secret, set()).add(name)

    def _on_object_of_a_node(self, plural: str, old: Object | None, new: Object | None) -> None:
        key = (plural, (new or old or {})["metadata"]["name"])
        node = (new.get("spec") or {}).get("nodeName", "") if new is not None else ""
        if node:
            self._nodes_of[key] = node
        else:
            self._nodes_of.pop(key, None)


def _references_may_differ(old: Object, new: Object) -> bool:
    """The references of a pod that stays where it is change only with ephemeral containers and claim statuses."""
    return (
        old["metadata"].get("uid") != new["metadata"].get("uid")
        or old["spec"].get("nodeName") != new["spec"].get("nodeName")
        or old["spec"].get("ephemeralContainers") != new["spec"].get("ephemeralContainers")
        or (old.get("status") or {}).get("resourceClaimStatuses")
        != (new.get("status") or {}).get("resourceClaimStatuses")
    )


def pod_references(pod: Object) -> Iterator[Reference]:
    """Everything a pod names, itself included; of a mirror pod only itself."""
    metadata, spec = pod["metadata"], pod["spec"]
    namespace = metadata["namespace"]
    yield ("pods", namespace, metadata["name"])
    if MIRROR_ANNOTATION in (metadata.get("annotations") or {}):
        return
    if spec.get("serviceAccountName"):
        yield ("serviceaccounts", namespace, spec["serviceAccountName"])
    for secret in spec.get("imagePullSecrets") or ():
        yield ("secrets", namespace, secret.get("name", ""))
    for key in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(key) or ():
            yield from _container_references(container, namespace)
    for volume in spec.get("volumes") or ():
        yield from _pod_volume_references(volume, namespace, metadata["name"])
    statuses = (pod.get("status") or {}).get("resourceClaimStatuses") or ()
    generated = {status["name"]: status.get("resourceClaimName") for status in statuses}
    for claim in spec.get("resourceClaims") or ():
        name = claim.get("resourceClaimName") or generated.get(claim.get("name"))
        if name:
            yield ("resourceclaims", namespace, name)


def _container_references(container: dict[str, Any], namespace: str) -> Iterator[Reference]:
    for source in container.get("envFrom") or ():
        if source.get("secretRef"):
            yield ("secrets", namespace, source["secretRef"].get("name", ""))
        if source.get("configMapRef"):
            yield ("configmaps", namespace, source["configMapRef"].get("name", ""))
    for variable in container.get("env") or ():
        source = variable.get("valueFrom")
        if not source:
            continue
        if source.get("secretKeyRef"):
            yield ("secrets", namespace, source["secretKeyRef"].get("name", ""))
        if source.get("configMapKeyRef"):
            yield ("configmaps", namespace, source["configMapKeyRef"].get("name", ""))


_SECRET_REF_SOURCES = frozenset({"cephfs", "cinder", "flexVolume", "rbd", "scaleIO", "iscsi", "storageos"})


def _pod_volume_references(volume: dict[str, Any], namespace: str, pod_name: str) -> Iterator[Reference]:
    if volume.get("secret"):
        yield ("secrets", namespace, volume["secret"].get("secretName", ""))
    if volume.get("configMap"):
        yield ("configmaps", namespace, volume["configMap"].get("name", ""))
    for source in (volume.get("projected") or {}).get("sources") or ():
        if source.get("secret"):
            yield ("secrets", namespace, source["secret"].get("name", ""))
        if source.get("configMap"):
            yield ("configmaps", namespace, source["configMap"].get("name", ""))
    if volume.get("persistentVolumeClaim"):
        yield ("persistentvolumeclaims", namespace, volume["persistentVolumeClaim"].get("claimName", ""))
    if volume.get("ephemeral"):
        yield ("persistentvolumeclaims", namespace, f"{pod_name}-{volume['name']}")
    if volume.get("azureFile"):
        yield ("secrets", namespace, volume["azureFile"].get("secretName", ""))
    if (volume.get("csi") or {}).get("nodePublishSecretRef"):
        yield ("secrets", namespace, volume["csi"]["nodePublishSecretRef"].get("name", ""))
    for key in _SECRET_REF_SOURCES & volume.keys():
        secret = (volume[key] or {}).get("secretRef")
        if secret:
            yield ("secrets", namespace, secret.get("name", ""))


def _volume_secrets(spec: dict[str, Any], claim_namespace: str) -> Iterator[Reference]:
    """The secrets a PersistentVolume names; without a namespace of their own they are the claim's."""
    for key in _SECRET_REF_SOURCES:
        secret = (spec.get(key) or {}).get("secretRef")
        if secret:
            yield ("secrets", secret.get("namespace") or claim_namespace, secret.get("name", ""))
    azure = spec.get("azureFile")
    if azure:
        yield ("secrets", azure.get("secretNamespace") or claim_namespace, azure.get("secretName", ""))
    csi = spec.get("csi") or {}
    for key in ("nodePublishSecretRef", "nodeStageSecretRef", "nodeExpandSecretRef"):
        if csi.get(key):
            yield ("secrets", csi[key].get("namespace") or claim_namespace, csi[key].get("name", ""))
