"""The expressions of admission policies, compiled (KEP-3488 and KEP-3962).

They may use `object`, `oldObject`, `request`, `params` (where the policy has a paramKind), `namespaceObject`,
`authorizer` and `variables`, each of which may use those before it. Messages do without the authorizer, match
conditions without variables and namespace.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from .cel import CelError, Environment, Program
from .cel.types import BOOL, DYN, NULL, STRING, Field, Type, list_of, object_type
from .match_conditions import AUTHORIZER, RESOURCE_CHECK, request_type

Object = dict[str, Any]


class AnyFields(Mapping[str, Field]):
    """The fields of `Object{...}`: all names, any values; what fits is known once they are merged."""

    def __getitem__(self, name: str) -> Field:
        return Field(name, DYN)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


JSON_PATCH = object_type(
    "JSONPatch",
    {
        "op": Field("op", STRING),
        "path": Field("path", STRING),
        "from": Field("from", STRING),
        "value": Field("value", DYN),
    },
)
OBJECT = object_type("Object", AnyFields())


def _struct_type(name: str) -> Type | None:
    if name == "JSONPatch":
        return JSON_PATCH
    if name == "Object":
        return OBJECT
    return object_type(name, AnyFields()) if name.startswith("Object.") else None


def policy_environment(
    *, params: bool, authorizer: bool = True, mutating: bool = False, namespace: bool = True
) -> Environment:
    """What an expression may use beside `variables`."""
    variables: dict[str, Type] = {"object": DYN, "oldObject": DYN, "request": request_type()}
    if namespace:
        variables["namespaceObject"] = DYN
    if params:
        variables["params"] = DYN
    if authorizer:
        variables |= {"authorizer": AUTHORIZER, "authorizer.requestResource": RESOURCE_CHECK}
    return Environment(variables, _struct_type if mutating else None)


class Expression:
    """One expression: its program, or in `error` why there is none."""

    __slots__ = ("error", "program", "source")

    def __init__(self, environment: Environment, source: str, *expect: Type) -> None:
        self.source = source
        self.program: Program | None = None
        self.error = ""
        try:
            self.program = environment.compile(source, expect=expect)
        except CelError as error:
            text = str(error)
            self.error = text if text.startswith("must evaluate") else f"compilation failed: {text}"


class Mutation:
    """One mutation: `patch_type` ApplyConfiguration or JSONPatch."""

    __slots__ = ("expression", "patch_type")

    def __init__(self, environment: Environment, raw: Object) -> None:
        self.patch_type = raw.get("patchType") or ""
        if self.patch_type == "JSONPatch":
            source = (raw.get("jsonPatch") or {}).get("expression") or ""
            self.expression = Expression(environment, source, list_of(JSON_PATCH))
        else:
            source = (raw.get("applyConfiguration") or {}).get("expression") or ""
            self.expression = Expression(environment, source, OBJECT)


class Validation:
    """One validation with its message."""

    __slots__ = ("expression", "message", "raw")

    def __init__(self, environment: Environment, messages: Environment, raw: Object) -> None:
        self.raw = raw
        self.expression = Expression(environment, raw.get("expression") or "", BOOL)
        source = raw.get("messageExpression")
        self.message = Expression(messages, source, STRING) if source else None


class PolicyExpressions:
    """All expressions of one policy."""

    def __init__(self, spec: Object, *, mutating: bool = False) -> None:
        params = spec.get("paramKind") is not None
        conditions = policy_environment(params=params, namespace=False)
        self.conditions = [
            (str(raw.get("name")), Expression(conditions, raw.get("expression") or "", BOOL))
            for raw in spec.get("matchConditions") or ()
        ]
        environment = policy_environment(params=params, mutating=mutating)
        messages = policy_environment(params=params, authorizer=False)
        fields: dict[str, Field] = {}
        self.variables: dict[str, Expression] = {}
        known = object_type("kubernetes.variables", fields)
        environment = environment.extended({"variables": known})
        messages = messages.extended({"variables": known})
        for raw in spec.get("variables") or ():
            name = raw.get("name") or ""
            expression = Expression(environment, raw.get("expression") or "")
            self.variables[name] = expression
            program = expression.program
            fields[name] = Field(name, program.type if program is not None else DYN)
        self.validations = [Validation(environment, messages, raw) for raw in spec.get("validations") or ()]
        self.annotations = [
            (str(raw.get("key")), Expression(environment, raw.get("valueExpression") or "", STRING, NULL))
            for raw in spec.get("auditAnnotations") or ()
        ]
        self.mutations = [Mutation(environment, raw) for raw in spec.get("mutations") or ()]


__all__ = ["Expression", "Mutation", "PolicyExpressions", "Validation", "policy_environment"]
