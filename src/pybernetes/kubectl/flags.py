"""Flags as pflag reads them, from compact tables.

A command's flags are one string, such as `"-A,all-namespaces=false chunk-size=500 -f,filename=[]"`: an optional letter,
the name and the default, whose form gives the type: `false` a switch, `''` a text, `[]` a list split at commas, `[+]` a
list that is not split, `5` a whole number, `5i32` one of 32 bits, `5s` a duration. `--name=value`, `--name value`,
`-n value`, `-nvalue`, `-n=value` and `-ab` for two switches are understood, between the arguments and after them, until
`--`.
"""

from __future__ import annotations

from .errors import CommandError, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

GLOBAL = (
    "as='' as-group=[+] as-uid='' as-user-extra=[+] cache-dir='' certificate-authority='' client-certificate='' "
    "client-key='' cluster='' "
    "context='' disable-compression=false insecure-skip-tls-verify=false kubeconfig='' "
    "kuberc='' log-flush-frequency=5s "
    "match-server-version=false -n,namespace='' password='' profile='none' profile-output='profile.pprof' "
    "request-timeout='0' -s,server='' tls-server-name='' token='' user='' username='' -v,v=0 vmodule='' "
    "warnings-as-errors=false -h,help=false"
)
"""What every command takes."""

WITHOUT_VALUE = {"dry-run": "unchanged", "cascade": "background", "validate": "strict"}
"""What a flag that is no switch means when it is given without `=value`."""

FILES = "-f,filename=[] -k,kustomize='' -R,recursive=false "
PRINT = "-o,output='' allow-missing-template-keys=true show-managed-fields=false template='' "
DRY_RUN = "dry-run='none' "


class Flag:
    """One flag's name, letter, kind (bool, text, slice, array, int, int32, duration) and default as written."""

    __slots__ = ("default", "kind", "letter", "name")

    def __init__(self, name: str, letter: str, kind: str, default: str) -> None:
        self.name = name
        self.letter = letter
        self.kind = kind
        self.default = default

    def shown(self) -> str:
        """How errors name it."""
        return f"-{self.letter}, --{self.name}" if self.letter else f"--{self.name}"

    def without_value(self) -> str | None:
        """What it means without a value; None when it needs one."""
        return "true" if self.kind == "bool" else WITHOUT_VALUE.get(self.name)


def parse_table(table: str) -> dict[str, Flag]:
    """Flags by name and by letter."""
    found: dict[str, Flag] = {}
    for word in table.split():
        names, _, default = word.partition("=")
        letter, comma, name = names.partition(",")
        if not comma:
            letter, name = "", names
        letter = letter.lstrip("-")
        kind, default = _kind_of(default)
        flag = Flag(name, letter, kind, default)
        if name in found:
            found.pop(f"-{found[name].letter}", None)
        found[name] = flag
        if letter:
            found["-" + letter] = flag
    return found


def _kind_of(default: str) -> tuple[str, str]:
    first = default[:1]
    if first == "'":
        return "text", default[1:-1]
    if first == "[":
        return ("array", "") if default == "[+]" else ("slice", default[1:-1])
    if default in ("true", "false"):
        return "bool", default
    if default.endswith("i32"):
        return "int32", default[:-3]
    return ("int", default) if default.lstrip("-").isdigit() else ("duration", default)


class Values:
    """What was given, with defaults: `text`, `on`, `number`, `many`, `seconds`; and what else: `args`, `dash`."""

    __slots__ = ("_given", "args", "dash", "order", "table")

    def __init__(self, table: dict[str, Flag]) -> None:
        self.table = table
        self._given: dict[str, Any] = {}
        self.order: list[tuple[str, str]] = []
        """Names and texts as they were given."""
        self.args: list[str] = []
        self.dash = -1
        """How many arguments stand before `--`; -1 without one."""

    def changed(self, name: str) -> bool:
        """Was it given?"""
        return name in self._given

    def set(self, name: str, value: Any) -> None:
        """As if given; for defaults that a command or a preference file computes."""
        self._given[name] = value

    def text(self, name: str) -> str:
        found = self._given.get(name)
        return str(found) if found is not None else self.table[name].default if name in self.table else ""

    def on(self, name: str) -> bool:
        found = self._given.get(name)
        if found is not None:
            return bool(found)
        return name in self.table and self.table[name].default == "true"

    def number(self, name: str) -> int:
        found = self._given.get(name)
        return int(found) if found is not None else int(self.table[name].default)

    def many(self, name: str) -> list[str]:
        found = self._given.get(name)
        if found is not None:
            return list(found)
        default = self.table[name].default if name in self.table else ""
        return default.split(",") if default else []

    def seconds(self, name: str) -> float:
        """A duration."""
        found = self._given.get(name)
        return float(found) if found is not None else duration(self.table[name].default)

    def give(self, flag: Flag, text: str) -> None:
        """Take one given value. CommandError when it does not fit the flag's type."""
        self.order.append((flag.name, text))
        try:
            if flag.kind == "bool":
                self._given[flag.name] = _bool(text)
            elif flag.kind == "text":
                self._given[flag.name] = text
            elif flag.kind == "slice":
                self._given.setdefault(flag.name, []).extend(_split(text))
            elif flag.kind == "array":
                self._given.setdefault(flag.name, []).append(text)
            elif flag.kind in ("int", "int32"):
                self._given[flag.name] = _int(text, 32 if flag.kind == "int32" else 64)
            else:
                self._given[flag.name] = duration(text)
        except ValueError as error:
            raise CommandError(f"invalid argument {quoted(text)} for {quoted(flag.shown())} flag: {error}") from None


def parse(words: Iterable[str], table: dict[str, Flag]) -> Values:
    """Separate flags and arguments. CommandError for what is no flag or lacks its value."""
    values = Values(table)
    rest = list(words)
    position = 0
    while position < len(rest):
        word = rest[position]
        position += 1
        if word == "--":
            values.dash = len(values.args)
            values.args += rest[position:]
            break
        if len(word) < 2 or word[0] != "-":
            values.args.append(word)
        elif word[1] == "-":
            position = _long(word, rest, position, values)
        else:
            position = _short(word, rest, position, values)
    return values


def _long(word: str, rest: list[str], position: int, values: Values) -> int:
    name, equals, text = word[2:].partition("=")
    if not name or name[0] == "-":
        raise CommandError(f"bad flag syntax: {word}")
    flag = values.table.get(name.replace("_", "-"))
    if flag is None:
        raise CommandError(f"unknown flag: --{name}")
    if not equals:
        without = flag.without_value()
        if without is not None:
            text = without
        elif position < len(rest):
            text = rest[position]
            position += 1
        else:
            raise CommandError(f"flag needs an argument: --{name}")
    values.give(flag, text)
    return position


def _short(word: str, rest: list[str], position: int, values: Values) -> int:
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        flag = values.table.get("-" + letter)
        if flag is None:
            raise CommandError(f"unknown shorthand flag: {letter!r} in -{letter}{letters}")
        without = flag.without_value()
        if letters[:1] == "=" and len(letters) > 1:
            text, letters = letters[1:], ""
        elif without is not None:
            text = without
        elif letters:
            text, letters = letters, ""
        elif position < len(rest):
            text = rest[position]
            position += 1
        else:
            raise CommandError(f"flag needs an argument: {letter!r} in -{letter}")
        values.give(flag, text)
    return position


_TRUE = ("1", "t", "T", "true", "TRUE", "True")
_FALSE = ("0", "f", "F", "false", "FALSE", "False")


def _bool(text: str) -> bool:
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError(f"strconv.ParseBool: parsing {quoted(text)}: invalid syntax")


def _int(text: str, bits: int = 64) -> int:
    try:
        number = int(text, 0) if text.strip() == text and "_" not in text else None
    except ValueError:
        number = int(text) if text.lstrip("+-").isdigit() else None
    if number is None:
        raise ValueError(f"strconv.ParseInt: parsing {quoted(text)}: invalid syntax")
    if not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
        raise ValueError(f"strconv.ParseInt: parsing {quoted(text)}: value out of range")
    return number


def _split(text: str) -> list[str]:
    """One line of comma separated values, as Go's csv reader splits it."""
    if not text:
        return []
    if '"' not in text:
        return text.split(",")
    import csv

    return next(csv.reader([text]), [])


_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def duration(text: str) -> float:
    """Seconds of a Go duration such as 1h30m. ValueError with Go's words."""
    wrong = ValueError(f"time: invalid duration {quoted(text)}")
    rest = text.lstrip("+-") if text[:1] in ("+", "-") else text
    sign = -1.0 if text[:1] == "-" else 1.0
    if rest == "0":
        return 0.0
    if not rest:
        raise wrong
    total = 0.0
    while rest:
        end = 0
        while end < len(rest) and (rest[end].isdigit() or rest[end] == "."):
            end += 1
        number, rest = rest[:end], rest[end:]
        if number in ("", ".") or number.count(".") > 1:
            raise wrong
        end = 0
        while end < len(rest) and not (rest[end].isdigit() or rest[end] == "."):
            end += 1
        unit, rest = rest[:end], rest[end:]
        if not unit:
            raise ValueError(f"time: missing unit in duration {quoted(text)}")
        if unit not in _UNITS:
            raise ValueError(f"time: unknown unit {quoted(unit)} in duration {quoted(text)}")
        total += float(number) * _UNITS[unit]
    return sign * total
