"""Reads a kustomization file: known fields only, old fields under their new names, warnings for deprecated ones."""

from __future__ import annotations

import os
from contextlib import contextmanager

from ..errors import CommandError
from ..wire.json_read import kind_of
from .typed import decoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

FILES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_DEPRECATED = (
    ("bases", "resources", ""),
    ("commonLabels", "labels", ""),
    ("imageTags", "images", ""),
    ("patchesJson6902", "patches", ""),
    ("patchesStrategicMerge", "patches", ""),
    ("vars", "replacements", " [EXPERIMENTAL]"),
)


def read(directory: str, warn: Callable[[str], None]) -> dict[str, Any]:
    """The kustomization of a directory. CommandError."""
    found = [name for name in FILES if os.path.exists(os.path.join(directory, name))]
    if not found:
        names = "', '".join(FILES[:2])
        raise CommandError(
            f"unable to find one of '{names}' or '{FILES[2]}' in directory '{os.path.abspath(directory)}'"
        )
    if len(found) > 1:
        raise CommandError(f"Found multiple kustomization files under: {os.path.abspath(directory)}")
    with open(os.path.join(directory, found[0]), encoding="utf-8") as file:
        document = parse(file.read())
    if not document:
        raise CommandError("kustomization.yaml is empty")
    document = decoded(document)
    _check_type(directory, document)
    if not any(value or key == "resources" for key, value in document.items() if key not in ("apiVersion", "kind")):
        raise CommandError("kustomization.yaml is empty")
    for old, new, note in _DEPRECATED:
        if document.get(old):
            warn(
                f"# Warning: '{old}' is deprecated. Please use '{new}' instead.{note} "
                "Run 'kustomize edit fix' to update your Kustomization automatically."
            )
    document["resources"] = [*(document.get("resources") or ()), *(document.pop("bases", None) or ())]
    document["images"] = [*(document.get("images") or ()), *(document.pop("imageTags", None) or ())]
    return document


def _check_type(directory: str, document: dict[str, Any]) -> None:
    """CommandError unless it calls itself a kustomization or a component, or nothing."""
    kind = str(document.get("kind") or "Kustomization")
    version = "kustomize.config.k8s.io/" + ("v1alpha1" if kind == "Component" else "v1beta1")
    wrong = []
    if kind not in ("Kustomization", "Component"):
        wrong.append("kind should be Kustomization or Component")
    if (document.get("apiVersion") or version) != version:
        wrong.append(f"apiVersion for {kind} should be {version}")
    if wrong:
        where = f"Failed to read kustomization file under {os.path.abspath(directory)}:"
        raise CommandError("\n".join((where, *wrong)))


def parse(text: str) -> dict[str, Any]:
    """A map of a kustomization's own files. CommandError."""
    from ..wire.yaml_read import load_one

    try:
        document = load_one(text)
    except ValueError as error:
        raise CommandError(f"invalid Kustomization: {error}") from None
    if document is not None and not isinstance(document, dict):
        what = kind_of(document)
        raise CommandError(
            f"invalid Kustomization: json: cannot unmarshal {what} into Go value of type types.Kustomization"
        )
    return document or {}


def evaluated(path: str) -> str:
    """The path if it is there; CommandError with what is missing of it otherwise."""
    if os.path.exists(path):
        return path
    missing = path
    while not os.path.exists(parent := os.path.dirname(missing)):
        missing = parent
    raise CommandError(f"evalsymlink failure on '{path}' : lstat {missing}: no such file or directory")


@contextmanager
def blamed(why: str) -> Iterator[None]:
    """What fails inside says first in which step: `why: message`."""
    try:
        yield
    except CommandError as error:
        raise CommandError(f"{why}: {error.message}") from None


def load(root: str, path: str, *, anywhere: bool) -> bytes:
    """A file that a kustomization in `root` may read: one at or below it. CommandError."""
    full = evaluated(os.path.normpath(os.path.join(os.path.abspath(root), path)))
    if os.path.isdir(full):
        raise CommandError(f"'{full}' must resolve to a file")
    base = os.path.realpath(root)
    if not anywhere and not (os.path.realpath(full) + "/").startswith(base.rstrip("/") + "/"):
        raise CommandError(f"security; file '{full}' is not in or below '{base}'")
    with open(full, "rb") as file:
        return file.read()
