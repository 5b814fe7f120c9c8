"""Scopes: which objects a ResourceQuota looks at (`spec.scopes`, `spec.scopeSelector`)."""

from typing import Any

import msgspec


class Requirement(msgspec.Struct, frozen=True):
    """One condition on objects, as ScopedResourceSelectorRequirement has it."""

    scope: str
    operator: str = "Exists"
    values: tuple[str, ...] = ()

    def matches(self, present: str | None) -> bool:
        """Whether the value an object has for the scope (None: none) satisfies the condition."""
        match self.operator:
            case "In":
                return present is not None and present in self.values
            case "NotIn":
                return present is None or present not in self.values
            case "Exists":
                return present is not None
            case "DoesNotExist":
                return present is None
        return False

    def __str__(self) -> str:
        """As Go prints the struct, which is how upstream shows it in messages."""
        return f"{{{self.scope} {self.operator} [{' '.join(self.values)}]}}"


def requirement(row: dict[str, Any]) -> Requirement:
    """One entry of a scope selector."""
    values = tuple(str(value) for value in row.get("values") or ())
    return Requirement(str(row.get("scopeName") or ""), str(row.get("operator") or ""), values)


def requirements(quota: dict[str, Any]) -> list[Requirement]:
    """All conditions of a ResourceQuota; an object must satisfy every one."""
    spec = quota.get("spec") or {}
    found = [Requirement(scope) for scope in spec.get("scopes") or ()]
    rows = (spec.get("scopeSelector") or {}).get("matchExpressions") or ()
    return found + [requirement(row) for row in rows]
