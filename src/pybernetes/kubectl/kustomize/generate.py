"""`configMapGenerator` and `secretGenerator`, and the hashes at the end of their names."""

from __future__ import annotations

import os

from ..errors import CommandError
from .hashes import hash_of
from .kustomization import blamed, load
from .resource import Resource, add

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Object = dict[str, Any]


def generate(root: str, kind: str, entry: Object, shared: Object, resources: list[Resource], *, anywhere: bool) -> None:
    """Add a generated object, or merge it into the one of that name. CommandError."""
    own = entry.get("options") or {}
    options = {**shared, **own}
    for key in ("labels", "annotations"):
        pairs = {**(shared.get(key) or {}), **(own.get(key) or {})}
        _check_texts(kind, key, pairs)
        options[key] = pairs
    obj = _object(root, kind, entry, options, anywhere)
    hashed = not options.get("disableNameSuffixHash")
    origin = {
        "configuredIn": "kustomization.yaml",
        "configuredBy": {"apiVersion": "builtin", "kind": f"{kind}Generator"},
    }
    behavior, name, space = entry.get("behavior") or "create", str(entry.get("name")), str(entry.get("namespace") or "")
    same = [one for one in resources if one.kind == kind and _known(one, name, space)]
    shown = (
        'merging from generator &{0xc000000000 <nil>}: id resid.ResId{Gvk:resid.Gvk{Group:"", Version:"v1", '
        f'Kind:"{kind}", isClusterScoped:false}}, Name:"{name}", Namespace:"{space}"}} '
    )
    if behavior not in ("merge", "replace"):
        if same:
            raise CommandError(f"{shown}exists; behavior must be merge or replace")
        add(resources, [Resource(obj, origin, hashed=hashed)])
        return
    if not same:
        raise CommandError(f"{shown}does not exist; cannot merge or replace")
    _join(same[0], obj, whole=behavior == "replace")
    same[0].hashed = same[0].hashed or hashed


def _check_texts(kind: str, key: str, pairs: Object) -> None:
    for value in pairs.values():
        if not isinstance(value, str):
            sort = {bool: "bool", int: "number", float: "number"}.get(type(value), "object")
            field = "configMapGenerator" if kind == "ConfigMap" else "secretGenerator"
            raise CommandError(
                f"invalid Kustomization: json: cannot unmarshal {sort} into Go struct field "
                f"GeneratorOptions.{field}.GeneratorArgs.options.{key} of type string"
            )


def _known(resource: Resource, name: str, space: str) -> bool:
    return any(n == name and (s or "default") == (space or "default") for _, n, s in resource.identities)


def _join(resource: Resource, new: Object, *, whole: bool) -> None:
    """Data of the generator over that of a base; its names stay, labels and annotations come together."""
    old = resource.obj
    metadata = {**resource.metadata}
    for key in ("labels", "annotations"):
        pairs = {**(metadata.get(key) or {}), **(new["metadata"].get(key) or {})}
        if pairs:
            metadata[key] = pairs
    if whole:
        resource.obj = {**new, "metadata": metadata}
        return
    joined = {**old, "metadata": metadata}
    for field in ("data", "binaryData"):
        pairs = {**(old.get(field) or {}), **(new.get(field) or {})}
        if pairs:
            joined[field] = pairs
    resource.obj = joined


def _object(root: str, kind: str, entry: Object, options: Object, anywhere: bool) -> Object:
    metadata: Object = {"name": entry["name"]}
    if entry.get("namespace"):
        metadata["namespace"] = entry["namespace"]
    for field in ("labels", "annotations"):
        if options.get(field):
            metadata[field] = dict(options[field])
    obj: Object = {"apiVersion": "v1", "kind": kind, "metadata": metadata}
    _fill(obj, kind, _data(root, entry, anywhere), entry)
    if options.get("immutable"):
        obj["immutable"] = True
    return obj


def _data(root: str, entry: Object, anywhere: bool) -> dict[str, bytes]:
    found: dict[str, bytes] = {}

    def put(key: str, value: bytes) -> None:
        if key in found:
            raise CommandError(f"cannot add key {key}, another key by that name already exists")
        found[key] = value

    environments = [*(entry.get("envs") or ()), *([entry["env"]] if entry.get("env") else ())]
    for path in environments:
        for line in _content(root, str(path), "env source files", anywhere).decode().splitlines():
            text = line.lstrip().lstrip("\ufeff")
            if text and not text.startswith("#"):
                key, equals, value = text.partition("=")
                put(key, value.encode() if equals else os.environ.get(key, "").encode())
    for file in entry.get("files") or ():
        key, equals, path = str(file).partition("=")
        if not equals:
            path, key = key, os.path.basename(key)
        put(key, _content(root, path, "file sources", anywhere, str(file)))
    for literal in entry.get("literals") or ():
        key, equals, value = str(literal).partition("=")
        if not equals or not key:
            raise CommandError(
                f"loading KV pairs: literal sources: [{literal}]: invalid literal source {literal}, expected key=value"
            )
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        put(key, value.encode())
    return found


def _fill(obj: Object, kind: str, data: dict[str, bytes], entry: Object) -> None:
    from binascii import b2a_base64

    if kind == "Secret":
        if data:
            obj["data"] = {key: b2a_base64(value, newline=False).decode() for key, value in data.items()}
        obj["type"] = entry.get("type") or "Opaque"
        return
    for key, value in data.items():
        try:
            obj.setdefault("data", {})[key] = value.decode()
        except UnicodeDecodeError:
            obj.setdefault("binaryData", {})[key] = b2a_base64(value, newline=False).decode()


def _content(root: str, path: str, what: str, anywhere: bool, shown: str = "") -> bytes:
    with blamed(f"loading KV pairs: {what}: [{shown or path}]"):
        return load(root, path, anywhere=anywhere)


def add_hashes(resources: list[Resource]) -> None:
    """The last change of a name."""
    for resource in resources:
        if resource.hashed:
            resource.rename(f"{resource.name}-{hash_of(resource.obj)}")
