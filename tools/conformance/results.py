"""What the suite's output says: which tests passed and failed, and which of these may fail. Nothing here runs anything.

The suite writes one JSON object a test, `{"msg":"PASSED [sig-network] …","total":30,…}`, which may follow a dot on its
line. Names are compared with their runs of spaces made one, since some of them have two.
"""

import json
import re
from collections.abc import Iterable, Mapping

import msgspec

GROUPS = {
    "network": ("[sig-network]",),
    "storage": ("[sig-storage]",),
    "node": ("[k8s.io]", "[sig-node]"),
}
"""What run beside each other, by the label that a name begins with; all other names are the group `rest`."""
ALONE = ("[Serial]", "[Disruptive]")
"""Tests with one of these labels run after the others, one at a time: the group `serial`."""

_OUTCOME = re.compile(r'\{"msg":"(?:PASSED|FAILED) .*\}')


class Known(msgspec.Struct, frozen=True):
    """A test that v1.36 cannot pass, and why."""

    name: str
    reason: str


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The names of the tests by how they went."""

    passed: list[str]
    failed: list[str]
    known: list[Known]
    """Failed, and known to."""
    missing: list[str]
    """Were to run and said nothing, since the suite ended before."""
    unexpected: list[str]
    """Are known to fail and passed: the list is wrong about them."""

    @property
    def is_good(self) -> bool:
        """Whether every test that ran as it should has passed, and there was one."""
        return bool(self.passed or self.known) and not (self.failed or self.missing)


def plain(name: str) -> str:
    """The name with single spaces."""
    return " ".join(name.split())


def outcomes(output: str) -> dict[str, bool]:
    """Name as it is printed -> whether it passed, in the order in which they ended."""
    found = {}
    for match in _OUTCOME.finditer(output):
        try:
            message = json.loads(match[0])["msg"]
        except ValueError:
            continue
        outcome, _, name = message.partition(" ")
        found[name] = outcome == "PASSED"
    return found


def groups(names: Iterable[str]) -> dict[str, list[str]]:
    """The names shared out to the groups, without the empty ones; `serial` comes last."""
    order = (*GROUPS, "rest", "serial")
    shared: dict[str, list[str]] = {group: [] for group in order}
    for name in names:
        label = next((group for group, starts in GROUPS.items() if name.startswith(starts)), "rest")
        shared["serial" if any(word in name for word in ALONE) else label].append(name)
    return {group: found for group, found in shared.items() if found}


def focus(names: Iterable[str]) -> str:
    """A regular expression for texts that end in one of these names, which the suite's flag takes."""
    return f"({'|'.join(re.escape(name) for name in names)})$"


def known_list(text: str) -> list[Known]:
    """A list as in known.txt: a name on a line, its reason on indented lines below; `#` begins a comment."""
    found: list[Known] = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line[0].isspace():
            last = found.pop()
            found.append(Known(last.name, f"{last.reason} {line.strip()}".strip()))
        else:
            found.append(Known(plain(line), ""))
    return found


def summary(planned: Iterable[str], found: Mapping[str, bool], may_fail: Iterable[Known]) -> Summary:
    """How it went for the tests that were to run."""
    reasons = {known.name: known for known in may_fail}
    went = {plain(name): passed for name, passed in found.items()}
    names = sorted({plain(name) for name in planned} | set(went))
    failed = [name for name in names if went.get(name) is False]
    return Summary(
        passed=[name for name in names if went.get(name)],
        failed=[name for name in failed if name not in reasons],
        known=[reasons[name] for name in failed if name in reasons],
        missing=[name for name in names if name not in went],
        unexpected=[name for name in names if went.get(name) and name in reasons],
    )


def report(result: Summary, seconds: float) -> str:
    """The summary for people."""
    lines = []
    for title, names in (
        ("Failed", result.failed),
        ("Did not run to their end", result.missing),
        ("Known to fail, and passed", result.unexpected),
    ):
        if names:
            lines += [f"{title}:", *(f"  {name}" for name in names)]
    if result.known:
        lines += ["Failed as known:", *(f"  {known.name}\n    {known.reason}" for known in result.known)]
    counts = [f"{len(result.passed)} passed", f"{len(result.failed)} failed", f"{len(result.known)} failed as known"]
    if result.missing:
        counts.append(f"{len(result.missing)} did not end")
    minutes, rest = divmod(round(seconds), 60)
    lines.append(f"{', '.join(counts)} in {minutes} min {rest} s")
    return "\n".join(lines)
