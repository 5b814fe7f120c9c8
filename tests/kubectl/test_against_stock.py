"""Every line of `cases/*.txt` says the same with the stock kubectl and with ours, to the byte and the exit code."""

from pathlib import Path

import pytest
from tests.kubectl.differential import Pair

CASES = sorted(Path(__file__).with_name("cases").glob("*.txt"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_both_clients_say_the_same(pair: Pair, path: Path) -> None:
    differences = pair.run_case(path.stem.replace("_", "-"), path.read_text())
    assert not differences, "\n\n".join(map(str, differences))
