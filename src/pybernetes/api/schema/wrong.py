"""Values of the wrong type, told as Go's decoder tells them."""

from typing import Any


class WrongValue(Exception):
    """A value does not fit. `path` grows outwards while the error passes through the structs around the value."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def inside(self, struct: str, name: str) -> "WrongValue":
        """The same error seen from the struct that holds the field `name`."""
        return self

    def text(self) -> str:
        return self.message


class WrongType(WrongValue):
    """A JSON value of another type than the field's: names the field, and the struct it is declared in."""

    def __init__(self, found: str, go_type: str) -> None:
        super().__init__(found)
        self.found = found
        self.go_type = go_type
        self.struct = ""
        self.path: list[str] = []

    def inside(self, struct: str, name: str) -> "WrongValue":
        self.struct = self.struct or struct
        self.path.append(name)
        return self

    def text(self) -> str:
        where = f"Go struct field {self.struct}.{'.'.join(reversed(self.path))}" if self.path else "Go value"
        return f"json: cannot unmarshal {self.found} into {where} of type {self.go_type}"


def described(value: Any) -> str:
    """What Go calls a JSON value in its errors."""
    if isinstance(value, str):
        return "string"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return "array" if isinstance(value, list) else "object"


def described_number(value: Any) -> str:
    """As `described`, with the number itself, as Go does where a whole number is wanted."""
    return f"number {value}" if isinstance(value, int | float) and not isinstance(value, bool) else described(value)
