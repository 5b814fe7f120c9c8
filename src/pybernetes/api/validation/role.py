"""Roles and ClusterRoles (rbac.authorization.k8s.io/v1): what each rule needs to mean something."""

from .. import field
from .selectors import label_selector
from .values import Errors, Object


def validate_create(role: Object) -> Errors:
    namespaced = role.get("kind") == "Role"
    errors: Errors = []
    for index, rule in enumerate(role.get("rules") or ()):
        errors += _rule(rule, f"rules[{index}]", namespaced=namespaced)
    aggregation = role.get("aggregationRule")
    if aggregation is not None:
        where = "aggregationRule.clusterRoleSelectors"
        if not aggregation.get("clusterRoleSelectors"):
            words = "at least one clusterRoleSelector required if aggregationRule is non-nil"
            errors.append(field.required(where, words))
        for index, selector in enumerate(aggregation.get("clusterRoleSelectors") or ()):
            errors += label_selector(selector, f"{where}[{index}]")
    return errors


def _rule(rule: Object, path: str, *, namespaced: bool) -> Errors:
    errors: Errors = []
    if not rule.get("verbs"):
        errors.append(field.required(f"{path}.verbs", "verbs must contain at least one value"))
    urls = rule.get("nonResourceURLs") or []
    if urls:
        where = f"{path}.nonResourceURLs"
        if namespaced:
            errors.append(field.invalid(where, urls, "namespaced rules cannot apply to non-resource URLs"))
        if rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
            words = "rules cannot apply to both regular resources and non-resource URLs"
            errors.append(field.invalid(where, urls, words))
        return errors
    if not rule.get("apiGroups"):
        words = "resource rules must supply at least one api group"
        errors.append(field.required(f"{path}.apiGroups", words))
    if not rule.get("resources"):
        words = "resource rules must supply at least one resource"
        errors.append(field.required(f"{path}.resources", words))
    return errors


def validate_update(new: Object, old: Object) -> Errors:
    return validate_create(new)
