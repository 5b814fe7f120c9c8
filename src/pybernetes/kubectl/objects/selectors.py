"""Label selectors, matched against objects that never saw a server (files, `--local`)."""

from __future__ import annotations

from ..errors import CommandError, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pybernetes.api.selectors.labels import Labels


def matches(selector: str, labels: Mapping[str, str]) -> bool:
    """Do the labels satisfy every requirement? CommandError for what is no selector."""
    try:
        return parsed(selector).matches(dict(labels))
    except ValueError as error:
        raise CommandError(f"the provided selector {quoted(selector)} is not valid: {error}") from None


def parsed(selector: str) -> Labels:
    """The requirements of a selector. ValueError, with why it is none."""
    from pybernetes.api.selectors.label_parser import parse_labels
    from pybernetes.api.status import StatusError

    try:
        return parse_labels(selector)
    except StatusError as error:
        raise ValueError(str(error)) from None


def pairs(text: str) -> dict[str, str]:
    """The labels of `a=b,c=d`, as generators take them. CommandError."""
    found: dict[str, str] = {}
    for part in text.split(","):
        if part.count("=") != 1:
            raise CommandError(f"unexpected label spec: {part}")
        key, _, value = part.partition("=")
        if not key:
            raise CommandError("unexpected empty label key")
        found[key] = value
    return found


def text_of(selector: Mapping[str, object]) -> str:
    """`a=b,c in (d,e)` for a LabelSelector or a plain map of labels."""
    if "matchLabels" not in selector and "matchExpressions" not in selector:
        return ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
    labels = selector.get("matchLabels") or {}
    terms = [(str(key), f"{key}={value}") for key, value in labels.items()] if isinstance(labels, dict) else []
    expressions = selector.get("matchExpressions") or []
    for item in expressions if isinstance(expressions, list) else []:
        key, operator = str(item["key"]), item["operator"]
        values = ",".join(sorted(item.get("values") or ()))
        shown = {
            "In": f"{key} in ({values})",
            "NotIn": f"{key} notin ({values})",
            "Exists": key,
            "DoesNotExist": f"!{key}",
        }[operator]
        terms.append((key, shown))
    return ",".join(shown for _, shown in sorted(terms, key=lambda term: term[0]))
