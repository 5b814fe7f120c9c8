"""Whom the server is told we act as: flags over the fields of a user entry (as the stock client of 1.35 sends them)."""

import pytest

from pybernetes.kubectl.config.impersonation import escaped, headers
from pybernetes.kubectl.errors import CommandError

ENTRY = {"as": "x", "as-groups": ["g1", "g2"], "as-uid": "u1", "as-user-extra": {"sc/opes": ["b", "a"], "q": ["z"]}}
OF_ENTRY = [
    ("Impersonate-User", "x"),
    ("Impersonate-Group", "g1"),
    ("Impersonate-Group", "g2"),
    ("Impersonate-Uid", "u1"),
    ("Impersonate-Extra-q", "z"),
    ("Impersonate-Extra-sc%2fopes", "b"),
    ("Impersonate-Extra-sc%2fopes", "a"),
]


def given(**flags: object) -> dict[str, object]:
    nothing: dict[str, object] = {"as": "", "as-uid": "", "as-groups": [], "as-user-extra": []}
    return nothing | {name.rstrip("_").replace("_", "-"): value for name, value in flags.items()}


@pytest.mark.parametrize(
    ("entry", "flags", "expected"),
    [
        ({}, {}, []),
        (ENTRY, {}, OF_ENTRY),
        (ENTRY, {"as_": "y"}, [("Impersonate-User", "y"), *OF_ENTRY[1:]]),
        (ENTRY, {"as_groups": ["h"]}, [OF_ENTRY[0], ("Impersonate-Group", "h"), *OF_ENTRY[3:]]),
        (ENTRY, {"as_uid": "v"}, [*OF_ENTRY[:3], ("Impersonate-Uid", "v"), *OF_ENTRY[4:]]),
        (
            {},
            {"as_": "y", "as_user_extra": ["a=b,c", "a=d=e", "none", "b="]},
            [
                ("Impersonate-User", "y"),
                ("Impersonate-Extra-a", "b,c"),
                ("Impersonate-Extra-a", "d=e"),
                ("Impersonate-Extra-b", ""),
            ],
        ),
    ],
)
def test_headers(entry: dict[str, object], flags: dict[str, object], expected: list[tuple[str, str]]) -> None:
    assert headers(entry, given(**flags), "u") == expected


@pytest.mark.parametrize("flags", [{"as_groups": ["g"]}, {"as_uid": "u"}, {"as_user_extra": ["a=b"]}])
@pytest.mark.parametrize("entry", [{}, {"as-groups": ["g"]}, {"as-uid": "u"}])
def test_nobody_to_act_as(entry: dict[str, object], flags: dict[str, object]) -> None:
    with pytest.raises(CommandError, match="requesting uid, groups or user-extra for u without impersonating a user"):
        headers(entry, given(**flags), "u")


def test_keys_are_escaped() -> None:
    assert escaped("a/b_C%é.~") == "a%2fb_C%25%c3%a9.~"
