"""FlowSchemas (flowcontrol.apiserver.k8s.io/v1)."""

from .. import field, names
from .values import Errors, Object

_HIGHEST_PRECEDENCE = 10000
_METHODS = ("ByNamespace", "ByUser")
_SUBJECTS = {"User": "user", "Group": "group", "ServiceAccount": "serviceAccount"}
MANDATORY = ("catch-all", "exempt")


def validate_create(schema: Object) -> Errors:
    spec, name = schema.get("spec") or {}, (schema.get("metadata") or {}).get("name")
    precedence = spec.get("matchingPrecedence") or 0
    errors: Errors = []
    if precedence <= 0:
        errors.append(field.invalid("spec.matchingPrecedence", precedence, "must be a positive value"))
    if precedence > _HIGHEST_PRECEDENCE:
        words = f"must not be greater than {_HIGHEST_PRECEDENCE}"
        errors.append(field.invalid("spec.matchingPrecedence", precedence, words))
    if precedence == 1 and name != "exempt":
        words = "only the schema named 'exempt' may have matchingPrecedence 1"
        errors.append(field.invalid("spec.matchingPrecedence", precedence, words))
    method = (spec.get("distinguisherMethod") or {}).get("type")
    if spec.get("distinguisherMethod") is not None and method not in _METHODS:
        errors.append(field.not_supported("spec.distinguisherMethod.type", method, _METHODS))
    level = (spec.get("priorityLevelConfiguration") or {}).get("name") or ""
    path = "spec.priorityLevelConfiguration.name"
    if not level:
        errors.append(field.required(path, "must reference a priority level"))
    else:
        errors += [field.invalid(path, level, words) for words in names.dns1123_subdomain(level)]
    for index, rule in enumerate(spec.get("rules") or ()):
        errors += _rule(rule, f"spec.rules[{index}]")
    return errors


def _rule(rule: Object, path: str) -> Errors:
    errors: Errors = []
    if not rule.get("subjects"):
        errors.append(field.required(f"{path}.subjects", "subjects must contain at least one value"))
    for index, subject in enumerate(rule.get("subjects") or ()):
        errors += _subject(subject, f"{path}.subjects[{index}]")
    resources, paths = rule.get("resourceRules") or [], rule.get("nonResourceRules") or []
    if not resources and not paths:
        words = "at least one of resourceRules and nonResourceRules has to be non-empty"
        errors.append(field.required(path, words))
    for index, part in enumerate(resources):
        here = f"{path}.resourceRules[{index}]"
        for key in ("verbs", "apiGroups", "resources"):
            errors += _wildcard(part.get(key) or [], f"{here}.{key}", key)
        if not part.get("namespaces") and not part.get("clusterScope"):
            words = "resource rules that are not cluster scoped must supply at least one namespace"
            errors.append(field.required(f"{here}.namespaces", words))
    for index, part in enumerate(paths):
        here = f"{path}.nonResourceRules[{index}]"
        errors += _wildcard(part.get("verbs") or [], f"{here}.verbs", "verbs")
        errors += _wildcard(part.get("nonResourceURLs") or [], f"{here}.nonResourceURLs", "nonResourceURLs")
    return errors


def _wildcard(values: list[str], path: str, what: str) -> Errors:
    if not values:
        return [field.required(path, f"{what} must contain at least one value")]
    if len(values) > 1 and "*" in values:
        return [field.invalid(path, values, "if '*' is present, must not specify other " + what)]
    return []


def _subject(subject: Object, path: str) -> Errors:
    kind = subject.get("kind")
    key = _SUBJECTS.get(str(kind))
    if key is None:
        return [field.not_supported(f"{path}.kind", kind, ("Group", "ServiceAccount", "User"))]
    errors: Errors = []
    for other_kind, other in _SUBJECTS.items():
        if other != key and subject.get(other) is not None:
            words = f"{other} is forbidden when subject kind is not '{other_kind}'"
            errors.append(field.forbidden(f"{path}.{other}", words))
    details = subject.get(key)
    if details is None:
        errors.append(field.required(f"{path}.{key}", f"{key} is required when subject kind is '{kind}'"))
        return errors
    for part in ("namespace", "name") if key == "serviceAccount" else ("name",):
        if not details.get(part):
            errors.append(field.required(f"{path}.{key}.{part}"))
    return errors


def validate_update(new: Object, old: Object) -> Errors:
    return validate_create(new)


def validate_status_update(new: Object, old: Object) -> Errors:
    return conditions(new)


def conditions(obj: Object) -> Errors:
    """Types are unique and named."""
    errors: Errors = []
    seen: set[str] = set()
    for index, row in enumerate((obj.get("status") or {}).get("conditions") or ()):
        path, kind = f"status.conditions[{index}].type", row.get("type") or ""
        if not kind:
            errors.append(field.required(path, "must not be empty"))
        if kind in seen:
            errors.append(field.duplicate(path, kind))
        seen.add(kind)
    return errors
