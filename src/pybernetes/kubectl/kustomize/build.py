"""Builds a kustomization: resources and bases, generators, then the transformers in kustomize's order."""

from __future__ import annotations

import os
from copy import deepcopy

from ..errors import CommandError
from ..objects.files import documents
from . import generate, transform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FILES = ("kustomization.yaml", "kustomization.yml", "Kustomization")


def build(directory: str) -> list[dict[str, Any]]:
    """The objects of a kustomization, in order. CommandError."""
    objects = sorted(_built(os.path.normpath(directory), ()), key=_place)
    for obj in objects:
        # Marks of generated objects are for the transformers only.
        obj.pop(generate.MARK, None)
    return objects


_FIRST = (
    "Namespace ResourceQuota StorageClass CustomResourceDefinition ServiceAccount PodSecurityPolicy Role ClusterRole "
    "RoleBinding ClusterRoleBinding ConfigMap Secret Endpoints Service LimitRange PriorityClass PersistentVolume "
    "PersistentVolumeClaim Deployment StatefulSet CronJob PodDisruptionBudget"
).split()
_LAST = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")


def _place(obj: dict[str, Any]) -> tuple[Any, ...]:
    """What others need comes first; objects of a kind by namespace and name."""
    kind, metadata = str(obj.get("kind")), obj["metadata"]
    if kind in _FIRST:
        rank = _FIRST.index(kind) - len(_FIRST)
    else:
        rank = 1 + _LAST.index(kind) if kind in _LAST else 0
    return rank, kind, str(metadata.get("namespace") or ""), str(metadata["name"])


def _read(directory: str) -> dict[str, Any]:
    from ..wire.yaml_read import load_one

    if not os.path.isdir(directory):
        if not os.path.exists(directory):
            raise CommandError(
                f"must build at directory: not a valid directory: evalsymlink failure on '{directory}' : lstat "
                f"{os.path.abspath(directory)}: no such file or directory"
            )
        raise CommandError(f"invalid root reference: '{directory}' must resolve to a directory")
    found = [name for name in FILES if os.path.exists(os.path.join(directory, name))]
    if not found:
        names = "', '".join(FILES[:2])
        raise CommandError(
            f"unable to find one of '{names}' or '{FILES[2]}' in directory '{os.path.abspath(directory)}'"
        )
    if len(found) > 1:
        raise CommandError(f"Found multiple kustomization files under: {os.path.abspath(directory)}")
    with open(os.path.join(directory, found[0]), encoding="utf-8") as file:
        try:
            document = load_one(file.read())
        except ValueError as error:
            raise CommandError(f"invalid Kustomization: {error}") from None
    return document if isinstance(document, dict) else {}


def _built(directory: str, chain: tuple[str, ...]) -> list[dict[str, Any]]:
    real = os.path.realpath(directory)
    if real in chain:
        raise CommandError(f"cycle detected: candidate root '{real}' contains visited root '{real}'")
    config = _read(directory)
    objects: list[dict[str, Any]] = []
    for path in [*(config.get("resources") or ()), *(config.get("bases") or ())]:
        objects += _resource(directory, str(path), (*chain, real))
    return _applied(directory, config, objects, (*chain, real))


def _resource(directory: str, path: str, chain: tuple[str, ...]) -> list[dict[str, Any]]:
    if path.startswith(("http://", "https://")):
        return [obj for obj, _ in documents([path], recursive=False, stdin=lambda: "")]
    full = os.path.normpath(os.path.join(directory, path))
    if os.path.isdir(full):
        return _built(full, chain)
    if not os.path.exists(full):
        raise CommandError(
            f"accumulating resources: accumulation err='accumulating resources from '{path}': open "
            f"{os.path.abspath(full)}: no such file or directory'"
        )
    found = []
    for document, _ in documents([full], recursive=False, stdin=lambda: ""):
        items = document.get("items") if str(document.get("kind", "")).endswith("List") else None
        found += items if isinstance(items, list) else [document]
    return found


def _applied(
    directory: str, config: dict[str, Any], objects: list[dict[str, Any]], chain: tuple[str, ...]
) -> list[dict[str, Any]]:
    """One kustomization's generators and transformers on its objects."""
    objects = deepcopy(objects)
    generate.generated(directory, config, objects)
    for path in config.get("components") or ():
        full = os.path.normpath(os.path.join(directory, str(path)))
        objects = _applied(full, _read(full), objects, chain)
    transform.patches(directory, config, objects)
    before = [transform.identity(obj) for obj in objects]
    transform.namespace(objects, config.get("namespace") or "")
    transform.names(objects, str(config.get("namePrefix") or ""), str(config.get("nameSuffix") or ""))
    transform.labels(objects, config)
    transform.annotations(objects, config.get("commonAnnotations") or {})
    transform.images(objects, config.get("images") or [])
    transform.replicas(objects, config.get("replicas") or [])
    generate.hashed(objects)
    transform.references(objects, before)
    return objects
