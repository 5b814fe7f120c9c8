"""`TYPE NAME… KEY=VALUE KEY-`: objects, and what to do to them, as label, annotate and `set image` read them."""

from __future__ import annotations

from ..errors import CommandError


def split(args: list[str], noun: str) -> tuple[list[str], list[str]]:
    """The names, and from the first pair on the pairs. CommandError for a name after that."""
    names: list[str] = []
    pairs: list[str] = []
    for word in args:
        if ("=" in word and word[0] != "=") or (word.endswith("-") and word != "-"):
            pairs.append(word)
        elif pairs:
            raise CommandError(f"all resources must be specified before {noun} changes: {word}")
        else:
            names.append(word)
    return names, pairs


def parsed(pairs: list[str], noun: str, *, removing: bool) -> tuple[dict[str, str], list[str]]:
    """What to set and what to remove. CommandError, naming all that are neither."""
    setting: dict[str, str] = {}
    gone: list[str] = []
    wrong: list[str] = []
    for word in pairs:
        key, equals, value = word.partition("=")
        if equals:
            setting[key] = value
        elif removing:
            gone.append(word[:-1])
        else:
            wrong.append(word)
    if wrong:
        raise CommandError(f"invalid {noun} format: {', '.join(wrong)}")
    return setting, gone
