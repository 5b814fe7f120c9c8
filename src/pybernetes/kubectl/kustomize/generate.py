"""`configMapGenerator` and `secretGenerator`, and the hashes at the end of their names."""

from __future__ import annotations

import os

from ..errors import CommandError, quoted
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
        options[key] = {**(shared.get(key) or {}), **(own.get(key) or {})}
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


def _known(resource: Resource, name: str, space: str) -> bool:
    return any(n == name and (s or "default") == (space or "default") for _, n, s in resource.identities)


def _join(resource: Resource, new: Object, *, whole: bool) -> None:
    """The generator's object for that of a base: its names stay, labels and annotations come together, data too."""
    old = resource.obj
    metadata = {**resource.metadata}
    for key in ("labels", "annotations"):
        pairs = {**(metadata.get(key) or {}), **(new["metadata"].get(key) or {})}
        if pairs:
            metadata[key] = pairs
    resource.obj = {**new, "metadata": metadata}
    for field in () if whole else ("data", "binaryData"):
        pairs = {**(old.get(field) or {}), **(new.get(field) or {})}
        if pairs:
            resource.obj[field] = pairs


def _object(root: str, kind: str, entry: Object, options: Object, anywhere: bool) -> Object:
    if not entry.get("name"):
        raise CommandError(f"a {kind.lower()} must have a name")
    metadata: Object = {"name": entry["name"]}
    if entry.get("namespace"):
        metadata["namespace"] = entry["namespace"]
    for field in ("labels", "annotations"):
        if options.get(field):
            metadata[field] = dict(options[field])
    obj: Object = {"apiVersion": "v1", "kind": kind, "metadata": metadata}
    _fill(obj, kind, _data(root, kind, entry, anywhere), entry)
    if options.get("immutable"):
        obj["immutable"] = True
    return obj


def _data(root: str, kind: str, entry: Object, anywhere: bool) -> dict[str, bytes]:
    pairs: list[tuple[str, bytes]] = []

    def sources(key: str) -> tuple[list[str], str]:
        found = [str(one) for one in (*(entry.get(f"{key}s") or ()), *([entry[key]] if entry.get(key) else ()))]
        return found, f"[{' '.join(found)}]"

    environments, shown = sources("env")
    with blamed(f"loading KV pairs: env source files: {shown}"):
        for path in environments:
            for line in load(root, path, anywhere=anywhere).decode().splitlines():
                text = line.lstrip().lstrip("\ufeff")
                if text and not text.startswith("#"):
                    key, equals, text = text.partition("=")
                    pairs.append((key, text.encode() if equals else os.environ.get(key, "").encode()))
    literals, shown = sources("literal")
    with blamed(f"loading KV pairs: literal sources {shown}"):
        for literal in literals:
            key, equals, text = literal.partition("=")
            if not equals or not key:
                raise CommandError(f"invalid literal source {literal}, expected key=value")
            if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
                text = text[1:-1]
            pairs.append((key, text.encode()))
    files, shown = sources("file")
    with blamed(f"loading KV pairs: file sources: {shown}"):
        for file in files:
            key, path = _file_source(file)
            pairs.append((key, load(root, path, anywhere=anywhere)))
    found: dict[str, bytes] = {}
    for key, value in pairs:
        if key in found:
            raise CommandError(f"{kind.lower()} {entry.get('name')} illegally repeats the key `{key}`")
        found[key] = value
    return found


def _file_source(text: str) -> tuple[str, str]:
    """Key and path of `key=path`, or of a path alone. CommandError."""
    key, equals, path = text.partition("=")
    if not equals:
        return os.path.basename(text), text
    if "=" in path:
        raise CommandError(f"source {quoted(text)} key name or file path contains '='")
    if not key:
        raise CommandError(f"missing key name for file path {quoted(path)} in source {quoted(text)}")
    if not path:
        raise CommandError(f"missing file path for key name {quoted(key)} in source {quoted(text)}")
    return key, path


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


def add_hashes(resources: list[Resource]) -> None:
    """The last change of a name."""
    for resource in resources:
        if resource.hashed:
            resource.rename(f"{resource.name}-{hash_of(resource.obj)}")
