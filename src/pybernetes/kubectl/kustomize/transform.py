"""Kustomize's transformers: each changes the list of objects in place."""

from __future__ import annotations as _annotations

import os

from ..errors import CommandError
from ..objects.pod_specs import spec_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Object = dict[str, Any]

_CLUSTER = frozenset(
    "Namespace Node PersistentVolume ClusterRole ClusterRoleBinding CustomResourceDefinition "
    "StorageClass PriorityClass "
    "IngressClass APIService CSIDriver CSINode RuntimeClass VolumeAttachment MutatingWebhookConfiguration "
    "ValidatingWebhookConfiguration CertificateSigningRequest FlowSchema PriorityLevelConfiguration".split()
)


def identity(obj: Object) -> tuple[str, str]:
    """Kind and name."""
    return str(obj.get("kind")), str(obj["metadata"]["name"])


def namespace(objects: list[Object], name: str) -> None:
    if not name:
        return
    for obj in objects:
        if obj.get("kind") == "Namespace":
            obj["metadata"]["name"] = name
        elif obj.get("kind") not in _CLUSTER:
            obj["metadata"]["namespace"] = name
        if obj.get("kind") in ("RoleBinding", "ClusterRoleBinding"):
            for subject in obj.get("subjects") or ():
                if subject.get("kind") == "ServiceAccount" and subject.get("name") == "default":
                    subject["namespace"] = name


def names(objects: list[Object], prefix: str, suffix: str) -> None:
    for obj in objects:
        if obj.get("kind") not in ("Namespace", "CustomResourceDefinition", "APIService"):
            obj["metadata"]["name"] = prefix + obj["metadata"]["name"] + suffix


def labels(objects: list[Object], config: Object) -> None:
    """`commonLabels` go into selectors and templates, `labels` where they say."""
    entries = [{"pairs": config["commonLabels"], "includeSelectors": True}] if config.get("commonLabels") else []
    for entry in [*entries, *(config.get("labels") or ())]:
        pairs = {str(key): str(value) for key, value in (entry.get("pairs") or {}).items()}
        selectors = bool(entry.get("includeSelectors"))
        templates = selectors or bool(entry.get("includeTemplates"))
        for obj in objects:
            obj["metadata"]["labels"] = {**(obj["metadata"].get("labels") or {}), **pairs}
            for template in _templates(obj) if templates else ():
                metadata = template.setdefault("metadata", {})
                metadata["labels"] = {**(metadata.get("labels") or {}), **pairs}
            if selectors:
                _select(obj, pairs)


def _templates(obj: Object) -> Iterator[Object]:
    spec = obj.get("spec") or {}
    if isinstance(spec.get("template"), dict):
        yield spec["template"]
    job = spec.get("jobTemplate")
    if isinstance(job, dict):
        yield job
        if isinstance((job.get("spec") or {}).get("template"), dict):
            yield job["spec"]["template"]


def _select(obj: Object, pairs: dict[str, str]) -> None:
    kind, spec = obj.get("kind"), obj.get("spec") or {}
    if kind == "Service" and spec.get("selector"):
        spec["selector"] = {**spec["selector"], **pairs}
    elif kind == "ReplicationController":
        spec["selector"] = {**(spec.get("selector") or {}), **pairs}
    elif kind in ("Deployment", "ReplicaSet", "DaemonSet", "StatefulSet"):
        selector = spec.setdefault("selector", {})
        selector["matchLabels"] = {**(selector.get("matchLabels") or {}), **pairs}
    elif kind in ("PodDisruptionBudget", "Job") and (spec.get("selector") or {}).get("matchLabels"):
        spec["selector"]["matchLabels"] = {**spec["selector"]["matchLabels"], **pairs}


def annotations(objects: list[Object], pairs: dict[str, Any]) -> None:
    if not pairs:
        return
    shown = {str(key): str(value) for key, value in pairs.items()}
    for obj in objects:
        for holder in (obj, *_templates(obj)):
            metadata = holder.setdefault("metadata", {})
            metadata["annotations"] = {**(metadata.get("annotations") or {}), **shown}


def images(objects: list[Object], entries: list[Object]) -> None:
    for obj in objects:
        spec = spec_of(obj)
        for field in ("containers", "initContainers", "ephemeralContainers"):
            for container in (spec or {}).get(field) or ():
                for entry in entries:
                    container["image"] = _image(str(container.get("image", "")), entry)


def _image(image: str, entry: Object) -> str:
    bare, digest = image.partition("@")[0], image.partition("@")[2]
    head, _, last = bare.rpartition("/")
    name, _, tag = last.partition(":")
    name = f"{head}/{name}" if head else name
    if name != entry.get("name"):
        return image
    name = str(entry.get("newName") or name)
    if entry.get("digest"):
        return f"{name}@{entry['digest']}"
    if entry.get("newTag"):
        return f"{name}:{entry['newTag']}"
    return f"{name}{':' + tag if tag else ''}{'@' + digest if digest else ''}"


def replicas(objects: list[Object], entries: list[Object]) -> None:
    for entry in entries:
        found = [
            obj
            for obj in objects
            if obj["metadata"]["name"].endswith(entry.get("name", "\0"))
            and obj.get("kind") in ("Deployment", "ReplicaSet", "StatefulSet", "ReplicationController")
        ]
        for obj in found:
            obj.setdefault("spec", {})["replicas"] = entry.get("count", 0)


def patches(directory: str, config: Object, objects: list[Object]) -> None:
    """`patches`, `patchesStrategicMerge` and `patchesJson6902`. CommandError."""
    for text in config.get("patchesStrategicMerge") or ():
        for patch in _documents(directory, text):
            _merge(objects, patch, None)
    for entry in config.get("patchesJson6902") or ():
        operations = _documents(directory, entry.get("patch") or entry.get("path"))[0]
        _json(objects, operations, entry.get("target") or {})
    for entry in config.get("patches") or ():
        found = _documents(directory, entry.get("patch") or entry.get("path"))
        target = entry.get("target")
        for patch in found:
            if isinstance(patch, list):
                _json(objects, patch, target or {})
            else:
                _merge(objects, patch, target)


def _documents(directory: str, text: Any) -> list[Any]:
    from ..wire.yaml_read import YamlError, load_all

    content = str(text)
    if "\n" not in content and os.path.exists(os.path.join(directory, content)):
        with open(os.path.join(directory, content), encoding="utf-8") as file:
            content = file.read()
    try:
        return [found for found in load_all(content) if found is not None]
    except YamlError as error:
        raise CommandError(f"trouble configuring builtin PatchTransformer: {error}") from None


def _matches(obj: Object, target: Object) -> bool:
    import re

    group, slash, version = str(obj.get("apiVersion", "")).partition("/")
    group, version = (group, version) if slash else ("", group)
    known = {
        "group": group,
        "version": version,
        "kind": str(obj.get("kind", "")),
        "name": str(obj["metadata"]["name"]),
        "namespace": str(obj["metadata"].get("namespace", "")),
    }
    for key, value in known.items():
        if target.get(key) and not re.fullmatch(str(target[key]), value):
            return False
    for key, field in (("labelSelector", "labels"), ("annotationSelector", "annotations")):
        if target.get(key):
            from ..objects.selectors import matches

            if not matches(str(target[key]), obj["metadata"].get(field) or {}):
                return False
    return True


def _merge(objects: list[Object], patch: Object, target: Object | None) -> None:
    from ..apply.merge_keys import type_of
    from ..apply.strategic import patched

    if target is None:
        metadata = patch.get("metadata") or {}
        chosen = [
            obj
            for obj in objects
            if identity(obj) == (str(patch.get("kind")), str(metadata.get("name")))
            and obj.get("apiVersion") == patch.get("apiVersion")
        ]
        if not chosen:
            raise CommandError(
                f'no resource matches strategic merge patch "{patch.get("kind")}.{patch.get("apiVersion")}/'
                f'{metadata.get("name")}.[noNs]": no matches for Id'
            )
    else:
        chosen = [obj for obj in objects if _matches(obj, target)]
    for obj in chosen:
        place = objects.index(obj)
        if patch.get("$patch") == "delete":
            del objects[place]
            continue
        if type_of(str(obj.get("apiVersion")), str(obj.get("kind"))):
            new = patched(obj, {key: value for key, value in patch.items() if key not in ("apiVersion", "kind")})
        else:
            from pybernetes.api.patch.merge_patch import merge

            new = merge(obj, patch)
        new["metadata"]["name"] = obj["metadata"]["name"]
        objects[place] = new


def _json(objects: list[Object], operations: list[Any], target: Object) -> None:
    from pybernetes.api.patch.json_patch import PatchError, apply_operations

    for place, obj in enumerate(objects):
        if _matches(obj, target):
            try:
                objects[place] = apply_operations(obj, operations)
            except PatchError as error:
                raise CommandError(str(error)) from None


def references(objects: list[Object], before: list[tuple[str, str]]) -> None:
    """Names that changed are changed where other objects refer to them."""
    renamed = {
        old: str(obj["metadata"]["name"])
        for old, obj in zip(before, objects, strict=True)
        if old[1] != obj["metadata"]["name"]
    }
    if renamed:
        for obj in objects:
            _refer(obj, renamed)


def _refer(obj: Object, renamed: dict[tuple[str, str], str]) -> None:
    def rename(holder: Any, key: str, kind: str) -> None:
        if isinstance(holder, dict) and (kind, str(holder.get(key))) in renamed:
            holder[key] = renamed[kind, str(holder[key])]

    spec = spec_of(obj)
    if spec is not None:
        rename(spec, "serviceAccountName", "ServiceAccount")
        for secret in spec.get("imagePullSecrets") or ():
            rename(secret, "name", "Secret")
        for volume in spec.get("volumes") or ():
            rename(volume.get("configMap"), "name", "ConfigMap")
            rename(volume.get("secret"), "secretName", "Secret")
            rename(volume.get("persistentVolumeClaim"), "claimName", "PersistentVolumeClaim")
            for source in (volume.get("projected") or {}).get("sources") or ():
                rename(source.get("configMap"), "name", "ConfigMap")
                rename(source.get("secret"), "name", "Secret")
        for field in ("containers", "initContainers"):
            for container in spec.get(field) or ():
                for variable in container.get("env") or ():
                    source = variable.get("valueFrom") or {}
                    rename(source.get("configMapKeyRef"), "name", "ConfigMap")
                    rename(source.get("secretKeyRef"), "name", "Secret")
                for source in container.get("envFrom") or ():
                    rename(source.get("configMapRef"), "name", "ConfigMap")
                    rename(source.get("secretRef"), "name", "Secret")
    kind = obj.get("kind")
    inner = obj.get("spec") or {}
    if kind == "StatefulSet":
        rename(inner, "serviceName", "Service")
    elif kind == "HorizontalPodAutoscaler":
        reference = inner.get("scaleTargetRef") or {}
        rename(reference, "name", str(reference.get("kind")))
    elif kind in ("RoleBinding", "ClusterRoleBinding"):
        reference = obj.get("roleRef") or {}
        rename(reference, "name", str(reference.get("kind")))
        for subject in obj.get("subjects") or ():
            rename(subject, "name", str(subject.get("kind")))
    elif kind == "Ingress":
        backends = [inner.get("defaultBackend") or {}]
        for rule in inner.get("rules") or ():
            backends += [path.get("backend") or {} for path in (rule.get("http") or {}).get("paths") or ()]
        for backend in backends:
            rename(backend.get("service"), "name", "Service")
        for entry in inner.get("tls") or ():
            rename(entry, "secretName", "Secret")
