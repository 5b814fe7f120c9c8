"""Questions about rights (authorization.k8s.io SubjectAccessReview and its kin): asked, answered, never stored.

    errors = subject_access(review)                      # somebody else, anywhere
    errors = subject_access(review, local=True)          # somebody else, in one namespace
    errors = self_access(review)                         # who asks

Selectors with operators of a newer Kubernetes are let through: a server that does not know them answers without.
"""

from .. import field
from .selectors import label_term
from .values import Errors, Object

_ONE_OF = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
_BOTH = "cannot be specified in combination with resourceAttributes"
_SUBJECT = "at least one of user or group must be specified"
_OPERATORS = {"In": True, "NotIn": True, "Exists": False, "DoesNotExist": False}
"""Operator -> whether it needs values."""


def subject_access(review: Object, *, local: bool = False) -> Errors:
    """`local`: within the namespace of the review, and about resources alone."""
    spec = review.get("spec") or {}
    errors = _attributes(spec)
    if not spec.get("user") and not spec.get("groups"):
        errors.append(field.invalid("spec.user", "", _SUBJECT))
    errors += _resource(spec.get("resourceAttributes")) + _metadata(review, local=local)
    path = spec.get("nonResourceAttributes")
    if local and path is not None:
        errors.append(field.invalid("spec.nonResourceAttributes", _of_go(path), "disallowed on this kind of request"))
    return errors


def self_access(review: Object) -> Errors:
    spec = review.get("spec") or {}
    return _attributes(spec) + _resource(spec.get("resourceAttributes")) + _metadata(review, local=False)


def _metadata(review: Object, *, local: bool) -> Errors:
    ignored = ("managedFields", "namespace") if local else ("managedFields",)
    metadata = review.get("metadata") or {}
    if any(value for key, value in metadata.items() if key not in ignored):
        words = "must be empty except for namespace" if local else "must be empty"
        return [field.invalid("metadata", metadata, words)]
    return []


def _attributes(spec: Object) -> Errors:
    """Exactly one of the two kinds."""
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if resource is not None and path is not None:
        return [field.invalid("spec.nonResourceAttributes", _of_go(path), _BOTH)]
    return [field.invalid("spec.resourceAttributes", None, _ONE_OF)] if resource is None and path is None else []


def _of_go(path: Object) -> Object:
    """Attributes of a path as upstream shows them."""
    return {"Path": path.get("path") or "", "Verb": path.get("verb") or ""}


def _resource(asked: Object | None) -> Errors:
    errors: Errors = []
    for name in ("fieldSelector", "labelSelector"):
        selector, path = (asked or {}).get(name), f"spec.resourceAttributes.{name}"
        if selector is None:
            continue
        raw, requirements = selector.get("rawSelector") or "", selector.get("requirements") or []
        if raw and requirements:
            words = "may not specified at the same time as requirements"
            errors.append(field.invalid(f"{path}.rawSelector", raw, words))
        if not raw and not requirements:
            words = f"when {path} is specified, requirements or rawSelector is required"
            errors.append(field.required(f"{path}.requirements", words))
        for at, requirement in enumerate(requirements):
            where = f"{path}.requirements[{at}]"
            if name == "labelSelector":
                errors += label_term(requirement, where, any_operator=True)
            else:
                errors += _field_term(requirement, where)
    return errors


def _field_term(requirement: Object, path: str) -> Errors:
    errors: Errors = [] if requirement.get("key") else [field.required(f"{path}.key", "must be specified")]
    needs_values, values = _OPERATORS.get(requirement.get("operator") or ""), requirement.get("values")
    if needs_values is True and not values:
        errors.append(field.required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
    if needs_values is False and values:
        words = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
        errors.append(field.forbidden(f"{path}.values", words))
    return errors
