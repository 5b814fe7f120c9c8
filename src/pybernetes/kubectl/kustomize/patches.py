"""`patches` and its older forms: strategic merge patches by name or target, JSON patches by target."""

from __future__ import annotations

import re

from ..errors import CommandError, quoted
from .kustomization import blamed, load
from .merge import Schema, merged
from .resource import gvk, identity_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .resource import Resource

    Object = dict[str, Any]


class Patcher:
    """Applies the patches of one kustomization to its resources, in place."""

    def __init__(self, root: str, resources: list[Resource], schema: Schema, *, anywhere: bool) -> None:
        self._root, self._resources, self._schema, self._anywhere = root, resources, schema, anywhere

    def strategic(self, entries: list[Any]) -> None:
        """`patchesStrategicMerge`: files or texts."""
        for entry in entries:
            text = str(entry)
            inline = "\n" in text or ":" in text or "{" in text
            for patch in self._documents(text if inline else self._load(text)):
                self._merge_by_name(patch)

    def json6902(self, entries: list[Object]) -> None:
        """`patchesJson6902`."""
        for entry in entries:
            text = str(entry.get("patch") or "") or self._load(str(entry.get("path") or ""))
            target = entry.get("target") or {}
            exact = {key: f"^{re.escape(str(value))}$" for key, value in target.items() if value}
            self._json(self._operations(text), self.selected(exact))

    def patches(self, entries: list[Object]) -> None:
        """`patches`: either kind, with a target or by name."""
        for entry in entries:
            given, path = str(entry.get("patch") or "").strip(), str(entry.get("path") or "").strip()
            if bool(given) == bool(path):
                raise CommandError(
                    "patch and path can't be set at the same time" if given else "must specify one of patch and path"
                )
            documents = self._documents(given or self._load(path))
            target, options = entry.get("target"), entry.get("options") or {}
            shown = f"[path: {quoted(path)}]" if path else f"[patch: {quoted(given)}]"
            for patch in documents:
                if isinstance(patch, list):
                    if not target:
                        raise CommandError(f"must specify a target for JSON patch {shown}")
                    self._json(patch, self.selected(target))
                elif target:
                    for resource in self.selected(target):
                        self._merge(resource, patch, options)
                else:
                    self._merge_by_name(patch, options)

    def selected(self, target: Object) -> list[Resource]:
        """What a target selects, by what objects are and were called; each text of it is a regular expression."""
        return [resource for resource in self._resources if selects(resource, target)]

    def _load(self, path: str) -> str:
        with blamed(f"failed to get the patch file from path({path})"):
            return load(self._root, path, anywhere=self._anywhere).decode()

    def _documents(self, text: str) -> list[Any]:
        from ..wire.yaml_read import YamlError, load_all

        try:
            return [found for found in load_all(text, core=True) if found is not None]
        except YamlError as error:
            raise CommandError(f"unable to parse SM or JSON patch from [patch: {quoted(text)}]: {error}") from None

    def _operations(self, text: str) -> list[Any]:
        found = self._documents(text)
        return found[0] if found and isinstance(found[0], list) else []

    def _merge_by_name(self, patch: Object, options: Object | None = None) -> None:
        group, version, kind = gvk(patch)
        metadata = patch.get("metadata") or {}
        name, space = str(metadata.get("name") or ""), str(metadata.get("namespace") or "default")
        found = [
            resource
            for resource in self._resources
            if gvk(resource.obj)[:2] == (group, version)
            and any((k, n) == (kind, name) and space == (s or "default") for k, n, s in resource.identities)
        ]
        if len(found) != 1:
            shown = identity_text(patch)
            what = f"no matches for Id {shown}" if not found else f"multiple matches for Id {shown}"
            raise CommandError(
                f'no resource matches strategic merge patch "{shown}": {what}; failed to find unique target for patch '
                f"{shown}"
            )
        self._merge(found[0], patch, options or {})

    def _merge(self, resource: Resource, patch: Object, options: Object) -> None:
        kept = resource.obj.get("kind"), resource.obj.get("apiVersion"), resource.name, resource.namespace
        new = merged(resource.obj, patch, self._schema)
        if new is None:
            self._resources.remove(resource)
            return
        if not options.get("allowKindChange"):
            new["kind"], new["apiVersion"] = kept[:2]
        else:
            resource.remember()
        if options.get("allowNameChange"):
            resource.remember()
        else:
            new["metadata"]["name"] = kept[2]
        if kept[3]:
            new["metadata"]["namespace"] = kept[3]
        else:
            new["metadata"].pop("namespace", None)
        resource.obj = new

    def _json(self, operations: list[Any], resources: list[Resource]) -> None:
        from pybernetes.api.patch.json_patch import PatchError, apply_operations

        for resource in resources:
            resource.remember()
            for operation in operations:
                try:
                    resource.obj = apply_operations(resource.obj, [operation])
                except PatchError as error:
                    raise CommandError(_failed(operation, str(error))) from None


def selects(resource: Resource, target: Object) -> bool:
    """Does a selector (group, version, kind, name, namespace, labels, annotations) select an object?"""
    group, version, _ = gvk(resource.obj)
    for key, value in (("group", group), ("version", version)):
        if target.get(key) and not _full(target[key], value):
            return False
    for kind, name, space in resource.identities:
        known = (("kind", kind), ("name", name), ("namespace", space or "default"))
        if all(not target.get(key) or _full(target[key], value) for key, value in known):
            break
    else:
        return False
    for key, field in (("labelSelector", "labels"), ("annotationSelector", "annotations")):
        if target.get(key):
            from ..objects.selectors import matches

            if not matches(str(target[key]), resource.metadata.get(field) or {}):
                return False
    return True


def _full(pattern: Any, text: str) -> bool:
    return re.fullmatch(str(pattern), text) is not None


def _failed(operation: Object, why: str) -> str:
    """A JSON patch operation that does not apply, in the words of Go's library."""
    verb, path = operation.get("op"), operation.get("path")
    if verb == "test":
        return f"testing value {path} failed: test failed"
    if verb == "remove":
        return f"remove operation does not apply: doc is missing path: {quoted(path)}: missing value"
    if verb == "add":
        return f"add operation does not apply: doc is missing path: {quoted(path)}: missing value"
    if verb == "replace":
        return f"replace operation does not apply: doc is missing path: {path}: missing value"
    return why
