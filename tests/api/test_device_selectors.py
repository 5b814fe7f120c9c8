"""Selectors of devices: what compiles, what it gives, and what is refused in upstream's words."""

from typing import Any

import pytest

from pybernetes.api.device_selectors import compile_selector, is_too_complex
from pybernetes.api.quantity import parse
from pybernetes.api.validation.device_claims import selectors

DEVICE: dict[str, Any] = {
    "driver": "gpu.example.com",
    "attributes": {"gpu.example.com": {"cores": 16, "family": "x1", "ecc": True}},
    "capacity": {"gpu.example.com": {"memory": parse("8Gi")}},
    "allowMultipleAllocations": False,
}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ('device.driver == "gpu.example.com"', True),
        ('device.attributes["gpu.example.com"].cores > 16', False),
        ('device.attributes["gpu.example.com"].family.startsWith("x")', True),
        ('"family" in device.attributes["gpu.example.com"]', True),
        ('device.capacity["gpu.example.com"].memory.compareTo(quantity("4Gi")) >= 0', True),
        ("!device.allowMultipleAllocations", True),
        ('cel.bind(dra, device.attributes["gpu.example.com"], dra.ecc && dra.cores == 16)', True),
        ('cel.bind(a, 1, cel.bind(b, a + 1, a + b == 3))', True),
    ],
)  # fmt: skip
def test_value(expression: str, value: bool) -> None:
    program = compile_selector(expression)
    assert program.evaluate({"device": DEVICE}) is value
    assert not is_too_complex(program)


@pytest.mark.parametrize(
    ("expression", "kind", "words"),
    [
        (
            "device.driver",
            "FieldValueInvalid",
            'Invalid value: "device.driver": must evaluate to bool or the unknown type, not string',
        ),
        (
            "device.nothing == 1",
            "FieldValueInvalid",
            "compilation failed: ERROR: <input>:1:7: undefined field 'nothing'",
        ),
        ("device.driver ==", "FieldValueInvalid", "compilation failed: ERROR: <input>:1:17: Syntax error"),
        ("cel.bind(1, 2, true)", "FieldValueInvalid", "cel.bind() variable names must be simple identifiers"),
        (
            "device.attributes.all(a, device.attributes.all(b, device.attributes.all(c, device.attributes.all(d, "
            "a + b + c == d))))",
            "FieldValueForbidden",
            "Forbidden: too complex, exceeds cost limit",
        ),
        ("true || " * 1300 + "false", "FieldValueTooLong", "Too long: may not be more than 10240 bytes"),
    ],
)
def test_refused(expression: str, kind: str, words: str) -> None:
    (error,) = selectors([{"cel": {"expression": "true"}}, {"cel": {"expression": expression}}], "spec.selectors")
    assert (error.type, error.field) == (kind, "spec.selectors[1].cel.expression")
    assert words in error.message
