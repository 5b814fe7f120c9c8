"""Names: which are good, and upstream's messages for the others."""

from collections.abc import Callable

import pytest

from pybernetes.api import names

GOOD: list[tuple[Callable[[str], list[str]], str]] = [
    (names.dns1123_label, "a"),
    (names.dns1123_label, "1-a"),
    (names.dns1123_subdomain, "a.b-c.d"),
    (names.dns1035_label, "a1"),
    (names.wildcard_subdomain, "*.example.com"),
    (names.fully_qualified_domain, "example.com."),
    (names.qualified_name, "example.com/My_Name.x"),
    (names.qualified_name, "x"),
    (names.label_value, ""),
    (names.label_value, "A.b_c-d"),
    (names.c_identifier, "_a1"),
    (names.environment_name, "MY-VAR.x"),
    (names.relaxed_environment_name, "1 odd: name"),
    (names.config_key, "key.name"),
    (names.header_name, "X-Header"),
    (names.percent, "25%"),
    (names.port_name, "http-2"),
    (names.path_segment, "system:node:x"),
]


@pytest.mark.parametrize(("check", "value"), GOOD, ids=lambda part: getattr(part, "__name__", part))
def test_good_names(check: Callable[[str], list[str]], value: str) -> None:
    assert check(value) == []


BAD: list[tuple[Callable[[str], list[str]], str, list[str]]] = [
    (names.dns1123_label, "a.b", ["must not contain dots"]),
    (names.dns1123_label, "a" * 64, ["must be no more than 63 bytes"]),
    (
        names.dns1123_label,
        "A",
        [
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start "
            "and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
            "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
        ],
    ),
    (
        names.dns1123_subdomain,
        "a..b",
        [
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
            "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
            r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
        ],
    ),
    (names.qualified_name, "/x", ["prefix part must be non-empty"]),
    (names.fully_qualified_domain, "local", ["should be a domain with at least two segments separated by dots"]),
    (names.config_key, "..data", ["must not start with '..'"]),
    (names.environment_name, "..", ["must not be '..'"]),
    (names.port_name, "1234", ["must contain at least one letter (a-z)"]),
    (names.port_name, "a--b", ["must not contain consecutive hyphens"]),
    (names.port_name, "-a", ["must not begin or end with a hyphen"]),
    (names.path_segment, "..", ["may not be '..'"]),
    (names.path_segment, "a/b%", ["may not contain '/'", "may not contain '%'"]),
]


@pytest.mark.parametrize(("check", "value", "messages"), BAD)
def test_bad_names(check: Callable[[str], list[str]], value: str, messages: list[str]) -> None:
    assert check(value) == messages


def test_an_empty_key_is_told_twice() -> None:
    first, second = names.qualified_name("")
    assert first == "name part must be non-empty"
    assert second.startswith("name part must consist of alphanumeric characters")


def test_ports() -> None:
    assert names.port_number(443) == []
    assert names.port_number(0) == ["must be between 1 and 65535, inclusive"]


def test_generated_names_are_cut_to_fit() -> None:
    generated = names.generated_name("x" * 70)
    assert len(generated) == 63
    assert generated.startswith("x" * 58)
    assert names.dns1123_label(names.generated_name("web-")) == []


def test_a_trailing_dash_of_a_prefix_is_no_error() -> None:
    assert names.dns1123_label(names.without_trailing_dash("web-")) == []
