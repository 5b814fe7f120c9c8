"""Selectors: what they match, how they are written again, and upstream's words for broken ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.api.meta import LabelSelector, LabelSelectorRequirement
from pybernetes.api.selectors import (
    EQUALS,
    NOTHING,
    escape_field_value,
    from_label_selector,
    from_labels,
    parse_fields,
    parse_labels,
    requirement,
)
from pybernetes.api.status import StatusError

WEB = {"app": "web", "tier": "front", "generation": "7"}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("app=web", True),
        ("app==web,tier=front", True),
        ("app=db", False),
        ("app!=db", True),
        ("missing!=x", True),
        ("app in (web,db)", True),
        ("app in (db)", False),
        ("app notin (db)", True),
        ("missing notin (db)", True),
        ("app", True),
        ("!app", False),
        ("!missing", True),
        ("generation>6", True),
        ("generation<7", False),
        ("app>6", False),
        ("missing in (,a)", False),
        ("app=", False),
    ],
)
def test_label_selector_matches(text: str, matches: bool) -> None:
    assert parse_labels(text).matches(WEB) is matches


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("=", "found '=', expected: !, identifier, or 'end of string'"),
        ("a in x", "unable to parse requirement: found 'x' expected: '('"),
        ("a in (x", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("a=b,", "found '', expected: identifier after ','"),
        ("!", "unable to parse requirement: found '', expected: identifier"),
        ("a==b c", "found 'c', expected: ',' or 'end of string'"),
    ],
)
def test_broken_label_selectors(text: str, message: str) -> None:
    with pytest.raises(StatusError) as caught:
        parse_labels(text)
    assert (caught.value.code, caught.value.message) == (400, message)


def test_a_bad_key_or_value_is_named() -> None:
    with pytest.raises(
        StatusError, match=r'unable to parse requirement: <nil>: Invalid value: "a/b/c": a qualified name'
    ):
        parse_labels("a/b/c=d")
    with pytest.raises(StatusError, match=r'unable to parse requirement: values\[0\]\[a\]: Invalid value: "-x"'):
        parse_labels("a=-x")


def test_selectors_are_written_in_order_of_their_keys() -> None:
    text = "h!=3,a=b, c in (x,y ,),!d,e,f notin(q),g>5"
    assert str(parse_labels(text)) == "a=b,c in (,x,y),!d,e,f notin (q),g>5,h!=3"
    assert parse_labels(text) == parse_labels(str(parse_labels(text)))


def test_the_words_in_and_notin_may_be_keys_and_values() -> None:
    assert parse_labels("in in (in,notin)").matches({"in": "notin"})


def test_label_selector_objects() -> None:
    selector = LabelSelector(
        match_labels={"app": "web"},
        match_expressions=[LabelSelectorRequirement(key="tier", operator="In", values=["front"])],
    )
    assert from_label_selector(selector).matches(WEB)
    wire = {"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}
    assert not from_label_selector(wire).matches(WEB)
    assert from_label_selector({}).matches({})
    assert from_label_selector(None) is NOTHING
    assert not NOTHING.matches({})
    with pytest.raises(StatusError, match='"Sometimes" is not a valid label selector operator'):
        from_label_selector({"matchExpressions": [{"key": "a", "operator": "Sometimes"}]})


def test_a_fixed_value_can_be_asked_for() -> None:
    assert parse_labels("app=web").required_value("app") == "web"
    assert parse_labels("app in (a,b)").required_value("app") is None
    assert parse_fields("spec.nodeName=n1").required_value("spec.nodeName") == "n1"


names = st.from_regex(r"[a-z]([a-z0-9]{0,6}[a-z0-9])?", fullmatch=True)
values = st.from_regex(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,6}[A-Za-z0-9])?)?", fullmatch=True)


@given(st.dictionaries(names, values, max_size=4), st.dictionaries(names, values, max_size=6))
def test_a_map_selects_what_contains_it(wanted: dict[str, str], labels: dict[str, str]) -> None:
    selector = from_labels(wanted)
    assert selector.matches({**labels, **wanted})
    assert selector.matches(labels) == (wanted.items() <= labels.items())
    assert parse_labels(str(selector)) == selector


@given(names, values, st.dictionaries(names, values, max_size=3))
def test_not_equal_is_the_opposite_of_equal(key: str, value: str, labels: dict[str, str]) -> None:
    equal = requirement(key, EQUALS, [value])
    assert parse_labels(f"{key}!={value}").matches(labels) is not equal.matches(labels)


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("metadata.name=web", True),
        ("metadata.name==web", True),
        ("metadata.name!=web", False),
        ("spec.nodeName=", True),
        ("metadata.name=web,status.phase!=Failed", True),
    ],
)
def test_field_selector_matches(text: str, matches: bool) -> None:
    assert parse_fields(text).matches({"metadata.name": "web", "status.phase": "Running"}) is matches


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "invalid selector: 'a'; can't understand 'a'"),
        ("a=b=c", "invalid field selector: unescaped character in value: 61"),
        ("a=\\x", "invalid field selector: invalid escape sequence: \\x"),
    ],
)
def test_broken_field_selectors(text: str, message: str) -> None:
    with pytest.raises(StatusError) as caught:
        parse_fields(text)
    assert caught.value.message == message


@given(st.text(max_size=12))
def test_escaped_field_values_are_read_back(value: str) -> None:
    selector = parse_fields(f"a={escape_field_value(value)}")
    assert selector.matches({"a": value})
    assert parse_fields(str(selector)) == selector
