"""The language: values, errors and their words, case by case."""

from typing import Any

import pytest

from pybernetes.api.cel import CompileError, Environment
from pybernetes.api.cel.types import DYN, INT, STRING, list_of, map_of
from pybernetes.api.cel.values import NONE, Duration, Timestamp, UInt

ENVIRONMENT = Environment(
    {"self": DYN, "x": INT, "s": STRING, "l": list_of(STRING), "m": map_of(STRING, INT), "d": DYN}
)
VARIABLES: dict[str, Any] = {
    "self": {"spec": {"replicas": 3, "name": "abc", "list": [1, 2, 3], "on": True}},
    "x": 5,
    "s": "hello",
    "l": ["a", "b"],
    "m": {"a": 1},
    "d": 1,
}

VALUES = [
    ("self.spec.replicas + 1 == 4", True),
    ("has(self.spec.foo) || self.spec.replicas > 2", True),
    ("self.spec.foo == 1 || true", True),
    ("true || self.spec.foo == 1", True),
    ("self.spec.foo == 1 && false", False),
    ("false && self.spec.foo == 1", False),
    ("self.spec.list.all(i, i > 0)", True),
    ("[1, 0, 2].exists(i, 4 / i == 2)", True),
    ("[1, 0, 2].all(i, 4 / i > 2)", False),
    ("self.spec.list.map(i, i * 2)", [2, 4, 6]),
    ("self.spec.list.map(i, i > 1, i * 2)", [4, 6]),
    ("self.spec.list.exists_one(i, i == 2)", True),
    ("[1, 1].existsOne(i, i == 1)", False),
    ("l.filter(e, e != 'a')", ["b"]),
    ("m.all(k, k.startsWith('a'))", True),
    ("m.all(k, v, v == 1 && k == 'a')", True),
    ("l.exists(i, v, i == 1 && v == 'b')", True),
    ("l.transformList(i, v, string(i) + v)", ["0a", "1b"]),
    ("m.transformMap(k, v, v + 1)", {"a": 2}),
    ("m.transformMap(k, v, v > 1, v)", {}),
    ("l.transformMapEntry(i, v, {v: i})", {"a": 0, "b": 1}),
    ("x > 3 ? 'big' : 'small'", "big"),
    ("l[0] + l[1]", "ab"),
    ("self.?spec.?foo.orValue(7)", 7),
    ("self.?spec.?name.orValue('z')", "abc"),
    ("self[?'spec'].hasValue()", True),
    ("optional.of(1).optMap(v, v + 1).value()", 2),
    ("optional.none().optMap(v, v + 1)", NONE),
    ("optional.none().or(optional.of(3)).value()", 3),
    ("optional.ofNonZeroValue('')", NONE),
    ("[?optional.of(1), 2, ?optional.none()]", [1, 2]),
    ("{?'a': optional.none(), 'b': 1}", {"b": 1}),
    ("duration('1h') + timestamp('2020-01-01T00:00:00Z') == timestamp('2020-01-01T01:00:00Z')", True),
    ("timestamp('2020-03-01T00:00:00Z') - timestamp('2020-02-28T00:00:00Z') == duration('48h')", True),
    ("timestamp('2020-01-01T10:20:30.5Z').getMilliseconds()", 500),
    ("timestamp('2020-01-01T23:00:00Z').getHours('+02:00')", 1),
    ("duration('90m').getHours()", 1),
    ("string(duration('90m'))", "5400s"),
    ("-7 / 2", -3),
    ("-7 % 3", -1),
    ("7u / 2u", UInt(3)),
    ("1.0 / 0.0 > 1e300", True),
    ("type(x) == int && type(l) == list && type(null) == null_type", True),
    ("x < 5.5 && 6u > x", True),
    ("d == 1.0", True),
    ("d == 1u", True),
    ("d == true", False),
    ("d == '1'", False),
    ("{'a': [dyn(1), {'b': null}]} == {'a': [dyn(1), {'b': null}]}", True),
    ("x in [1, 5]", True),
    ("'a' in m && !('b' in m)", True),
    ("-9223372036854775808", -(2**63)),
    ("0xFF + 1", 256),
    (r"'a\n\x41\u00e9\'' + r'\d'", "a\nAé'\\d"),
    ("'''a'b''' + \"\"\"c\"d\"\"\"", "a'bc\"d"),
    (r"b'\xff\101a'", b"\xffAa"),
    ("size('héé')", 3),
    ("bytes('é').size()", 2),
    ("string(b'ab') + string(1.5) + string(true) + string(2u)", "ab1.5true2"),
    ("int('12') + int(2.9) + int(3u)", 17),
    ("double('1e3')", 1000.0),
    ("bool('True')", True),
    ("s.matches('^h.*o$')", True),
    ("s.find('l+') + s.findAll('l').join('-')", "lll-l"),
    ("'a,b,c'.split(',', 2)", ["a", "b,c"]),
    ("'Abc'.lowerAscii() + 'Abc'.upperAscii() + ' x '.trim()", "abcABCx"),
    ("'abcabc'.replace('b', 'X', 1)", "aXcabc"),
    ("'hello'.substring(1, 3) + 'hello'.charAt(4)", "elo"),
    ("'hello'.indexOf('l') + 'hello'.lastIndexOf('l')", 5),
    ("'%s is %d, %.2f, %x, %b, %e'.format([dyn('a'), 5, 1.5, 255, 5, 1234.5])", "a is 5, 1.50, ff, 101, 1.234500e+03"),
    ("'%s'.format([{'b': dyn([1, 2]), 'a': null}])", "{a: null, b: [1, 2]}"),
    ("[3, 1, 2].isSorted()", False),
    ("[1, 2, 3].sum() + [1, 5, 2].max() + [4, 3].min()", 14),
    ("['b', 'a'].indexOf('a')", 1),
    ("sets.contains([1, 2], [2]) && sets.equivalent([1, 2, 2], [2, 1]) && !sets.intersects([1], [2])", True),
    ("quantity('1Gi').isGreaterThan(quantity('500Mi'))", True),
    ("quantity('1k').add(24).asInteger()", 1024),
    ("quantity('50k').compareTo(quantity('50000'))", 0),
    ("isQuantity('1.3Giga')", False),
    ("ip('10.0.0.1').family() + ip('::1').family()", 10),
    ("ip('127.0.0.1').isLoopback() && !isIP('1.2.3') && ip.isCanonical('::1') && !ip.isCanonical('0::1')", True),
    ("cidr('10.0.0.0/8').containsIP('10.1.2.3') && cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16')", True),
    ("string(cidr('192.168.1.5/24').masked())", "192.168.1.0/24"),
    ("cidr('10.0.0.0/8').prefixLength()", 8),
    ("url('https://a.b:80/x%20y?k=1&k=2').getHostname()", "a.b"),
    ("url('https://a.b:80/x?k=1&k=2').getQuery()['k']", ["1", "2"]),
    ("url('https://a.b:80/x').getPort() + url('/p').getEscapedPath()", "80/p"),
    ("isURL('::no')", False),
    ("semver('1.2.3').isLessThan(semver('1.10.0')) && semver('v1.2', true).minor() == 2", True),
    ("semver('1.0.0-alpha.2').compareTo(semver('1.0.0-alpha.10'))", -1),
    ("format.dns1123Label().validate('ok').hasValue()", False),
    ("format.named('dns1123Label').value().validate('A_b').hasValue()", True),
    ("image('registry.example.com:5000/team/app:v1').registry()", "registry.example.com:5000"),
    ("image('nginx').repository() + ':' + image('nginx').tag()", "library/nginx:latest"),
]


@pytest.mark.parametrize(("source", "expected"), VALUES, ids=[source for source, _ in VALUES])
def test_value(source: str, expected: Any) -> None:
    found = ENVIRONMENT.compile(source).evaluate(VARIABLES)
    assert found == expected
    assert type(found) is type(expected)


ERRORS = [
    ("self.spec.foo == 1", "no such key: foo"),
    ("l[5]", "index out of bounds: 5"),
    ("9223372036854775807 + x", "integer overflow"),
    ("-(-9223372036854775808 + x - 5)", "integer overflow"),
    ("1u - 2u", "unsigned integer overflow"),
    ("x / 0", "division by zero"),
    ("x % 0", "modulus by zero"),
    ("self.spec.name + 1 == d", "no such overload"),
    ("self.spec.name && true", "no such overload"),
    ("d.foo", "no such overload"),
    ("!d", "no such overload"),
    ("int('x')", "type conversion error from 'string' to 'int'"),
    ("optional.none().value()", "optional.none() dereference"),
    ("[].map(i, i).max()", "max called on empty list"),
    ("quantity('x')", "quantities must match the regular expression"),
    ("'abc'.substring(2, 1)", "invalid substring range. start: 2, end: 1"),
    ("d.all(i, true)", "got 'int', expected iterable type"),
    ("[0, 1].all(i, 1 / i > 0)", "division by zero"),
]


@pytest.mark.parametrize(("source", "words"), ERRORS, ids=[source for source, _ in ERRORS])
def test_evaluation_error(source: str, words: str) -> None:
    value, error, _ = ENVIRONMENT.compile(source).run(VARIABLES, 10**6)
    assert value is None
    assert str(error).startswith(words)


COMPILE_ERRORS = [
    ("x.foo", "ERROR: <input>:1:2: type 'int' does not support field selection\n | x.foo\n | .^"),
    ("nope", "ERROR: <input>:1:1: undeclared reference to 'nope' (in container '')\n | nope\n | ^"),
    (
        "s + 1",
        "ERROR: <input>:1:3: found no matching overload for '_+_' applied to '(string, int)'\n | s + 1\n | ..^",
    ),
    ("s.contains(1)", "found no matching overload for 'contains' applied to 'string.(int)'"),
    ("nope(1)", "undeclared reference to 'nope' (in container '')"),
    ("1 == 1.0", "found no matching overload for '_==_' applied to '(int, double)'"),
    ("[1, 'a']", "expected type 'int' but found 'string'"),
    ("s.matches('(')", "invalid matches argument"),
    ("duration('x')", "invalid duration argument"),
    ("x.all(e, true)", "expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)"),
    ("l.all(1, true)", "argument must be a simple name"),
    ("has(x)", "invalid argument to has() macro"),
    ("x +", "Syntax error: mismatched input '<EOF>' expecting"),
    ("x y", "Syntax error: extraneous input 'y' expecting <EOF>"),
    ("package", "reserved identifier: package"),
    ("'abc", "Syntax error: token recognition error at: ''abc'"),
    ("9223372036854775808", "invalid int literal"),
]


@pytest.mark.parametrize(("source", "words"), COMPILE_ERRORS, ids=[source for source, _ in COMPILE_ERRORS])
def test_compile_error(source: str, words: str) -> None:
    with pytest.raises(CompileError) as caught:
        ENVIRONMENT.compile(source)
    assert words in str(caught.value)


def test_all_type_errors_are_told_with_their_places() -> None:
    with pytest.raises(CompileError) as caught:
        ENVIRONMENT.compile("x.foo &&\nnope")
    assert [issue.offset for issue in caught.value.issues] == [1, 9]
    assert "ERROR: <input>:2:1: undeclared reference to 'nope'" in str(caught.value)


def test_wrong_result_type_is_refused() -> None:
    from pybernetes.api.cel.types import BOOL

    with pytest.raises(CompileError, match="must evaluate to bool"):
        ENVIRONMENT.compile("x + 1", expect=[BOOL])


def test_evaluation_stops_at_its_cost_limit() -> None:
    program = ENVIRONMENT.compile("self.spec.list.all(a, self.spec.list.all(b, self.spec.list.all(c, a + b + c > 0)))")
    value, error, cost = program.run(VARIABLES, 100)
    assert value is None
    assert str(error) == "operation cancelled: actual cost limit exceeded"
    assert 100 < cost < 200


def test_an_exceeded_cost_is_not_absorbed() -> None:
    program = ENVIRONMENT.compile("self.spec.list.all(a, a > 0 && self.spec.list.all(b, b > 0)) || true")
    assert program.run(VARIABLES, 20)[1] is not None


COSTS = [
    ("1 + 2 == 3", 2),
    ("self.spec.replicas > 2", 4),
    ("has(self.spec.foo)", 2),
    ("l.all(e, true)", 1 + 1 + 2 * 3),
    ("l.exists(e, e == 'b')", 1 + 1 + 2 * 4 + 2 * 2),
    ("l.map(e, e)", 1 + 11 + 2 * (12 + 1)),
    ("s.contains('xxxxxxxxxxx')", 1 + 1 * 2),
    ("s.matches('aaaaaaaa')", 1 + 1 * 2),
    ("[1, 2]", 10),
    ("{'a': 1}", 30),
    ("s + s == 'x'", 2 + 1 + 1),
]


@pytest.mark.parametrize(("source", "expected"), COSTS, ids=[source for source, _ in COSTS])
def test_cost(source: str, expected: int) -> None:
    assert ENVIRONMENT.compile(source).run(VARIABLES, 10**6)[2] == expected


def test_deep_nesting_is_compiled_in_parts() -> None:
    source = "x > 0"
    for _ in range(15):
        source = f"(l.all(e, {source}) || false)"
    assert ENVIRONMENT.compile(source).evaluate(VARIABLES, 10**18) is True


def test_too_deep_nesting_is_refused() -> None:
    with pytest.raises(CompileError):
        ENVIRONMENT.compile("(" * 400 + "1" + ")" * 400)


def test_long_chains_are_shallow() -> None:
    assert ENVIRONMENT.compile(" && ".join(["x > 0"] * 500)).evaluate(VARIABLES) is True


def test_times_are_shown_as_upstream_shows_them() -> None:
    assert str(Timestamp(1_500_000_000)) == "1970-01-01T00:00:01.5Z"
    assert str(Duration(-1_500_000_000)) == "-1.5s"
