"""`kubectl config`: each line of `kubeconfig_cases/*.txt` as the stock client: what is said, what is in the files."""

from pathlib import Path

import pytest
from tests.kubectl.in_homes import Homes, lines_of
from tests.support.kubectl import installed

CASES = sorted(Path(__file__).with_name("kubeconfig_cases").glob("*.txt"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_both_clients_say_and_write_the_same(tmp_path: Path, path: Path) -> None:
    stock = installed()
    if not stock:
        pytest.skip("no stock kubectl here to compare with")
    differences = Homes(list(stock.values())[-1], tmp_path).differences(list(lines_of(path.read_text())))
    assert not differences, "\n\n".join(differences)
