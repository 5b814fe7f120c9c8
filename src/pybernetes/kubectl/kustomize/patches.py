"""`patches` and its older forms: strategic merge patches by name or target, JSON patches by target."""

from __future__ import annotations

import re
from contextlib import contextmanager

from ..errors import CommandError, quoted
from ..wire.json_read import kind_of
from .kustomization import blamed, load
from .merge import Schema, merged
from .resource import gvk, identity_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
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
            if not ("\n" in text or ":" in text or "{" in text):
                with configuring("PatchStrategicMergeTransformer", {"paths": [text]}):
                    text = self._load(text)
            for patch in self._documents(text, f"[patch: {quoted(text)}]"):
                self._merge_by_name(patch)

    def json6902(self, entries: list[Object]) -> None:
        """`patchesJson6902`."""
        for entry in entries:
            target = entry.get("target") or {}
            given, path = str(entry.get("patch") or ""), str(entry.get("path") or "")
            config = {"jsonOp": given, "path": path, "target": target}
            with configuring("PatchJson6902Transformer", config):
                if not target.get("name"):
                    raise CommandError("must specify the target name")
                if not given and not path:
                    raise CommandError("empty file path and empty jsonOp")
                if given and path:
                    raise CommandError("must specify a file path or jsonOp, not both")
                text = given or self._load(path)
                try:
                    operations = _operations(text)
                except ValueError as error:
                    raise CommandError(f"decoding {text}: {error}") from None
                if not operations:
                    raise CommandError(f"patch appears to be empty; file={path}, JsonOp={text}")
            exact = {key: f"^{re.escape(str(value))}$" for key, value in target.items() if value}
            self._json(operations, self.selected(exact))

    def patches(self, entries: list[Object]) -> None:
        """`patches`: either kind, with a target or by name."""
        for entry in entries:
            with configuring("PatchTransformer", entry):
                patches, shown = self._read(entry)
            target, options = entry.get("target"), entry.get("options") or {}
            if isinstance(patches[0], list):
                if not target:
                    raise CommandError(f"must specify a target for JSON patch {shown}")
                self._json(patches[0], self.selected(target))
                continue
            for patch in patches:
                if target:
                    for resource in self.selected(target):
                        self._merge(resource, patch, options)
                else:
                    self._merge_by_name(patch, options)

    def _read(self, entry: Object) -> tuple[list[Any], str]:
        """The objects of a patch, or one list of operations; how messages show it."""
        given, path = str(entry.get("patch") or "").strip(), str(entry.get("path") or "").strip()
        if not given and not path:
            raise CommandError(f"must specify one of patch and path in\n{_dumped(entry)}")
        if given and path:
            raise CommandError(f"patch and path can't be set at the same time\n{_dumped(entry)}")
        if path:
            with blamed(f"failed to get the patch file from path({path})"):
                text = self._load(path)
        else:
            text = given
        shown = f"[path: {quoted(path)}]" if path else f"[patch: {quoted(given)}]"
        try:
            operations = _operations(text)
        except ValueError:
            return self._documents(text, shown), shown
        if not operations:
            raise CommandError(f"illegally qualifies as both an SM and JSON patch: {shown}")
        return [operations], shown

    def selected(self, target: Object) -> list[Resource]:
        """What a target selects, by what objects are and were called; each text of it is a regular expression."""
        return [resource for resource in self._resources if selects(resource, target)]

    def _load(self, path: str) -> str:
        return load(self._root, path, anywhere=self._anywhere).decode()

    def _documents(self, text: str, shown: str) -> list[Object]:
        """Objects, with what names them."""
        from ..wire.yaml_read import YamlError, load_all

        try:
            found = [document for document in load_all(text, core=True) if document is not None]
        except YamlError:
            found = []
        if not found or not all(isinstance(one, dict) and one.get("kind") for one in found):
            raise CommandError(f"unable to parse SM or JSON patch from {shown}")
        return found

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
                    raise CommandError(str(error)) from None


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


_GO_WORDS = {
    "missing ), unterminated subpattern": "missing closing )",
    "unbalanced parenthesis": "unexpected )",
    "unterminated character set": "missing closing ]",
    "nothing to repeat": "missing argument to repetition operator",
    "multiple repeat": "invalid nested repetition operator",
}
"""What Go calls the mistakes in a regular expression that Python tells."""


def _full(pattern: Any, text: str) -> bool:
    anchored = f"^(?:{pattern})$"
    try:
        return re.search(anchored, text) is not None
    except re.error as error:
        raise CommandError(f"error parsing regexp: {_GO_WORDS.get(error.msg, error.msg)}: `{anchored}`") from None


def _operations(text: str) -> list[Any]:
    """The operations of a JSON patch: what begins with `[` is JSON, all else YAML. ValueError for anything else."""
    from ..wire.json_read import loads
    from ..wire.yaml_read import load_one

    found = loads(text) if text.startswith("[") else load_one(text)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ValueError(f"json: cannot unmarshal {kind_of(found)} into Go value of type jsonpatch.Patch")
    return found


@contextmanager
def configuring(transformer: str, config: Object) -> Iterator[None]:
    """What is wrong with a transformer's own configuration is told with all of it."""
    with blamed(f"trouble configuring builtin {transformer} with config: `\n{_dumped(config)}`"):
        yield


def _dumped(config: Object) -> str:
    from ..output.go_yaml import dump

    return dump({key: value for key, value in config.items() if value})
