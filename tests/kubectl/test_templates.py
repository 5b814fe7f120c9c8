"""JSONPath and Go templates, by tables."""

from typing import Any

import pytest

from pybernetes.kubectl.output import jsonpath
from pybernetes.kubectl.output.jsonpath import JsonPathError
from pybernetes.kubectl.output.template.execute import execute
from pybernetes.kubectl.output.template.parser import TemplateError, parse

DATA: dict[str, Any] = {
    "kind": "List",
    "n": 3,
    "f": 1.5,
    "flag": True,
    "none": None,
    "labels": {"a.b/c": "x", "d": "y"},
    "items": [
        {"name": "one", "ports": [80, 443], "on": True},
        {"name": "two", "ports": [], "on": False},
        {"name": "three", "ports": [8080], "on": True, "weight": 101},
    ],
}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("{.kind}", "List"), ("{.n}", "3"), ("{.flag}", "true"), ("{.f}", "1.5"), ("kind is {.kind}!", "kind is List!"),
        ("{.items[*].name}", "one two three"), ("{.items[0].name}", "one"), ("{.items[-1].name}", "three"),
        ("{.items[0:2].name}", "one two"), ("{.items[0,2].name}", "one three"), ("{.items[::2].name}", "one three"),
        (r"{.labels.a\.b/c}", "x"), ("{.labels['d']}", "y"), (r"{.labels['d','a\.b/c']}", "y x"), ("{.nope.x}", ""),
        ('{.items[?(@.name=="two")].name}', "two"), ("{.items[?(@.on==true)].name}", "one three"),
        ("{.items[?(@.weight>100)].name}", "three"), ('{range .items[*]}{.name}{"\\n"}{end}', "one\ntwo\nthree\n"),
        ("{..name}", "one two three"), ("{.items[0].ports}", "[80,443]"), ("{@.n}{$.n}", "33"),
        ("{.labels}", '{"a.b/c":"x","d":"y"}'),
        ("{.items[].name}", "one"),
        ("{range .items[*]}{.name}={range .ports[*]}{@},{end};{end}", "one=80,443,;two=;three=8080,;"),
    ],
)  # fmt: skip
def test_json_paths(path: str, text: str) -> None:
    assert jsonpath.render(jsonpath.parse(path), DATA) == text


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("{.items[9].name}", "array index out of bounds: index 9, length 3"),
        ("{", "unclosed action"),
        ("{.items[", "unterminated array"),
        ("{end}", "not in range, nothing to end"),
        ('{.labels["d"]}', 'invalid array index "d"'),
        ("{.n[?(@.x)]}", "3 is not array or slice and cannot be filtered"),
    ],
)
def test_wrong_json_paths(path: str, message: str) -> None:
    with pytest.raises(JsonPathError) as caught:
        jsonpath.render(jsonpath.parse(path), DATA)
    assert str(caught.value) == message


def test_a_missing_key_is_an_error_when_asked() -> None:
    with pytest.raises(JsonPathError, match="nope is not found"):
        jsonpath.render(jsonpath.parse("{.nope}"), DATA, allow_missing=False)


@pytest.mark.parametrize("text", ["metadata.name", ".metadata.name", "{.metadata.name}"])
def test_relaxed_paths(text: str) -> None:
    assert jsonpath.relaxed(text) == "{.metadata.name}"


def rendered(template: str, *, strict: bool = False) -> str:
    parts: list[str] = []
    execute(parse(template), DATA, parts.append, strict=strict)
    return "".join(parts)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{.kind}} {{.n}} {{.flag}} {{.f}}", "List 3 true 1.5"),
        ("{{.nope}}", "<no value>"), ("{{.nope.x}}", "<no value>"),
        ("{{range .items}}{{.name}};{{end}}", "one;two;three;"), ("{{range .nope}}x{{else}}none{{end}}", "none"),
        ("{{range $i, $v := .items}}{{$i}}{{$v.name}} {{end}}", "0one 1two 2three "),
        ("{{range $k, $v := .labels}}{{$k}}={{$v}},{{end}}", "a.b/c=x,d=y,"),
        ('{{index .labels "a.b/c"}}{{(index .items 1).name}}', "xtwo"), ("{{len .items}}{{len .kind}}", "34"),
        ('{{if eq .kind "List"}}yes{{else}}no{{end}}', "yes"), ("{{if .none}}a{{else if .flag}}b{{else}}c{{end}}", "b"),
        ("{{with .labels}}{{.d}}{{end}}{{with .none}}x{{else}}y{{end}}", "yy"),
        ("{{.kind | printf \"%s-%d %q\" \"a\" 5}}", 'a-5 "List"'),
        ("{{ not .none }}{{ and .flag .n }}{{ or .none 7 }}", "true37"),
        ("a {{- .n -}} b", "a3b"), ("{{/* gone */}}x", "x"), ("{{$x := .n}}{{$x}}{{$x = 4}}{{$x}}", "34"),
        ('{{define "t"}}<{{.}}>{{end}}{{template "t" .kind}}', "<List>"), ('{{block "b" .n}}[{{.}}]{{end}}', "[3]"),
        ("{{range .items}}{{if not .on}}{{continue}}{{end}}{{.name}}{{break}}{{end}}", "one"),
        ('{{"eQ==" | base64decode}}', "y"), ("{{lt 1 2}}{{ge 2 2}}{{ne 1 2}}", "truetruetrue"),
        ('{{html "<a>"}}', "&lt;a&gt;"),
        ('{{printf "%v %T" .n .kind}}', "3 string"),
        ("{{print 1 2 \"x\"}}{{println .n}}", "1 2x3\n"),
        ("{{slice .kind 1 3}}", "is"),
        ("{{`raw \"x\"`}}", 'raw "x"'), ("{{.labels}}", "map[a.b/c:x d:y]"), ("{{'a'}}", "97"),
    ],
)  # fmt: skip
def test_go_templates(template: str, text: str) -> None:
    assert rendered(template) == text


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{.x", "1: unclosed action"),
        ("a\n{{if .x}}", "2: unexpected EOF"),
        ("{{end}}", "1: unexpected {{end}}"),
        ("{{nope .x}}", '1: function "nope" not defined'),
        ("{{$x}}", '1: undefined variable "$x"'),
        ("{{}}", "1: missing value for command"),
    ],
)
def test_wrong_templates(template: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        parse(template)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{.nope}}", 'executing "output" at <.nope>: map has no entry for key "nope"'),
        ("{{index .items 9}}", "error calling index: index out of range: 9"),
        ("{{.kind.x}}", "can't evaluate field x in type interface {}"),
        ("{{len .n}}", "error calling len: len of type int64"),
        ("{{range .kind}}{{end}}", "range can't iterate over List"),
    ],
)
def test_templates_that_do_not_fit(template: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        rendered(template, strict=True)
    assert message in str(caught.value)
