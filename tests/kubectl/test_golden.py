"""Describers and printers against recorded answers of the stock kubectl 1.33 (or 1.36), to the byte, with every blank.

The recordings are `golden/topics/*.txt`; `python -m tests.kubectl.golden.record` writes them anew.
"""

import os
import time
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path

import pytest
from tests.kubectl.golden.record import RECORDED, answers, version_of_recording
from tests.kubectl.golden.server import TOPICS, Times, golden_server
from tests.kubectl.golden.transcript import ours, read, shown, written
from tests.support.kubectl import installed

TRANSCRIPTS = sorted(TOPICS.glob("*.txt"))
Served = tuple[Path, Times]


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "TZ", "UTC")
        time.tzset()
        with golden_server() as found:
            yield found
    time.tzset()


def differences(path: Path, texts: list[list[str]], of: str) -> str:
    """What is said otherwise than recorded, line by line of the transcript."""
    entries = read(path)
    recorded = written(entries).splitlines()
    for entry, text in zip(entries, texts, strict=True):
        entry.text = text
    return "\n".join(unified_diff(recorded, written(entries).splitlines(), "recorded", of, lineterm=""))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_ours_says_what_is_recorded(served: Served, path: Path, tmp_path: Path) -> None:
    kubeconfig, times = served
    texts = [[times.recorded(line) for line in shown(ours(one.line, tmp_path, kubeconfig))] for one in read(path)]
    assert not (found := differences(path, texts, "ours")), found


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_the_recording_is_what_stock_says(served: Served, path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    kubeconfig, times = served
    client = installed().get(version_of_recording(path))
    if client is None:
        pytest.skip("no stock kubectl of that version")
    home = tmp_path_factory.getbasetemp() / "stock-home"
    home.mkdir(exist_ok=True)
    texts = answers(read(path), client, home, kubeconfig, times)
    assert not (found := differences(path, texts, "stock")), found
