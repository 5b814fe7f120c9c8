"""Preferences (`~/.kube/kuberc`, KEP-3104): default flags, aliases and which credential plugins may run.

`expand` is on the way of every command, so it looks for the file and does nothing else when there is none.
"""

from __future__ import annotations

import os

from .errors import CommandError, quoted, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .flags import Flag

    Fields = dict[str, Any]


class Unusable(CommandError):
    """Preferences that cannot be had or applied."""

    def __init__(self, message: str) -> None:
        super().__init__(message, prefix="error occurred while applying preferences ")


def disabled() -> bool:
    """Switched off by the feature gate."""
    return os.environ.get("KUBECTL_KUBERC", "").lower() in ("false", "0", "f")


def path_of(words: list[str]) -> tuple[str, bool]:
    """The preference file of a command line (empty: switched off), and whether someone asked for it. CommandError."""
    given = ""
    for position, word in enumerate(words):
        if word == "--":
            break
        if word == "--kuberc" or word.startswith("--kuberc="):
            rest = words[position + 1 : position + 2] if word == "--kuberc" else [word[9:]]
            if not rest or not rest[0]:
                raise Unusable("kuberc file is not found")
            given = rest[0]
    return path_from(given)


def path_from(given: str) -> tuple[str, bool]:
    """The same, from the value of the flag."""
    if disabled():
        return "", False
    chosen = os.environ.get("KUBERC", "")
    if chosen == "off":
        if given:
            raise Unusable(
                "kuberc error disabling kuberc via KUBERC=off and passing kuberc flag are mutually exclusive"
            )
        return "", False
    path = given or chosen
    return path or os.path.join(os.path.expanduser("~"), ".kube", "kuberc"), bool(path)


def expand(words: list[str], warn: Callable[[str], None]) -> tuple[list[str], str]:
    """The words with aliases replaced and default flags added where they are not given, and the name of the alias,
    empty where there was none. CommandError.
    """
    path, explicit = path_of(words)
    if not path or not (explicit or os.path.exists(path)):
        return words, ""
    found = preferences(path, explicit, warn)
    _, alias = _alias_of(words, found)
    return apply_preferences(words, found, warn), str((alias or {}).get("name", ""))


def preferences(path: str, explicit: bool, warn: Callable[[str], None]) -> Fields:
    """The file's content; what is wrong with a file that nobody asked for is only told."""
    from .preferences import read

    try:
        found = read(path)
    except (OSError, ValueError) as error:
        why = text_of(error).removeprefix("error: ")
        if explicit:
            raise Unusable(f"kuberc error kuberc: {why}") from None
        warn(f"kuberc: no preferences loaded from {path}: {why}")
        return {}
    if found.unknown:
        shown = ", ".join(f"unknown field {quoted(name)}" for name in found.unknown)
        warn(f"kuberc: ignoring strict decoding error in {path}: strict decoding error: {shown}")
    return found.fields


def check(found: Fields) -> None:
    """CommandError for names that cannot be."""
    seen: set[str] = set()
    for alias in found.get("aliases") or ():
        name = str(alias.get("name", ""))
        if not (name.isascii() and name.isalpha()):
            raise Unusable("invalid alias name, can only include alphabetical characters")
        if name in seen:
            raise Unusable(f"duplicate alias name {name}")
        seen.add(name)
    for entry in [*(found.get("aliases") or ()), *(found.get("defaults") or ())]:
        for option in entry.get("options") or ():
            if str(option.get("name", "")).startswith("-"):
                raise Unusable(f"flag name {option['name']} should be in long form without dashes")


def apply_preferences(words: list[str], found: Fields, warn: Callable[[str], None]) -> list[str]:
    """Pure part of `expand`. An alias does not hide a command, and takes no defaults but its own."""
    from .tree import COMMANDS, find

    check(found)
    command, _ = find(words)
    words = _with_alias(words, found)
    for default in found.get("defaults") or ():
        name = str(default.get("command", ""))
        if name not in COMMANDS:
            warn(f"Warning: command {quoted(name)} not found to set kuberc override")
        elif name == command:
            where = f"override {{}} in command {name}"
            words = _with_options(words, command, default, f"invalid flag {{}} for command {name}", where)
    return words


def _alias_of(words: list[str], found: Fields) -> tuple[int, dict[str, Any] | None]:
    """Where an alias stands for a command, and which."""
    from .tree import find

    if find(words)[0]:
        return 0, None
    position = next((n for n, word in enumerate(words) if word[:1] != "-"), len(words))
    name = words[position] if position < len(words) else ""
    aliases = found.get("aliases") or ()
    return position, next((alias for alias in aliases if name and alias.get("name") == name), None)


def _with_alias(words: list[str], found: Fields) -> list[str]:
    from .tree import COMMANDS

    position, alias = _alias_of(words, found)
    if alias is None:
        return words
    name = words[position]
    command = str(alias.get("command", ""))
    if command not in COMMANDS:
        raise Unusable(
            f"command {quoted(command)} not found to set alias {quoted(name)}: [{' '.join(command.split())}]"
        )
    first = [*words[:position], *command.split(), *(alias.get("prependArgs") or ())]
    replaced = [*first, *words[position + 1 :], *(alias.get("appendArgs") or ())]
    return _with_options(replaced, command, alias, "invalid alias flag {} in alias kubectl", "{} in alias kubectl")


def _with_options(words: list[str], command: str, entry: dict[str, Any], wrong: str, where: str) -> list[str]:
    from .flags import GLOBAL, parse, parse_table
    from .main import module_of

    options = entry.get("options") or ()
    if not options:
        return words
    table = parse_table(f"{GLOBAL} {module_of(command)[1]}")
    end = words.index("--") if "--" in words else len(words)
    added = []
    for option in options:
        name = str(option.get("name"))
        flag = table.get(name)
        if flag is None:
            raise Unusable(wrong.format(name))
        if _given(flag, words[:end]):
            continue
        value = option.get("default", "")
        try:
            parse([f"--{name}={value}"], table)
        except CommandError as error:
            what = where.format(f"value {value} to flag {name}")
            raise Unusable(f"could not apply {what} err: {error.message}") from None
        added.append(f"--{name}={value}")
    return words[:end] + added + words[end:]


def _given(flag: Flag, words: list[str]) -> bool:
    """Is the flag on the command line, long or short, alone or among other letters?"""
    for word in words:
        if word == f"--{flag.name}" or word.startswith(f"--{flag.name}="):
            return True
        if flag.letter and word[:1] == "-" and word[1:2] not in ("", "-"):
            letters = word[1:].partition("=")[0]
            if letters[0] == flag.letter or (letters.isalpha() and flag.letter in letters and len(letters) < 4):
                return True
    return False


_REFUSED = "Unable to connect to the server: getting credentials: "
ALLOW_ALL, DENY_ALL, ALLOW_LIST = "AllowAll", "DenyAll", "Allowlist"


def check_plugin(command: str, given: str) -> None:
    """May a credential plugin run (`credentialPluginPolicy`, 1.35)? `given` is the value of --kuberc. CommandError."""
    path, explicit = path_from(given)
    if not path or not (explicit or os.path.exists(path)):
        return
    found = preferences(path, explicit, lambda _: None)
    policy, listed = str(found.get("credentialPluginPolicy") or ""), found.get("credentialPluginAllowlist")
    if policy in ("", ALLOW_ALL, DENY_ALL) and listed is not None:
        raise CommandError(
            f"misconfigured credential plugin allowlist: plugin policy is {quoted(policy)} but allowlist is non-nil"
        )
    if policy in ("", ALLOW_ALL):
        return
    if policy == DENY_ALL:
        raise CommandError(f"plugin {quoted(command)} not allowed: policy set to {quoted(DENY_ALL)}", prefix=_REFUSED)
    if policy != ALLOW_LIST:
        raise CommandError(f"unknown plugin policy: {quoted(policy)}")
    if listed is None:
        raise CommandError(f"credential plugin policy set to {quoted(policy)}, but allowlist is unspecified")
    if not listed:
        raise CommandError(
            f"credential plugin policy set to {quoted(policy)}, but allowlist is empty; use {quoted(DENY_ALL)} policy "
            "instead"
        )
    _check_listed(command, [str(entry.get("command") or entry.get("name") or "") for entry in listed])


def _check_listed(command: str, entries: list[str]) -> None:
    import shutil

    for number, entry in enumerate(entries, 1):
        if not entry:
            raise CommandError(f"misconfigured credential plugin allowlist: empty allowlist entry #{number}")
        if "/" in entry and os.path.normpath(entry) != entry:
            raise CommandError(f"non-normalized file path: {quoted(entry)} vs {quoted(os.path.normpath(entry))}")
    resolved = shutil.which(command)
    if command in entries or (resolved and any(resolved in (entry, shutil.which(entry)) for entry in entries)):
        return
    raise CommandError(
        f"plugin path {quoted(resolved or command)} is not permitted by the credential plugin allowlist",
        prefix=_REFUSED,
    )
