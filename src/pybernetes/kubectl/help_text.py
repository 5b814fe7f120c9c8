"""Words of the help: what flags mean, longer descriptions, examples. Read only when help is asked for."""

from __future__ import annotations

FLAGS: dict[str, str] = {}
LONG: dict[str, str] = {}
EXAMPLES: dict[str, str] = {}
