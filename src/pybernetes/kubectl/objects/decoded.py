"""Whether the values of an object have the types of its kind, as a client with types finds out."""

from __future__ import annotations

from copy import deepcopy

from pybernetes.api.schema.decoding import struct_decoder
from pybernetes.api.schema.wrong import WrongValue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def wrong_value(type_name: str, obj: dict[str, Any]) -> str:
    """What Go's decoder says of the first value that does not fit; "" when all do. The object stays as it is."""
    try:
        struct_decoder(type_name)(deepcopy(obj), [])
    except WrongValue as error:
        return error.text()
    return ""
