"""Waiting, in end-to-end tests, for what no watch tells: another process's files, exit or answers."""

import time
from collections.abc import Callable
from typing import Any


def until(holds: Callable[[], Any], *, timeout: float = 120.0, show: Callable[[], str] | None = None) -> Any:
    """The first true value of `holds()`; asked ten times a second. AssertionError with `show()` after the time-out."""
    deadline = time.monotonic() + timeout
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < deadline, show() if show else "did not come true in time"
        time.sleep(0.1)
