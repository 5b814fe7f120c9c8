"""Label selectors, matched against objects that never saw a server (files, `--local`)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def matches(selector: str, labels: Mapping[str, str]) -> bool:
    """Do the labels satisfy every requirement? ValueError for what is no selector."""
    from pybernetes.api.selectors.label_parser import parse_labels

    return bool(parse_labels(selector).matches(dict(labels)))


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
    return ",".join(shown for _, shown in sorted(terms))
