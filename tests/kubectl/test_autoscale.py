"""What `kubectl autoscale --cpu` and `--memory` aim for (as the stock client of 1.35)."""

import pytest

from pybernetes.kubectl.commands.autoscale import target_of
from pybernetes.kubectl.errors import CommandError


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("cpu", "70%", 70),
        ("cpu", "+5%", 5),
        ("memory", "070%", 70),
        ("cpu", "500m", "500m"),
        ("cpu", "80", "80m"),
        ("cpu", "1.5", "1500u"),
        ("cpu", "1e3", "1"),
        ("cpu", "1k", "1k"),
        ("cpu", "-1", "-1m"),
        ("cpu", "0", "0"),
        ("memory", "200Mi", "200Mi"),
        ("memory", "200", "200Mi"),
        ("memory", "1.5", "1536Ki"),
        ("memory", "0.0001", "104857600u"),
        ("memory", "0", "0"),
    ],
)
def test_targets(name: str, text: str, expected: int | str) -> None:
    if isinstance(expected, int):
        assert target_of(name, text) == {"type": "Utilization", "averageUtilization": expected}
    else:
        assert target_of(name, text) == {"type": "AverageValue", "averageValue": expected}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "invalid resource cpu value: x"),
        ("nan", "invalid resource cpu value: nan"),
        ("1.5%", "invalid percentage value: 1.5"),
        ("%", "invalid percentage value: "),
        ("-5%", "invalid percentage value: -5"),
        ("99999999999%", "invalid percentage value: 99999999999"),
    ],
)
def test_mistakes(text: str, message: str) -> None:
    with pytest.raises(CommandError) as caught:
        target_of("cpu", text)
    assert caught.value.message == message
