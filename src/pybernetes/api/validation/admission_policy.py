"""Admission policies and their bindings (admissionregistration.k8s.io/v1): shapes, and that every expression compiles.

Serves ValidatingAdmissionPolicy, MutatingAdmissionPolicy and both kinds of binding.
"""

import re
from collections.abc import Iterator

from .. import field, names
from ..policy_expressions import Expression, PolicyExpressions
from .selectors import label_selector
from .values import Errors, Object, each, one_of, qualified_name
from .webhook_configuration import rule_with_operations

_FAILURE_POLICIES = ("Fail", "Ignore")
_MATCH_POLICIES = ("Equivalent", "Exact")
_REASONS = ("Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized")
_ACTIONS = ("Audit", "Deny", "Warn")
_PATCH_TYPES = ("ApplyConfiguration", "JSONPatch")
_REINVOCATION_POLICIES = ("IfNeeded", "Never")
_NOT_FOUND_ACTIONS = ("Allow", "Deny")
_MOST_CONDITIONS = 64
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z", re.ASCII)


def validate_create(obj: Object) -> Errors:
    spec = obj.get("spec") or {}
    if str(obj.get("kind")).endswith("Binding"):
        return _binding(spec, mutating=str(obj.get("kind")).startswith("Mutating"))
    return _policy(obj, spec, set())


def validate_update(new: Object, old: Object) -> Errors:
    """Expressions that were there before are kept, so that no upgrade makes a policy unwritable."""
    if str(new.get("kind")).endswith("Binding"):
        return validate_create(new)
    return _policy(new, new.get("spec") or {}, set(_sources(old.get("spec") or {})))


def validate_status_update(new: Object, old: Object) -> Errors:
    return []


def _sources(spec: Object) -> Iterator[str]:
    """Every expression of a policy."""
    for key in ("matchConditions", "variables", "validations", "auditAnnotations"):
        for entry in spec.get(key) or ():
            for name in ("expression", "messageExpression", "valueExpression"):
                if entry.get(name):
                    yield entry[name]
    for entry in spec.get("mutations") or ():
        for name in ("applyConfiguration", "jsonPatch"):
            if (entry.get(name) or {}).get("expression"):
                yield entry[name]["expression"]


def _param_kind(api_version: str, kind: str) -> Errors:
    """The kind that parameters are of."""
    path = "spec.paramKind"
    group, slash, version = api_version.rpartition("/")
    if not api_version:
        errors = [field.required(f"{path}.apiVersion")]
    elif "/" in group:
        errors = [field.invalid(f"{path}.apiVersion", api_version, f"unexpected GroupVersion string: {api_version}")]
    else:
        errors = _joined(f"{path}.apiVersion", group, names.dns1123_subdomain(group)) if slash else []
        if version:
            errors += _joined(f"{path}.apiVersion", version, names.dns1035_label(version))
        else:
            errors.append(field.required(f"{path}.apiVersion", "version must be specified"))
    if not kind:
        return [*errors, field.required(f"{path}.kind")]
    if messages := names.dns1035_label(kind.lower()):
        words = "may have mixed case, but should otherwise match: " + ",".join(messages)
        errors.append(field.invalid(f"{path}.kind", kind, words))
    return errors


def _joined(path: str, value: str, messages: list[str]) -> Errors:
    return [field.invalid(path, value, ",".join(messages))] if messages else []


def _policy(obj: Object, spec: Object, kept: set[str]) -> Errors:
    mutating = str(obj.get("kind")).startswith("Mutating")
    errors = one_of(spec.get("failurePolicy") or "Fail", _FAILURE_POLICIES, "spec.failurePolicy")
    kind = spec.get("paramKind")
    if kind is not None:
        errors += _param_kind(kind.get("apiVersion") or "", kind.get("kind") or "")
    constraints = spec.get("matchConstraints")
    if constraints is None:
        errors.append(field.required("spec.matchConstraints"))
    else:
        errors += _match_resources(constraints, "spec.matchConstraints")
        if not constraints.get("resourceRules"):
            errors.append(field.required("spec.matchConstraints.resourceRules"))
    compiled = PolicyExpressions(spec, mutating=mutating)
    errors += _conditions(spec.get("matchConditions") or [], compiled, kept)
    errors += _variables(spec.get("variables") or [], compiled, kept)
    if mutating:
        return errors + _mutations(spec, compiled, kept)
    if not spec.get("validations") and not spec.get("auditAnnotations"):
        words = "validations or auditAnnotations must contain at least one item"
        errors += [field.required("spec.validations", words), field.required("spec.auditAnnotations", words)]
    errors += _validations(spec.get("validations") or [], compiled, kept)
    name = obj["metadata"].get("name") or ""
    return errors + _annotations(spec.get("auditAnnotations") or [], compiled, name, kept)


def _expression(expression: Expression, path: str, kept: set[str]) -> Errors:
    source = expression.source
    if not source.strip():
        return [field.required(path, "expression is not specified")]
    if not expression.error or source in kept:
        return []
    return [field.invalid(path, source, expression.error)]


def _conditions(conditions: list[Object], compiled: PolicyExpressions, kept: set[str]) -> Errors:
    errors: Errors = []
    if len(conditions) > _MOST_CONDITIONS:
        errors.append(field.too_many("spec.matchConditions", len(conditions), _MOST_CONDITIONS))
    seen: set[str] = set()
    for index, (name, expression) in enumerate(compiled.conditions):
        path = f"spec.matchConditions[{index}]"
        if not conditions[index].get("name"):
            errors.append(field.required(f"{path}.name"))
        else:
            errors += each(f"{path}.name", name, qualified_name(name))
        if name in seen:
            errors.append(field.duplicate(f"{path}.name", name))
        seen.add(name)
        errors += _expression(expression, f"{path}.expression", kept)
    return errors


def _variables(variables: list[Object], compiled: PolicyExpressions, kept: set[str]) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for index, raw in enumerate(variables):
        path, name = f"spec.variables[{index}]", raw.get("name") or ""
        if not name:
            errors.append(field.required(f"{path}.name", "name is not specified"))
        elif _IDENTIFIER.match(name) is None:
            errors.append(field.invalid(f"{path}.name", name, "name is not a valid CEL identifier"))
        if name in seen:
            errors.append(field.duplicate(f"{path}.name", name))
            continue
        seen.add(name)
        errors += _expression(compiled.variables[name], f"{path}.expression", kept)
    return errors


def _validations(validations: list[Object], compiled: PolicyExpressions, kept: set[str]) -> Errors:
    errors: Errors = []
    for index, raw in enumerate(validations):
        path, found = f"spec.validations[{index}]", compiled.validations[index]
        errors += _expression(found.expression, f"{path}.expression", kept)
        if found.message is not None:
            errors += _expression(found.message, f"{path}.messageExpression", kept)
        message = raw.get("message") or ""
        if message and not message.strip():
            errors.append(field.invalid(f"{path}.message", message, "message must be non-empty if specified"))
        elif "\n" in message.strip():
            errors.append(field.invalid(f"{path}.message", message, "message must not contain line breaks"))
        elif not message and "\n" in (raw.get("expression") or "").strip():
            words = "message must be specified if expression contains line breaks"
            errors.append(field.required(f"{path}.message", words))
        if raw.get("reason") and raw["reason"] not in _REASONS:
            errors.append(field.not_supported(f"{path}.reason", raw["reason"], _REASONS))
    return errors


def _annotations(annotations: list[Object], compiled: PolicyExpressions, policy: str, kept: set[str]) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for index, raw in enumerate(annotations):
        path, key = f"spec.auditAnnotations[{index}]", raw.get("key") or ""
        if not key:
            errors.append(field.required(f"{path}.key"))
        else:
            errors += each(f"{path}.key", key, qualified_name(f"{policy}/{key}"))
        if key in seen:
            errors.append(field.duplicate(f"{path}.key", key))
        seen.add(key)
        expression = compiled.annotations[index][1]
        if not expression.source.strip():
            errors.append(field.required(f"{path}.valueExpression", "valueExpression is not specified"))
        else:
            errors += _expression(expression, f"{path}.valueExpression", kept)
    return errors


def _mutations(spec: Object, compiled: PolicyExpressions, kept: set[str]) -> Errors:
    errors: Errors = []
    policy = spec.get("reinvocationPolicy")
    if not policy:
        errors.append(field.required("spec.reinvocationPolicy"))
    elif policy not in _REINVOCATION_POLICIES:
        errors.append(field.not_supported("spec.reinvocationPolicy", policy, _REINVOCATION_POLICIES))
    mutations = spec.get("mutations") or []
    if not mutations:
        errors.append(field.required("spec.mutations", "mutations must contain at least one item"))
    for index, raw in enumerate(mutations):
        path, kind = f"spec.mutations[{index}]", raw.get("patchType") or ""
        if not kind:
            errors.append(field.required(f"{path}.patchType"))
            continue
        if kind not in _PATCH_TYPES:
            errors.append(field.not_supported(f"{path}.patchType", kind, _PATCH_TYPES))
            continue
        wanted, other = (
            ("jsonPatch", "applyConfiguration") if kind == "JSONPatch" else ("applyConfiguration", "jsonPatch")
        )
        if raw.get(other) is not None:
            errors.append(field.invalid(f"{path}.{other}", "{}", f"must not be specified when patchType is {kind}"))
        if raw.get(wanted) is None:
            errors.append(field.required(f"{path}.{wanted}", f"must be specified when patchType is {kind}"))
            continue
        errors += _expression(compiled.mutations[index].expression, f"{path}.{wanted}.expression", kept)
    return errors


def _match_resources(given: Object, path: str) -> Errors:
    errors: Errors = []
    if given.get("matchPolicy") and given["matchPolicy"] not in _MATCH_POLICIES:
        errors.append(field.not_supported(f"{path}.matchPolicy", given["matchPolicy"], _MATCH_POLICIES))
    for key in ("namespaceSelector", "objectSelector"):
        if given.get(key) is not None:
            errors += label_selector(given[key], f"{path}.{key}")
    for key in ("resourceRules", "excludeResourceRules"):
        for index, rule in enumerate(given.get(key) or ()):
            where = f"{path}.{key}[{index}]"
            errors += rule_with_operations(rule, where)
            for at, name in enumerate(rule.get("resourceNames") or ()):
                errors += each(f"{where}.resourceNames[{at}]", name, names.path_segment(name))
    return errors


def _binding(spec: Object, *, mutating: bool) -> Errors:
    errors: Errors = []
    policy = spec.get("policyName") or ""
    if not policy:
        errors.append(field.required("spec.policyName"))
    else:
        errors += each("spec.policyName", policy, names.dns1123_subdomain(policy))
    if spec.get("paramRef") is not None:
        errors += _param_ref(spec["paramRef"], "spec.paramRef")
    if spec.get("matchResources") is not None:
        errors += _match_resources(spec["matchResources"], "spec.matchResources")
    if mutating:
        return errors
    actions, path = spec.get("validationActions") or [], "spec.validationActions"
    if not actions:
        errors.append(field.required(path, "at least one validation action is required"))
    seen: set[str] = set()
    for index, action in enumerate(actions):
        if action not in _ACTIONS:
            errors.append(field.not_supported(f"{path}[{index}]", action, _ACTIONS))
        if action in seen:
            errors.append(field.duplicate(f"{path}[{index}]", action))
        seen.add(action)
    if {"Deny", "Warn"} <= seen:
        words = (
            "must not contain both Deny and Warn (repeating the same validation failure information in the API "
            "response and headers serves no purpose)"
        )
        errors.append(field.invalid(path, actions, words))
    return errors


def _param_ref(given: Object, path: str) -> Errors:
    errors: Errors = []
    name, selector = given.get("name"), given.get("selector")
    if name:
        errors += each(f"{path}.name", name, names.path_segment(name))
    if selector is not None:
        errors += label_selector(selector, f"{path}.selector")
    if name and selector is not None:
        errors.append(field.forbidden(f"{path}.name", "name and selector are mutually exclusive"))
        errors.append(field.forbidden(f"{path}.selector", "name and selector are mutually exclusive"))
    if not name and selector is None:
        errors.append(field.required(path, "one of name or selector must be specified"))
    action = given.get("parameterNotFoundAction")
    if not action:
        errors.append(field.required(f"{path}.parameterNotFoundAction"))
    elif action not in _NOT_FOUND_ACTIONS:
        errors.append(field.not_supported(f"{path}.parameterNotFoundAction", action, _NOT_FOUND_ACTIONS))
    return errors
