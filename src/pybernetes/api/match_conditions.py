"""The expressions of `matchConditions`: what they may speak of, and whether they make sense.

Webhooks and admission policies give conditions on a request: `object`, `oldObject` (whatever their kind), `request`
(the AdmissionRequest without its objects) and `authorizer`. KEP-3716.
"""

from functools import cache, lru_cache

from .cel import CelError, Environment, Program
from .cel.types import BOOL, DYN, STRING, Field, Type, list_of, map_of, object_type

AUTHORIZER = Type("kubernetes.authorization.Authorizer")
RESOURCE_CHECK = Type("kubernetes.authorization.ResourceCheck")


def _object(name: str, /, **fields: Type) -> Type:
    return object_type(f"kubernetes.{name}", {key: Field(key, kind) for key, kind in fields.items()})


@cache
def request_type() -> Type:
    """The type of `request`."""
    kind = _object("GroupVersionKind", group=STRING, version=STRING, kind=STRING)
    resource = _object("GroupVersionResource", group=STRING, version=STRING, resource=STRING)
    extra = map_of(STRING, list_of(STRING))
    user = _object("UserInfo", username=STRING, uid=STRING, groups=list_of(STRING), extra=extra)
    return _object(
        "AdmissionRequest",
        kind=kind,
        resource=resource,
        subResource=STRING,
        requestKind=kind,
        requestResource=resource,
        requestSubResource=STRING,
        name=STRING,
        namespace=STRING,
        operation=STRING,
        userInfo=user,
        dryRun=BOOL,
        options=DYN,
    )


@cache
def environment() -> Environment:
    """What a match condition may use."""
    return Environment(
        {
            "object": DYN,
            "oldObject": DYN,
            "request": request_type(),
            "authorizer": AUTHORIZER,
            "authorizer.requestResource": RESOURCE_CHECK,
        }
    )


@lru_cache(maxsize=1024)
def compiled(expression: str) -> Program:
    """A condition, ready to run. CelError when it is no Boolean expression."""
    return environment().compile(expression, expect=(BOOL,))


def compile_error(expression: str) -> str:
    """What is wrong with a condition, in upstream's words; "" when nothing is."""
    try:
        compiled(expression)
    except CelError as error:
        text = str(error)
        return text if text.startswith("must evaluate") else f"compilation failed: {text}"
    return ""
