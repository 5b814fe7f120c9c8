"""The suffix of generated config maps and secrets: ten letters of a digest of their content (kustomize's hasher)."""

from __future__ import annotations

from hashlib import sha256

from ..output.go_json import compact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LETTERS = str.maketrans({"0": "g", "1": "h", "3": "k", "a": "m", "e": "t"})


def hash_of(obj: dict[str, Any], name: str = "") -> str:
    """The suffix for a ConfigMap or Secret; kustomize leaves the name out, `create --append-hash` puts it in."""
    if obj["kind"] == "ConfigMap":
        body: dict[str, Any] = {"data": obj.get("data") or "", "kind": "ConfigMap", "name": name}
        if obj.get("binaryData"):
            body["binaryData"] = obj["binaryData"]
    else:
        body = {"data": obj.get("data") or "", "kind": "Secret", "name": name, "type": obj.get("type") or ""}
        if obj.get("stringData"):
            body["stringData"] = obj["stringData"]
    return sha256(compact(body).encode()).hexdigest()[:10].translate(_LETTERS)
