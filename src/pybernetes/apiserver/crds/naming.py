"""Whether the names of a definition are free in its group (apiextensions `naming_controller`): pure."""

from collections.abc import Iterable
from typing import Any

from .definition import condition

Object = dict[str, Any]


def accepted_names(definition: Object, others: Iterable[Object]) -> tuple[Object, Object]:
    """(the names that are accepted, the NamesAccepted condition). What was accepted before stays accepted."""
    spec = definition["spec"]
    group, wanted = spec["group"], spec.get("names") or {}
    before: Object = (definition.get("status") or {}).get("acceptedNames") or {}
    resources: set[str] = set()
    kinds: set[str] = set()
    own = definition["metadata"].get("name")
    for other in others:
        if other["spec"]["group"] != group or other["metadata"]["name"] == own:
            continue
        names = (other.get("status") or {}).get("acceptedNames") or {}
        resources.update(_resources(names))
        kinds.update(name for key in ("kind", "listKind") if (name := names.get(key)))
    names = dict(before)
    reason, message = "", ""
    for key, used, word in (
        ("plural", resources, "PluralConflict"),
        ("singular", resources, "SingularConflict"),
        ("kind", kinds, "KindConflict"),
        ("listKind", kinds, "ListKindConflict"),
    ):
        given = wanted.get(key) or ""
        if given and given != before.get(key) and given in used:
            reason, message = word, f'"{given}" is already in use'
        elif given:
            names[key] = given
    shorts: list[str] = wanted.get("shortNames") or []
    taken = [name for name in shorts if name not in (before.get("shortNames") or ()) and name in resources]
    if taken:
        reason = "ShortNamesConflict"
        shown = [f'"{name}" is already in use' for name in taken]
        message = shown[0] if len(shown) == 1 else f"[{', '.join(shown)}]"
    else:
        _put(names, "shortNames", shorts)
    _put(names, "categories", wanted.get("categories") or [])
    if reason:
        return names, {"type": "NamesAccepted", "status": "False", "reason": reason, "message": message}
    ok = {"type": "NamesAccepted", "status": "True", "reason": "NoConflicts", "message": "no conflicts found"}
    return names, ok


def established(definition: Object, names_accepted: Object) -> Object:
    """The Established condition: once true it stays."""
    before = condition(definition, "Established")
    if before is not None and before.get("status") == "True":
        return before
    if names_accepted["status"] == "True":
        return {
            "type": "Established",
            "status": "True",
            "reason": "InitialNamesAccepted",
            "message": "the initial names have been accepted",
        }
    return {
        "type": "Established",
        "status": "False",
        "reason": "NotAccepted",
        "message": "not all names are accepted",
    }


def set_condition(definition: Object, found: Object, now: str) -> None:
    """Put a condition in its place; the time moves with the status."""
    status = definition.setdefault("status", {})
    conditions: list[Object] = list(status.get("conditions") or ())
    status["conditions"] = conditions
    before = condition(definition, found["type"])
    if before is None:
        conditions.append({"type": found["type"], "status": found["status"], "lastTransitionTime": now, **found})
        return
    time = before.get("lastTransitionTime") if before.get("status") == found["status"] else now
    conditions[conditions.index(before)] = {**before, **found, "lastTransitionTime": time}


def _resources(names: Object) -> list[str]:
    found = [names.get("plural"), names.get("singular"), *(names.get("shortNames") or ())]
    return [name for name in found if name]


def _put(names: Object, key: str, values: list[str]) -> None:
    if values:
        names[key] = values
    else:
        names.pop(key, None)
