"""Preferences (`~/.kube/kuberc`, KEP-3104): default flags and aliases, read before the command line is.

`expand` is on the way of every command, so it looks for the file and does nothing else when there is none.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def path_of(words: list[str]) -> str:
    """The preference file of a command line; empty when there is none or it is switched off."""
    if os.environ.get("KUBECTL_KUBERC", "").lower() in ("false", "0", "f"):
        return ""
    for position, word in enumerate(words):
        if word == "--":
            break
        if word.startswith("--kuberc="):
            return word[9:]
        if word == "--kuberc" and position + 1 < len(words):
            return words[position + 1]
    given = os.environ.get("KUBERC", "")
    if given == "off":
        return ""
    path = given or os.path.join(os.path.expanduser("~"), ".kube", "kuberc")
    return path if os.path.exists(path) else ""


def expand(words: list[str]) -> list[str]:
    """The words with aliases replaced and default flags added where they are not given."""
    path = path_of(words)
    if not path or path == "off":
        return words
    return apply_preferences(words, read(path))


def read(path: str) -> dict[str, Any]:
    """The preferences of a file."""
    from .wire.yaml_read import load_one

    with open(path, encoding="utf-8") as file:
        found = load_one(file.read())
    return found if isinstance(found, dict) else {}


def apply_preferences(words: list[str], preferences: dict[str, Any]) -> list[str]:
    """Pure part of `expand`."""
    from .tree import COMMANDS, find

    words = _with_alias(words, preferences.get("aliases") or [], set(COMMANDS))
    command, _ = find(words)
    for default in preferences.get("defaults") or preferences.get("overrides") or []:
        if default.get("command") == command:
            words = _with_options(words, default.get("options") or default.get("flags") or [])
    return words


def _with_alias(words: list[str], aliases: list[dict[str, Any]], builtin: set[str]) -> list[str]:
    for position, word in enumerate(words):
        if word[:1] == "-":
            continue
        for alias in aliases:
            if alias.get("name") == word and word not in builtin:
                replaced = [
                    *words[:position],
                    *str(alias.get("command", "")).split(),
                    *(alias.get("prependArgs") or []),
                ]
                rest = [*words[position + 1 :], *(alias.get("appendArgs") or [])]
                return _with_options(replaced + rest, alias.get("options") or alias.get("flags") or [])
        return words
    return words


def _with_options(words: list[str], options: list[dict[str, Any]]) -> list[str]:
    end = words.index("--") if "--" in words else len(words)
    given = {word[2:].partition("=")[0] for word in words[:end] if word.startswith("--")}
    added = [f"--{option['name']}={option.get('default', '')}" for option in options if option.get("name") not in given]
    return words[:end] + added + words[end:]
