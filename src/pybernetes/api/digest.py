"""Values told apart without being kept: the key under which a memory holds what was found out about one.

Memories of the API server outlive the objects they are about, so they must not hold texts, which may be secrets. A
digest of the JSON of a container takes 2 us, a quarter of what it takes to walk through it.
"""

from hashlib import sha256
from typing import Any

import orjson


def digest(value: Any) -> bytes | None:
    """Equal only for values of equal JSON; None for what has none (too deep, a number beyond 64 bits)."""
    try:
        return sha256(orjson.dumps(value)).digest()
    except orjson.JSONEncodeError:
        return None
