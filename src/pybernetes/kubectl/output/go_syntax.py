"""Go's %#v of decoded JSON, as kubectl shows an object that a template did not fit."""

from __future__ import annotations

from ..errors import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def go_syntax(value: Any) -> str:
    """`map[string]interface {}{"a":1}`."""
    if isinstance(value, dict):
        inner = ", ".join(f"{quoted(key)}:{go_syntax(value[key])}" for key in sorted(value))
        return f"map[string]interface {{}}{{{inner}}}"
    if isinstance(value, list):
        return f"[]interface {{}}{{{', '.join(go_syntax(item) for item in value)}}}"
    if isinstance(value, str):
        return quoted(value)
    if value is None:
        return "interface {}(nil)"
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
