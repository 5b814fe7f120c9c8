"""Keys that end a session and leave the container running."""

import os
import pty
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.kubectl.test_spdy_fallback import Server, start
from tests.kubectl.test_spdy_fallback import server as server

from pybernetes.kubectl.detaching import DetachKeys, keys_of
from pybernetes.kubectl.errors import CommandError


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("ctrl-p,ctrl-q", b"\x10\x11"),
        ("", b""),
        ("a", b"a"),
        ("ctrl-A,x", b"\x01x"),
        ("ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_", b"\x00\x1b\x1c\x1d\x1e\x1f"),
    ],
)
def test_sequences(text: str, keys: bytes) -> None:
    assert keys_of(text) == keys


@pytest.mark.parametrize("text", ["ctrl-", "ctrl-1", "ab", "ctrl-p,nope", "é"])
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(CommandError, match="Unknown character"):
        keys_of(text)


def test_the_sequence_may_come_in_pieces() -> None:
    keys = DetachKeys(b"\x10\x11")
    assert [keys.passed(data) for data in (b"ls\r\x10", b"a\x10", b"\x10", b"\x11left")] == [
        b"ls\r",
        b"\x10a",
        b"\x10",
        b"",
    ]
    assert keys.seen


@given(st.lists(st.binary(max_size=5).map(lambda data: bytes(byte % 4 for byte in data)), max_size=12))
def test_all_but_the_sequence_is_sent(pieces: list[bytes]) -> None:
    keys = DetachKeys(b"\x01\x01\x02")
    sent = b"".join(map(keys.passed, pieces))
    whole = b"".join(pieces)
    assert keys.seen == (b"\x01\x01\x02" in whole)
    if keys.seen:
        assert sent == whole[: whole.index(b"\x01\x01\x02")]
    else:
        assert whole.startswith(sent)
        assert b"\x01\x01\x02".startswith(whole[len(sent) :])


@pytest.mark.parametrize(("words", "typed"), [((), b"\x10\x11"), (("--detach-keys=ctrl-x,y",), b"\x18y")])
async def test_attach_ends_and_nothing_is_sent(
    server: Server, tmp_path: Path, words: tuple[str, ...], typed: bytes
) -> None:
    ours, theirs = pty.openpty()
    try:
        process = await start(tmp_path, "attach", "-it", "-q", "web", *words, stdin=theirs)
        await process.stdout.readuntil(b"}")
        os.write(ours, typed)
        output, errors = await process.communicate()
        assert (output, errors, process.returncode) == (b"", b"", 0)
    finally:
        os.close(ours)
        os.close(theirs)
