"""Query parameters as apimachinery converts them."""

from collections.abc import Mapping


def flag(params: Mapping[str, str], name: str, default: bool = False) -> bool:
    """A boolean: whatever it is given but `0` and `false` is true, nothing at all (`?watch`) too."""
    value = params.get(name)
    return default if value is None else value.lower() not in ("false", "0")
