"""Paths of fields as errors write them."""

from collections.abc import Iterable


def joined(parts: Iterable[str]) -> str:
    """`["spec", "containers", "[0]", "foo"]` -> `spec.containers[0].foo`."""
    text = ""
    for part in parts:
        text += part if part.startswith("[") or not text else f".{part}"
    return text
