"""An apply that would take fields from other managers, told as upstream tells it."""

from typing import Any

from ..status import StatusError
from .field_set import FieldSet, difference, paths, union
from .managers import APPLY, Key, Owned


class ApplyConflict(Exception):
    """The fields each other manager would lose."""

    def __init__(self, fields: dict[Key, Owned]) -> None:
        super().__init__("apply conflict")
        self.fields = fields

    def all_fields(self) -> FieldSet:
        found: FieldSet = {}
        for owned in self.fields.values():
            found = union(found, owned.fields)
        return found

    def without(self, allowed: FieldSet) -> "ApplyConflict | None":
        """The conflict on other fields than these; None when there is none."""
        left = {key: owned.having(difference(owned.fields, allowed)) for key, owned in self.fields.items()}
        left = {key: owned for key, owned in left.items() if owned.fields}
        return ApplyConflict(left) if left else None

    def _shown(self) -> list[tuple[str, Owned]]:
        return [(manager_text(key, owned), owned) for key, owned in self.fields.items()]

    def error(self) -> StatusError:
        """409 Conflict with a cause per field."""
        found = [
            (shown, path)
            for shown, owned in sorted(self._shown(), key=lambda item: item[0])
            for path in paths(owned.fields)
        ]
        causes = [
            {"reason": "FieldManagerConflict", "message": f"conflict with {shown}", "field": path}
            for shown, path in found
        ]
        details: dict[str, Any] = {"causes": causes}
        return StatusError(409, "Conflict", _message(found), details)


def _message(found: list[tuple[str, str]]) -> str:
    if len(found) == 1:
        shown, path = found[0]
        return f"Apply failed with 1 conflict: conflict with {shown}: {path}"
    lines: list[str] = []
    last = ""
    for shown, path in found:
        if shown != last:
            lines.append(f"conflicts with {shown}:")
            last = shown
        lines.append(f"- {path}")
    return f"Apply failed with {len(found)} conflicts: " + "\n".join(lines)


def manager_text(key: Key, owned: Owned) -> str:
    """`"kubectl"`, `"kubectl" with subresource "scale" using apps/v1`."""
    text = f'"{key.manager}"'
    if key.subresource:
        text += f' with subresource "{key.subresource}"'
    return text if key.operation == APPLY else f"{text} using {owned.api_version}"
