"""JSONPath as columns and kubectl use it (Reference, "JSONPath Support")."""

from typing import Any

import pytest

from pybernetes.api.json_path import JsonPathError, compile_path

OBJ: dict[str, Any] = {
    "metadata": {"name": "x", "labels": {"app.example.com/tier": "web", "a": "b"}},
    "spec": {"ports": [{"name": "http", "port": 80}, {"name": "dns", "port": 53}], "zero": 0, "off": False},
    "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Old"}]},
}

CASES = [
    (".metadata.name", ["x"]),
    ("{.metadata.name}", ["x"]),
    ("$.metadata.name", ["x"]),
    (".metadata.labels.app\\.example\\.com/tier", ["web"]),
    (".metadata.labels['app.example.com/tier']", ["web"]),
    (".metadata['name']", ["x"]),
    (".spec.ports[0].port", [80]),
    (".spec.ports[-1].name", ["dns"]),
    (".spec.ports[*].port", [80, 53]),
    (".spec.ports[0:1].port", [80]),
    (".spec.ports[0,1].port", [80, 53]),
    (".spec.ports[?(@.name=='dns')].port", [53]),
    ('.spec.ports[?(@.port > 60)].name', ["http"]),
    (".spec.ports[?(@.port != 80)].name", ["dns"]),
    (".status.conditions[?(@.status)].type", ["Ready"]),
    (".status.conditions[?(@.type == \"Ready\")].status", ["True"]),
    ("..port", [80, 53]),
    (".spec.*", [OBJ["spec"]["ports"], 0, False]),
    (".spec.zero", [0]),
    (".spec.missing.deeper", []),
    (".spec.ports[7].port", []),
    (".metadata.name[0]", []),
]  # fmt: skip


@pytest.mark.parametrize(("path", "expected"), CASES, ids=[path for path, _ in CASES])
def test_path(path: str, expected: list[Any]) -> None:
    assert compile_path(path)(OBJ) == expected


@pytest.mark.parametrize("path", [".a[", ".a[x]", ".a[?(@.b==x)]", ".a b", ".a[]"])
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(JsonPathError):
        compile_path(path)
