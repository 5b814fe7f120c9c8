"""The header Accept: media types and their parameters in the order of preference."""

from collections.abc import Iterator


def clauses(accept: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The media types of an Accept header with their parameters, those that are liked best first."""
    for clause in sorted(accept.split(","), key=_quality, reverse=True):
        media, *parameters = [part.strip() for part in clause.split(";")]
        yield media, dict(part.partition("=")[::2] for part in parameters)


def _quality(clause: str) -> float:
    for part in clause.split(";")[1:]:
        key, _, value = part.strip().partition("=")
        if key == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
