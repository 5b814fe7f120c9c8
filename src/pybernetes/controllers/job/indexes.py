"""Completion indexes of Indexed Jobs: `0-2,4,7-9` in the status, a label and an annotation on each pod."""

from collections.abc import Iterable

from ...api.core import Pod

INDEX = "batch.kubernetes.io/job-completion-index"


def parse(text: str | None, completions: int | None = None) -> set[int]:
    """`"1,3-5"` -> {1, 3, 4, 5}; what is malformed or beyond `completions` is left out."""
    found: set[int] = set()
    for part in (text or "").split(","):
        first, _, last = part.partition("-")
        if not first.isdigit() or (last and not last.isdigit()):
            continue
        end = int(last or first)
        if completions is not None:
            end = min(end, completions - 1)
        found.update(range(int(first), end + 1))
    return found


def format_(indexes: Iterable[int]) -> str:
    """{1, 3, 4, 5} -> `"1,3-5"`. Two neighbours are written `3,4`."""
    parts: list[str] = []
    run: list[int] = []
    for index in [*sorted(indexes), None]:
        if run and (index is None or index != run[-1] + 1):
            parts += [str(number) for number in run] if len(run) < 3 else [f"{run[0]}-{run[-1]}"]
            run = []
        if index is not None:
            run.append(index)
    return ",".join(parts)


def index_of(pod: Pod) -> int | None:
    """The completion index of a pod; None when it has none."""
    text = (pod.metadata.annotations or {}).get(INDEX, "")
    return int(text) if text.isdigit() else None


def missing(completions: int, taken: set[int], count: int) -> list[int]:
    """The first `count` indexes that are not taken."""
    found: list[int] = []
    for index in range(completions):
        if len(found) >= count:
            break
        if index not in taken:
            found.append(index)
    return found
