"""Kustomize's plain transformers: namespace, names, labels, annotations, images, replicas. Each works in place."""

from __future__ import annotations

import re

from ..errors import CommandError
from ..output.go_json import compact
from .field_specs import FieldSpec, change
from .resource import effective_namespace, gvk, gvk_text, is_namespaced, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .resource import Resource

    Object = dict[str, Any]

_KEEP_NAMES = ("Namespace", "CustomResourceDefinition", "APIService")


def namespace(
    resources: list[Resource],
    name: str,
    specs: list[FieldSpec],
    *,
    subjects: str = "defaultOnly",
    unset_only: bool = False,
) -> None:
    """Everything that is namespaced goes to one namespace. CommandError when names collide there.

    `subjects` are the service accounts in role bindings that go too: `defaultOnly`, `allServiceAccounts` or `none`.
    """

    def placed(value: Any) -> Any:
        return value if unset_only and value else name

    if not name:
        return
    known: dict[tuple[Any, ...], list[Resource]] = {}
    for resource in resources:
        known.setdefault(_place(resource), []).append(resource)
    for resource in resources:
        obj = resource.obj
        known[_place(resource)].remove(resource)
        resource.remember()
        if is_namespaced(obj):
            resource.metadata["namespace"] = placed(resource.namespace)
        if resource.kind in ("RoleBinding", "ClusterRoleBinding") and subjects != "none":
            for subject in obj.get("subjects") or ():
                if subject.get("kind") == "ServiceAccount" and (
                    subjects == "allServiceAccounts" or subject.get("name") == "default"
                ):
                    subject["namespace"] = placed(subject.get("namespace"))
        for spec in specs:
            change(obj, spec, placed)
        there = known.setdefault(_place(resource), [])
        same = [one for one in there if one.earlier]
        if same:
            shown = " ".join(_internal(one) for one in resources if one is resource or one in same)
            raise CommandError(f"namespace transformation produces ID conflict: [{shown}]")
        there.append(resource)


def _place(resource: Resource) -> tuple[Any, ...]:
    """What no two objects may have in common."""
    return (gvk(resource.obj), resource.name, effective_namespace(resource.obj))


def _internal(resource: Resource) -> str:
    """An object with the notes that kustomize keeps in it."""
    kinds, names, spaces = zip(*((k, n, s or "default") for k, n, s in resource.earlier), strict=True)
    notes = {"previousKinds": kinds, "previousNames": names, "previousNamespaces": spaces}
    annotations = {f"internal.config.kubernetes.io/{key}": ",".join(texts) for key, texts in notes.items()}
    known = resource.metadata.get("annotations") or {}
    return compact({**resource.obj, "metadata": {**resource.metadata, "annotations": {**known, **annotations}}})


def names(resources: list[Resource], specs: list[FieldSpec], prefix: str = "", suffix: str = "") -> None:
    for resource in resources if prefix or suffix else ():
        for spec in specs:
            if spec.parts == ["metadata", "name"]:
                if resource.kind in _KEEP_NAMES or not spec.matches(resource.obj):
                    continue
                resource.rename(prefix + resource.name + suffix)
                if prefix:
                    resource.prefixes.append(prefix)
                if suffix:
                    resource.suffixes.append(suffix)
            else:
                change(resource.obj, spec, lambda text: f"{prefix}{text}{suffix}")


def put(resources: list[Resource], pairs: Object, specs: list[FieldSpec]) -> None:
    """Labels or annotations, wherever the specs say."""
    texts = {str(key): text_of(value) for key, value in pairs.items()}
    for resource in resources if texts else ():
        for spec in specs:
            change(resource.obj, spec, lambda known: {**(known or {}), **texts}, {})


def images(resources: list[Resource], entries: list[Object], specs: list[FieldSpec]) -> None:
    for entry in entries:
        for resource in resources:
            if resource.kind != "CustomResourceDefinition":
                _containers(resource.obj, entry)
            for spec in specs:
                change(resource.obj, spec, _imager(entry))


def _imager(entry: Object) -> Callable[[Any], Any]:
    return lambda text: _image(str(text), entry)


def _constant(value: Any) -> Callable[[Any], Any]:
    return lambda _: value


def _containers(node: Any, entry: Object) -> None:
    """Every `containers` and `initContainers` list, wherever it is."""
    if isinstance(node, list):
        for item in node:
            _containers(item, entry)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in ("containers", "initContainers") and isinstance(value, list):
                for container in value:
                    if isinstance(container, dict) and isinstance(container.get("image"), str):
                        container["image"] = _image(container["image"], entry)
            else:
                _containers(value, entry)


_REST = r"(?::(?P<tag>[a-zA-Z0-9_.{}-]*))?(?:@(?P<digest>sha256:[a-zA-Z0-9_.{}-]*))?"


def _image(image: str, entry: Object) -> str:
    found = re.fullmatch(re.escape(str(entry.get("name") or "")) + _REST, image)
    if found is None:
        return image
    name = str(entry.get("newName") or entry.get("name"))
    tag, digest = found["tag"] or "", found["digest"] or ""
    new_tag, new_digest = text_of(entry.get("newTag") or ""), str(entry.get("digest") or "")
    if new_tag or new_digest:
        tag, digest = new_tag, new_digest
    elif entry.get("tagSuffix"):
        tag, digest = tag + str(entry["tagSuffix"]), ""
    return name + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")


def replicas(resources: list[Resource], entries: list[Object], specs: list[FieldSpec]) -> None:
    """CommandError when there is nothing of that name to scale."""
    for entry in entries:
        name, count = str(entry.get("name") or ""), entry.get("count", 0)
        found = [one for one in resources if any(name == known for _, known, _ in one.identities)]
        scaled = False
        for resource in found:
            for spec in specs:
                if spec.matches(resource.obj):
                    scaled = True
                    change(resource.obj, spec, _constant(count))
        if not scaled:
            kinds = " ".join(gvk_text(spec.group, spec.version, spec.kind) for spec in specs)
            raise CommandError(f"resource with name {name} does not match a config with the following GVK [{kinds}]")
