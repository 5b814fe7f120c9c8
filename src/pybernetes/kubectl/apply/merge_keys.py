"""Which lists merge by which key, for the built-in kinds (data/merge_keys.json, made by tools/merge-keys)."""

from __future__ import annotations

import os

from ..wire.json_read import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MERGE, RETAIN_KEYS = 1, 2
_table: dict[str, Any] = {}


def _loaded() -> dict[str, Any]:
    if not _table:
        path = os.path.join(os.path.dirname(os.path.dirname(__file__)), "data", "merge_keys.json")
        with open(path, "rb") as file:
            _table.update(loads(file.read()))
    return _table


def type_of(api_version: str, kind: str) -> str:
    """The type's name; empty for kinds that are not built in."""
    return str(_loaded()["kinds"].get(f"{api_version}/{kind}", ""))


def is_registered(api_version: str, kind: str) -> bool:
    """Does a client of typed objects know it? Of built-in groups it knows versions that no server has any more, too."""
    kinds = _loaded()["kinds"]
    if f"{api_version}/{kind}" in kinds:
        return True
    group, _, version = api_version.rpartition("/")
    older = version.startswith(("v1alpha", "v1beta", "v2alpha", "v2beta"))
    if group == "extensions":
        return version == "v1beta1" and any(name.endswith(f"/{kind}") for name in kinds)
    return older and any(name.startswith(f"{group}/") and name.endswith(f"/{kind}") for name in kinds)


def field(type_name: str, name: str) -> tuple[str, str, int]:
    """The type below a field, the key its list merges by, and its flags."""
    found = _loaded()["types"].get(type_name, {}).get(name)
    return (found[0], found[1], found[2]) if found else ("", "", 0)
