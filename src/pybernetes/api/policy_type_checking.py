"""What is doubtful in the expressions of a ValidatingAdmissionPolicy, given the types it is about (KEP-3488, "Type
Checking"). Policies work without: at run time objects are dynamic. Warnings show mistakes before a request does.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .cel import CompileError, Environment
from .cel.types import BOOL, DYN, STRING, Field, Type, object_type
from .policy_expressions import policy_environment

Object = dict[str, Any]
TYPES_LIMIT = 10

Known = Callable[[str, str, str], "tuple[str, str, Type] | None"]
"""(group, version, resource) -> (apiVersion, kind, type); None when the resource is not known."""


def resources(policy: Object) -> Iterator[tuple[str, str, str]]:
    """The resources that the policy's rules name, wildcards left out."""
    for rule in ((policy["spec"].get("matchConstraints") or {}).get("resourceRules")) or ():
        parts = [rule.get(key) or [] for key in ("apiGroups", "apiVersions", "resources")]
        if any("*" in part for part in parts):
            continue
        groups, versions, names = parts
        yield from ((g, v, name) for g in groups for v in versions for name in names if "/" not in name)


def warnings(policy: Object, known: Known, params: Type | None = None) -> list[Object]:
    """ExpressionWarnings in the order of the expressions."""
    types: dict[str, Type] = {}
    for wanted in resources(policy):
        found = known(*wanted)
        if found is not None:
            types[f"{found[0]}, Kind={found[1]}"] = found[2]
    chosen = {name: types[name] for name in sorted(types)[:TYPES_LIMIT]}
    environments = {name: _environment(policy["spec"], kind, params) for name, kind in chosen.items()}
    result: list[Object] = []
    for path, source, expected in _expressions(policy["spec"]):
        words = "\n".join(
            f"{name}: {error}\n"
            for name, known_types in environments.items()
            if (error := _error(known_types, source, expected))
        )
        if words:
            result.append({"fieldRef": path, "warning": words})
    return result


def _expressions(spec: Object) -> Iterator[tuple[str, str, tuple[Type, ...]]]:
    for index, validation in enumerate(spec.get("validations") or ()):
        path = f"spec.validations[{index}]"
        yield f"{path}.expression", validation.get("expression") or "", (BOOL,)
        if validation.get("messageExpression"):
            yield f"{path}.messageExpression", validation["messageExpression"], (STRING,)


def _environment(spec: Object, kind: Type, params: Type | None) -> Environment:
    """What expressions see when the object is of one kind."""
    known: Mapping[str, Type] = {"object": kind, "oldObject": kind}
    has_params = spec.get("paramKind") is not None
    environment = policy_environment(params=has_params).extended(known)
    if has_params:
        environment = environment.extended({"params": params or DYN})
    fields: dict[str, Field] = {}
    environment = environment.extended({"variables": object_type("kubernetes.variables", fields)})
    for variable in spec.get("variables") or ():
        name = variable.get("name") or ""
        try:
            fields[name] = Field(name, environment.checked(variable.get("expression") or "").type)
        except CompileError:
            fields[name] = Field(name, DYN)
    return environment


def _error(environment: Environment, source: str, expected: tuple[Type, ...]) -> str:
    try:
        environment.compile(source, expect=expected)
    except CompileError as error:
        return str(error)
    return ""
