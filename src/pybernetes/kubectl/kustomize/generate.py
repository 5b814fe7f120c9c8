"""`configMapGenerator` and `secretGenerator`."""

from __future__ import annotations

import os

from ..errors import CommandError
from .hashes import hash_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MARK = "\0generated"


def generated(directory: str, config: dict[str, Any], objects: list[dict[str, Any]]) -> None:
    """Add the generated objects, or merge them into those of a base."""
    shared = config.get("generatorOptions") or {}
    for key, kind in (("configMapGenerator", "ConfigMap"), ("secretGenerator", "Secret")):
        for entry in config.get(key) or ():
            obj = _object(directory, kind, entry, {**shared, **(entry.get("options") or {})})
            behavior = entry.get("behavior") or "create"
            same = [other for other in objects if other.get("kind") == kind and _plain_name(other) == entry.get("name")]
            if behavior == "create":
                objects.append(obj)
            elif not same:
                raise CommandError(f"id {kind}/{entry.get('name')} does not exist; cannot {behavior}")
            elif behavior == "merge":
                for field in ("data", "binaryData"):
                    if obj.get(field):
                        same[0][field] = {**(same[0].get(field) or {}), **obj[field]}
                same[0][MARK] = obj[MARK]
            else:
                objects[objects.index(same[0])] = obj


def _plain_name(obj: dict[str, Any]) -> str:
    mark = obj.get(MARK)
    return str(mark["name"]) if isinstance(mark, dict) else str(obj["metadata"]["name"])


def _object(directory: str, kind: str, entry: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    data: dict[str, bytes] = {}
    for literal in entry.get("literals") or ():
        key, _, value = str(literal).partition("=")
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        data[key] = value.encode()
    for file in entry.get("files") or ():
        key, equals, path = str(file).partition("=")
        if not equals:
            path, key = key, os.path.basename(key)
        data[key] = _content(directory, path)
    environments = list(entry.get("envs") or ()) + ([entry["env"]] if entry.get("env") else [])
    for path in environments:
        for line in _content(directory, str(path)).decode().splitlines():
            if line.strip() and not line.lstrip().startswith("#"):
                key, _, value = line.lstrip().partition("=")
                data[key] = value.encode()
    metadata: dict[str, Any] = {"name": entry["name"]}
    if entry.get("namespace"):
        metadata["namespace"] = entry["namespace"]
    for field in ("labels", "annotations"):
        if options.get(field):
            metadata[field] = dict(options[field])
    obj: dict[str, Any] = {"apiVersion": "v1", "kind": kind, "metadata": metadata}
    _fill(obj, kind, data, entry)
    if options.get("immutable"):
        obj["immutable"] = True
    obj[MARK] = {"hash": not options.get("disableNameSuffixHash"), "name": entry["name"]}
    return obj


def _fill(obj: dict[str, Any], kind: str, data: dict[str, bytes], entry: dict[str, Any]) -> None:
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


def _content(directory: str, path: str) -> bytes:
    full = os.path.join(directory, path)
    try:
        with open(full, "rb") as file:
            return file.read()
    except OSError:
        raise CommandError(
            f"loading KV pairs: file sources: [{path}]: open {os.path.abspath(full)}: no such file or directory"
        ) from None


def hashed(objects: list[dict[str, Any]]) -> None:
    """Suffixes for what was generated here or in a base, unless switched off."""
    for obj in objects:
        mark = obj.get(MARK)
        if isinstance(mark, dict) and mark.get("hash"):
            bare = {key: value for key, value in obj.items() if key != MARK}
            known = mark.get("suffix", "")
            if known:
                obj["metadata"]["name"] = obj["metadata"]["name"].removesuffix(known)
                bare = {key: value for key, value in obj.items() if key != MARK}
            mark["suffix"] = "-" + hash_of(bare)
            obj["metadata"]["name"] += mark["suffix"]
