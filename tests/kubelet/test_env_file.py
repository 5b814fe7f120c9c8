"""Environment files, and variables that come from them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.kubelet.env_file import EnvFileError, variables


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("# nothing\n\n  \n", {}),
        ("A='1'\nB='two words'\n", {"A": "1", "B": "two words"}),
        ("  A='1' # why\nA='2'", {"A": "1"}),
        ("A='line one\nline two'\nB='$A \\n # kept'", {"A": "line one\nline two", "B": "$A \\n # kept"}),
        ("A=\nB= 'ignored'\nC=''", {"A": "", "B": "", "C": ""}),
    ],
)
def test_what_a_file_says(text: str, found: dict[str, str]) -> None:
    assert variables(text) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A='1'\nno equals", "line 2: missing '='"),
        ("='1'", "line 1: empty variable name"),
        ("A ='1'", "line 1: whitespace before '='"),
        ("A=1", "line 1: value must be enclosed in single quotes"),
        ("A='1", "line 1: unclosed single quote"),
        ("A='1\n2'x", "line 2: unexpected content after the closing quote"),
        ("A='1\n2'\nB", "line 3: missing '='"),
    ],
)
def test_what_is_no_environment_file(text: str, message: str) -> None:
    with pytest.raises(EnvFileError, match=f"invalid environment variable format at {message}"):
        variables(text)


@given(st.dictionaries(st.from_regex(r"[A-Z_]{1,8}", fullmatch=True), st.text('ab #=\\\n"$')))
def test_what_was_written_is_read(wanted: dict[str, str]) -> None:
    assert variables("".join(f"{name}='{value}'\n" for name, value in wanted.items())) == wanted
