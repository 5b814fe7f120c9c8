"""CEL expressions that select devices (KEP-4381): the type of `device`, compiling, and the bound on their cost.

    program = compile_selector('device.driver == "gpu.example.com" && device.attributes["gpu.example.com"].cores > 8')

Serves the validation of DeviceClasses, ResourceClaims and their templates.
"""

from .cel import Environment, Program
from .cel.estimate import estimate
from .cel.program import WrongResult
from .cel.types import BOOL, STRING, Field, Type, map_of, object_type

EXPRESSION_LIMIT = 10 * 1024
"""Bytes of an expression."""
COST_LIMIT = 1_000_000
_MOST = 32
"""Attributes and capacities of one device, together and so in each domain."""
_ATTRIBUTE = Type("dyn", limit=64)
_IDENTIFIER = Type("string", limit=32)
_DOMAIN = Type("string", limit=63)


def _by_domain(value: Type) -> Type:
    return map_of(_DOMAIN, map_of(_IDENTIFIER, value, _MOST), _MOST)


DEVICE = object_type(
    "kubernetes.DRADevice",
    {
        "driver": Field("driver", STRING, required=True),
        "attributes": Field("attributes", _by_domain(_ATTRIBUTE), required=True),
        "capacity": Field("capacity", _by_domain(Type("kubernetes.Quantity")), required=True),
        "allowMultipleAllocations": Field("allowMultipleAllocations", BOOL, required=True),
    },
)


def compile_selector(expression: str) -> Program:
    """The program. CompileError."""
    return Environment({"device": DEVICE}, bindings=True).compile(expression, expect=(BOOL,))


def is_too_complex(program: Program) -> bool:
    """Whether it may cost more than selectors are allowed, whatever the device."""
    return estimate(program.tree) > COST_LIMIT


def refusal(error: Exception) -> str:
    """Why an expression did not compile, in upstream's words."""
    if isinstance(error, WrongResult):
        return f"must evaluate to bool or the unknown type, not {error.found}"
    return f"compilation failed: {error}"
