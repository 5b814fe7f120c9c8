"""IngressClasses (networking.k8s.io/v1)."""

from .. import field, names
from .values import Errors, Object, domain_prefixed_path, each, immutable, label, named, subdomain

_CONTROLLER_LIMIT = 250


def validate_create(ingress_class: Object) -> Errors:
    spec = ingress_class.get("spec") or {}
    controller = spec.get("controller") or ""
    errors: Errors = []
    if len(controller) > _CONTROLLER_LIMIT:
        errors.append(field.too_long("spec.controller", _CONTROLLER_LIMIT))
    errors += domain_prefixed_path(controller, "spec.controller")
    parameters = spec.get("parameters")
    return errors if parameters is None else errors + _parameters(parameters, "spec.parameters")


def _parameters(parameters: Object, path: str) -> Errors:
    errors: Errors = []
    if (group := parameters.get("apiGroup")) is not None:
        errors += each(f"{path}.apiGroup", group, subdomain(group))
    for key in ("kind", "name"):
        errors += named(f"{path}.{key}", parameters.get(key) or "", names.path_segment)
    scope, namespace = parameters.get("scope"), parameters.get("namespace")
    if scope is None:
        return [*errors, field.required(f"{path}.scope")]
    if scope not in ("Cluster", "Namespace"):
        errors.append(field.not_supported(f"{path}.scope", scope, ("Cluster", "Namespace")))
    elif scope == "Namespace":
        if namespace is None:
            errors.append(field.required(f"{path}.namespace", "`parameters.scope` is set to 'Namespace'"))
        else:
            errors += each(f"{path}.namespace", namespace, label(namespace))
    elif namespace is not None:
        errors.append(field.forbidden(f"{path}.namespace", "`parameters.scope` is set to 'Cluster'"))
    return errors


def validate_update(new: Object, old: Object) -> Errors:
    after, before = new.get("spec") or {}, old.get("spec") or {}
    return immutable(after.get("controller"), before.get("controller"), "spec.controller") + validate_create(new)
