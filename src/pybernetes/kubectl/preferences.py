"""What a kuberc file says: the first of its documents that is a Preference of a version we know, in v1beta1's words.

Fields that nobody knows are told of, not refused; documents of another kind, or with values of another type, are passed
over (as in k8s.io/kubectl/pkg/kuberc).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

GROUP = "kubectl.config.k8s.io"
_OPTION = {"name": "", "default": ""}
_COMMON = {
    "apiVersion": "",
    "kind": "",
    "credentialPluginPolicy": "",
    "credentialPluginAllowlist": [{"name": "", "command": ""}],
}


def _shape(overrides: str, options: str) -> dict[str, Any]:
    alias = {"name": "", "command": "", "prependArgs": [""], "appendArgs": [""], options: [_OPTION]}
    return {**_COMMON, "aliases": [alias], overrides: [{"command": "", options: [_OPTION]}]}


_SHAPES = {f"{GROUP}/v1alpha1": _shape("overrides", "flags"), f"{GROUP}/v1beta1": _shape("defaults", "options")}
"""An empty text stands for texts, a list for lists of what it holds, a mapping for fields."""


class Preferences:
    """A decoded file."""

    __slots__ = ("fields", "unknown")

    def __init__(self, fields: dict[str, Any], unknown: list[str]) -> None:
        self.fields = fields
        """Those of v1beta1; empty when the file is."""
        self.unknown = unknown
        """Paths of fields that no version has."""


def read(path: str) -> Preferences:
    """The preferences of a file. OSError; ValueError when it has documents and none can be used."""
    from .objects.files import documents_of
    from .wire.yaml_read import load_one

    with open(path, encoding="utf-8", errors="replace") as file:
        texts = [text for text in documents_of(file.read()) if text.strip()]
    for text in texts:
        try:
            found = load_one(text)
        except ValueError:
            continue
        shape = _SHAPES.get(str(found.get("apiVersion"))) if isinstance(found, dict) else None
        if shape is None or found.get("kind") != "Preference":
            continue
        try:
            unknown = list(_unknown(found, shape, ""))
        except TypeError:
            continue
        return Preferences(_renamed(found), unknown)
    if texts:
        raise ValueError(f"no valid preferences found in {path}, use --v=5 to see details")
    return Preferences({}, [])


def _unknown(value: Any, shape: Any, path: str) -> Iterator[str]:
    """Paths of fields that the shape has not. TypeError for values of another type."""
    if value is None:
        return
    if type(value) is not type(shape):
        raise TypeError(path)
    if isinstance(shape, list):
        for place, item in enumerate(value):
            yield from _unknown(item, shape[0], f"{path}[{place}]")
    elif isinstance(shape, dict):
        for name, item in sorted(value.items()):
            inner = f"{path}.{name}" if path else name
            if name in shape:
                yield from _unknown(item, shape[name], inner)
            else:
                yield inner


def _renamed(found: dict[str, Any]) -> dict[str, Any]:
    if not str(found["apiVersion"]).endswith("v1alpha1"):
        return found
    entries = {
        new: [
            {("options" if name == "flags" else name): value for name, value in entry.items()}
            for entry in found.get(old) or ()
        ]
        for old, new in (("aliases", "aliases"), ("overrides", "defaults"))
    }
    return {**found, **entries}
