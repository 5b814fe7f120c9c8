"""Names of images."""

from __future__ import annotations


def is_image(text: str) -> bool:
    """Is it a reference as `registry:5000/path/name:tag@sha256:…`?"""
    import re

    part, path = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?", r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
    host = rf"(?:{part}(?:\.{part})*|\[[0-9a-fA-F:]+\])(?::\d+)?"
    tag, digest = (
        r"(?::\w[\w.-]{0,127})?",
        r"(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?",
    )
    return bool(re.fullmatch(rf"(?:{host}/)?{path}(?:/{path})*{tag}{digest}", text, re.ASCII))
