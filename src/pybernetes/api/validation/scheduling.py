"""Where a pod may run: tolerations, affinity, spreading, gates (core/v1)."""

import re
from typing import Any

from .. import field
from .features import enabled
from .selectors import label_name, label_selector, node_selector, node_selector_term
from .values import Errors, Object, Passed, each, label, label_value, one_of_if_set, positive, qualified_name

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_ACTIONS = ("DoNotSchedule", "ScheduleAnyway")
_INCLUSION = ("Honor", "Ignore")
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_integer = re.compile(r"-?[0-9]+").fullmatch


def _tolerations(given: list[Object], path: str) -> Errors:
    """Each toleration by itself."""
    errors: Errors = []
    for index, toleration in enumerate(given):
        where = f"{path}[{index}]"
        key, operator = toleration.get("key") or "", toleration.get("operator") or ""
        value, effect = toleration.get("value") or "", toleration.get("effect") or ""
        if key:
            errors += label_name(key, f"{where}.key")
        elif operator != "Exists":
            words = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            errors.append(field.invalid(f"{where}.operator", operator, words))
        if toleration.get("tolerationSeconds") is not None and effect != "NoExecute":
            words = "effect must be 'NoExecute' when `tolerationSeconds` is set"
            errors.append(field.invalid(f"{where}.effect", effect, words))
        errors += _operator(operator, value, where)
        if effect:
            errors += one_of_if_set(effect, EFFECTS, f"{where}.effect")
    return errors


tolerations = Passed(_tolerations)


def _operator(operator: str, value: str, path: str) -> Errors:
    if operator in ("Equal", ""):
        messages = label_value(value)
        return [field.invalid(f"{path}.operator", value, ";".join(messages))] if messages else []
    if operator == "Exists":
        if not value:
            return []
        return [field.invalid(f"{path}.operator", value, "value must be empty when `operator` is 'Exists'")]
    if operator in ("Lt", "Gt") and enabled("TaintTolerationComparisonOperators"):
        if _integer(value) is not None:
            return []
        return [field.invalid(f"{path}.value", value, "must be a valid decimal integer in canonical form")]
    return [field.not_supported(f"{path}.operator", operator, ("Equal", "Exists"))]


def only_added(new: list[Object], old: list[Object], path: str) -> Errors:
    """Tolerations of a stored pod may only grow, or last longer."""
    for before in old:
        kept = {key: value for key, value in before.items() if key != "tolerationSeconds"}
        if not any({key: t[key] for key in t if key != "tolerationSeconds"} == kept for t in new):
            words = "existing toleration can not be modified except its tolerationSeconds"
            return [field.forbidden(path, words)]
    return tolerations(new, path)


def taints(given: list[Object], path: str) -> Errors:
    """A node's taints: unique by key and effect."""
    errors: Errors = []
    seen: set[tuple[str, str]] = set()
    for index, taint in enumerate(given):
        where = f"{path}[{index}]"
        key, effect = taint.get("key") or "", taint.get("effect") or ""
        errors += label_name(key, f"{where}.key")
        if messages := label_value(taint.get("value") or ""):
            errors.append(field.invalid(f"{where}.value", taint["value"], ";".join(messages)))
        if not effect:
            errors.append(field.required(f"{where}.effect"))
        elif effect not in EFFECTS:
            errors.append(field.not_supported(f"{where}.effect", effect, EFFECTS))
        if (key, effect) in seen:
            errors.append(field.duplicate(where, taint, "taints must be unique by key and effect pair"))
        seen.add((key, effect))
    return errors


def affinity(given: Object, path: str) -> Errors:
    """To nodes and to other pods."""
    errors: Errors = []
    if (nodes := given.get("nodeAffinity")) is not None:
        where = f"{path}.nodeAffinity"
        if nodes.get(_REQUIRED) is not None:
            errors += node_selector(nodes[_REQUIRED], f"{where}.{_REQUIRED}")
        for index, term in enumerate(nodes.get(_PREFERRED) or ()):
            place = f"{where}.{_PREFERRED}[{index}]"
            errors += _weight(term, place)
            errors += node_selector_term(term.get("preference") or {}, f"{place}.preference", check_values=False)
    for key in ("podAffinity", "podAntiAffinity"):
        pods = given.get(key)
        if pods is None:
            continue
        for index, term in enumerate(pods.get(_REQUIRED) or ()):
            errors += _pod_term(term, f"{path}.{key}.{_REQUIRED}[{index}]")
        for index, term in enumerate(pods.get(_PREFERRED) or ()):
            place = f"{path}.{key}.{_PREFERRED}[{index}]"
            errors += _weight(term, place)
            errors += _pod_term(term.get("podAffinityTerm") or {}, f"{place}.podAffinityTerm")
    return errors


def _weight(term: Object, path: str) -> Errors:
    weight = term.get("weight") or 0
    return [] if 1 <= weight <= 100 else [field.invalid(f"{path}.weight", weight, "must be in the range 1-100")]


def _pod_term(term: Object, path: str) -> Errors:
    errors = label_selector(term.get("labelSelector"), f"{path}.labelSelector")
    errors += label_selector(term.get("namespaceSelector"), f"{path}.namespaceSelector")
    for name in term.get("namespaces") or ():
        errors += each(f"{path}.namespace", name, label(name))
    match, mismatch = term.get("matchLabelKeys") or [], term.get("mismatchLabelKeys") or []
    errors += _label_keys(match, mismatch, term.get("labelSelector"), path)
    key = term.get("topologyKey") or ""
    if not key:
        errors.append(field.required(f"{path}.topologyKey", "can not be empty"))
    return errors + label_name(key, f"{path}.topologyKey")


def _label_keys(match: list[str], mismatch: list[str], selector: Any, path: str) -> Errors:
    errors: Errors = []
    for name, keys in (("matchLabelKeys", match), ("mismatchLabelKeys", mismatch)):
        if keys and selector is None:
            words = "must not be specified when labelSelector is not set"
            errors.append(field.forbidden(f"{path}.{name}", words))
        elif keys:
            for index, key in enumerate(keys):
                errors += label_name(key, f"{path}.{name}[{index}]")
    if match and selector is not None:
        selected = set(selector.get("matchLabels") or ())
        for term in selector.get("matchExpressions") or ():
            key = term.get("key")
            if key in match and key in selected:
                words = "exists in both matchLabelKeys and labelSelector"
                errors.append(field.invalid(f"{path}[{match.index(key)}]", key, words))
            selected.add(key)
    for index, key in enumerate(match):
        if key in mismatch:
            words = "exists in both matchLabelKeys and mismatchLabelKeys"
            errors.append(field.invalid(f"{path}.matchLabelKeys[{index}]", key, words))
    return errors


def spread_constraints(given: list[Object], path: str) -> Errors:
    """`topologySpreadConstraints`: one per key and action."""
    errors: Errors = []
    for index, row in enumerate(given):
        where = f"{path}[{index}]"
        key, action = row.get("topologyKey") or "", row.get("whenUnsatisfiable") or ""
        errors += positive(row.get("maxSkew") or 0, f"{where}.maxSkew")
        if not key:
            errors.append(field.required(f"{where}.topologyKey", "can not be empty"))
        if action not in _ACTIONS:
            errors.append(field.not_supported(f"{where}.whenUnsatisfiable", action, _ACTIONS))
        pair = (row.get("topologyKey"), row.get("whenUnsatisfiable"))
        if any((other.get("topologyKey"), other.get("whenUnsatisfiable")) == pair for other in given[index + 1 :]):
            place = f"{where}.{{topologyKey, whenUnsatisfiable}}"
            errors.append(field.duplicate(place, f"{{{key}, {action}}}"))
        errors += _min_domains(row.get("minDomains"), action, f"{where}.minDomains")
        for name in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
            errors += one_of_if_set(row.get(name), _INCLUSION, f"{where}.{name}")
        errors += _label_keys(row.get("matchLabelKeys") or [], [], row.get("labelSelector"), where)
        errors += label_selector(row.get("labelSelector"), f"{where}.labelSelector")
    return errors


def _min_domains(value: int | None, action: str, path: str) -> Errors:
    if value is None:
        return []
    errors = positive(value, path)
    if action != "DoNotSchedule":
        words = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
        errors.append(field.invalid(path, value, words))
    return errors


def gates(given: list[Object], path: str) -> Errors:
    """`schedulingGates`: qualified names, each once."""
    errors: Errors = []
    seen: set[str] = set()
    for index, gate in enumerate(given):
        name = gate.get("name") or ""
        errors += each(f"{path}[{index}]", name, qualified_name(name))
        if name in seen:
            errors.append(field.duplicate(f"{path}[{index}]", name))
        seen.add(name)
    return errors


def only_removed_gates(new: list[Object], old: list[Object], path: str) -> Errors:
    known = {gate.get("name") for gate in old}
    return [
        field.forbidden(
            f"{path}[{index}].name", f"only deletion is allowed, but found new scheduling gate '{gate.get('name')}'"
        )
        for index, gate in enumerate(new)
        if gate.get("name") not in known
    ]
