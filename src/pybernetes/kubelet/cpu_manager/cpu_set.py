"""Sets of CPUs as the kernel writes them: `0-3,8`. Pure."""

from collections.abc import Iterable

CpuSet = frozenset[int]


def parse(text: str) -> CpuSet:
    """The CPUs of a list of numbers and ranges. ValueError."""
    found: set[int] = set()
    for part in (part.strip() for part in text.split(",") if part.strip()):
        first, dash, last = part.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or (dash and int(last) < int(first)):
            raise ValueError(f"{part} is no CPU and no range of them")
        found.update(range(int(first), int(last if dash else first) + 1))
    return frozenset(found)


def shown(cpus: Iterable[int]) -> str:
    """`0-3,8`; "" for none."""
    runs: list[list[int]] = []
    for cpu in sorted(cpus):
        if runs and cpu == runs[-1][1] + 1:
            runs[-1][1] = cpu
        else:
            runs.append([cpu, cpu])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
