"""Archives of `cp` are those that tarfile reads and writes, in pieces of any size."""

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.kubectl.commands.cp_archive import members, write
from pybernetes.kubectl.errors import CommandError

NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=120
)
FORMATS = st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])


def archive(files: dict[str, bytes], form: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as found:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            found.addfile(info, io.BytesIO(data))
    return out.getvalue()


def read(data: bytes, piece: int) -> dict[str, bytes]:
    source = io.BytesIO(data)
    return {one.name: b"".join(one.content()) for one in members(lambda size: source.read(min(size, piece)))}


@given(st.dictionaries(NAMES, st.binary(max_size=2000), max_size=4), FORMATS, st.integers(1, 3000))
def test_every_member_comes_whole(files: dict[str, bytes], form: int, piece: int) -> None:
    try:
        data = archive(files, form)
    except ValueError:
        return  # a name that this format has no room for
    assert read(data, piece) == files


@given(st.integers(0, 4095))
def test_an_archive_that_is_cut_is_not_taken_for_whole(end: int) -> None:
    data = archive({"a": b"x" * 600, "b": b"y" * 600}, tarfile.GNU_FORMAT)
    assert len(data) >= 4096
    between = {0: 0, 1536: 1, 3072: 2, 3584: 2}
    if end in between:
        assert len(read(data[:end], 700)) == between[end]
        return
    with pytest.raises(CommandError, match=r"^unexpected EOF$"):
        read(data[:end], 700)


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "dir" / "empty").mkdir(parents=True)
    (tmp_path / "dir" / ("n" * 120)).write_bytes(b"z" * 100_000)
    (tmp_path / "dir" / "link").symlink_to("nowhere")
    parts: list[bytes] = []
    write(str(tmp_path / "dir"), "/somewhere/else", parts.append)
    with tarfile.open(fileobj=io.BytesIO(b"".join(parts))) as found:
        assert {one.name: one.type for one in found} == {
            "else/empty": tarfile.DIRTYPE,
            "else/" + "n" * 120: tarfile.REGTYPE,
            "else/link": tarfile.SYMTYPE,
        }
        content = found.extractfile("else/" + "n" * 120)
        assert content is not None
        assert content.read() == b"z" * 100_000
