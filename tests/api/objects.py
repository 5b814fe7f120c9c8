"""Random wire objects of any type of the table, for property tests."""

from base64 import b64encode
from random import Random
from typing import Any

from pybernetes.api.resource import ResourceInfo, resources
from pybernetes.api.schema.table import LIST, MAP, UNIONS, element, fields, is_struct

ENABLED: list[ResourceInfo] = [info for info in resources().values() if info.enabled]


def random_value(type_name: str, random: Random, depth: int) -> Any:
    """A value of a type; zeros and empty values are as likely as others. Depth bounds the nesting."""
    if type_name.startswith(LIST):
        count = random.choice((0, 1, 2)) if depth > 0 else 0
        return [random_value(element(type_name), random, depth - 1) for _ in range(count)]
    if type_name.startswith(MAP):
        count = random.choice((0, 1, 2)) if depth > 0 else 0
        return {f"key-{at}": random_value(element(type_name), random, depth - 1) for at in range(count)}
    if is_struct(type_name):
        return random_struct(type_name, random, depth)
    if type_name in UNIONS:
        return {"type": "string"}
    match type_name:
        case "string":
            return random.choice(("", "a", 'text with \u00e4 and "quotes"'))
        case "bool":
            return random.choice((True, False))
        case "int32":
            return random.choice((0, 1, -1, 2**31 - 1))
        case "int64":
            return random.choice((0, 1, -1, 2**63 - 1))
        case "double":
            return random.choice((0, 0.5))
        case "Quantity":
            return random.choice(("0", "1500m", "1000m", "1.5Gi", 3))
        case "Time":
            return random.choice(("2026-11-23T22:52:01Z", "2026-11-23T22:52:01.5+02:00"))
        case "MicroTime":
            return random.choice(("2026-11-23T22:52:01.000000Z", "2026-11-23T22:52:01.25Z"))
        case "Duration":
            return random.choice(("0s", "90s"))
        case "bytes":
            return b64encode(random.randbytes(random.choice((0, 3, 4)))).decode()
        case "IntOrString":
            return random.choice((0, 80, "http", "25%"))
        case "RawExtension" | "FieldsV1":
            return {"any": {"thing": [1, None]}}
        case _:
            return random.choice(("x", 1, True, [1], {"a": 1}))


def random_struct(type_name: str, random: Random, depth: int) -> dict[str, Any]:
    chance = 0.6 if depth > 2 else 0.25
    return {
        field.name: None if random.random() < 0.1 else random_value(field.type, random, depth - 1)
        for field in fields(type_name).values()
        if depth > 0 and random.random() < chance
    }
