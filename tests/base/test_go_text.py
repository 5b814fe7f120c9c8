"""Values as Go prints them."""

from typing import Any

import pytest

from pybernetes.base.go_text import duration_text, go_text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (60.0, "1m0s"), (5400.0, "1h30m0s"), (1.5, "1.5s"), (30.0, "30s")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (7, "7"),
        (40.0, "40s"),
        (("*", "-ttl"), "[*,-ttl]"),
        ({"b": False, "a": True}, "a=true,b=false"),
        ("/etc/x", "/etc/x"),
    ],
)
def test_values(value: Any, text: str) -> None:
    assert go_text(value) == text
