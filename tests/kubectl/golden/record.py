"""Writes into the transcripts what the stock kubectl answers: `python -m tests.kubectl.golden.record [TOPIC ...]`.

All are of v1.33 but `later`, which has what v1.36 says where ours follows that one (STOCK_KUBECTL=PATH names it), and
`by_hand`, which no client says.
"""

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.kubectl.differential import Outcome
from tests.kubectl.golden.server import TOPICS, Times, golden_server
from tests.kubectl.golden.transcript import Entry, read, shown, stock, written
from tests.support.kubectl import installed

RECORDED = [path for path in sorted(TOPICS.glob("*.txt")) if path.stem != "by_hand"]
_PARALLEL = 3


def version_of_recording(path: Path) -> str:
    return "1.36" if path.stem == "later" else "1.33"


def answers(entries: list[Entry], binary: str, home: Path, kubeconfig: Path, times: Times) -> list[list[str]]:
    """What the stock client says to each line, as lines of a transcript; a few processes side by side."""

    def answer(entry: Entry) -> Outcome:
        return stock(binary, entry.line, home, kubeconfig)

    with ThreadPoolExecutor(_PARALLEL) as pool:
        return [[times.recorded(line) for line in shown(one)] for one in pool.map(answer, entries)]


def main(topics: list[str]) -> None:
    with golden_server() as (kubeconfig, times), tempfile.TemporaryDirectory() as home:
        for path in RECORDED:
            client = installed().get(version_of_recording(path))
            if (topics and path.stem not in topics) or not client:
                continue
            entries = read(path)
            said = answers(entries, client, Path(home), kubeconfig, times)
            for entry, text in zip(entries, said, strict=True):
                entry.text = text
            path.write_text(written(entries))
            print(f"{path.stem}: {len(entries)} lines")


if __name__ == "__main__":
    main(sys.argv[1:])
