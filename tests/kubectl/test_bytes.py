"""What is no text, and text in any locale, passes through as with the stock client."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from pybernetes.kubectl.session import write_bytes

WORDS = [
    "-m",
    "pybernetes",
    "kubectl",
    "create",
    "configmap",
    "x",
    "--from-literal=a=ü⚡",
    "--dry-run=client",
    "-o",
    "yaml",
]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii", "utf-8:strict"])
def test_output_is_utf_8_in_every_locale(encoding: str) -> None:
    done = subprocess.run([sys.executable, *WORDS], capture_output=True, env={"PYTHONIOENCODING": encoding}, check=True)
    assert "  a: ü⚡\n" in done.stdout.decode()


def test_standard_input_that_is_no_utf_8_is_read_as_a_file_is(tmp_path: Path) -> None:
    manifest = b'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: "\xff\xfe"}\n'
    path = tmp_path / "x.yaml"
    path.write_bytes(manifest)
    words = [sys.executable, "-m", "pybernetes", "kubectl", "label", "--local", "a=b", "-o", "json", "-f"]
    for encoding in ("utf-8", "ascii"):
        environment = {"PYTHONIOENCODING": encoding}
        given = subprocess.run([*words, "-"], input=manifest, capture_output=True, env=environment, check=True)
        read = subprocess.run([*words, str(path)], capture_output=True, env=environment, check=True)
        assert given.stdout == read.stdout
        assert "\ufffd\ufffd" in given.stdout.decode()


def test_bytes_keep_their_place_between_text() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="utf-8", write_through=False)
    stream.write("before ")
    for part in ("⚡".encode()[:2], "⚡".encode()[2:], b"\x00\xff"):
        write_bytes(stream, part)
    stream.write(" after")
    stream.flush()
    assert raw.getvalue() == "before ⚡".encode() + b"\x00\xff after"
