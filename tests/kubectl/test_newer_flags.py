"""Flags that the client of 1.33, with which all others are compared, has not: by what the server says."""

import io
import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from tests.kubectl.differential import environment, in_directory

from pybernetes.kubectl.main import run
from pybernetes.kubectl.wire.yaml_fast import load


@pytest.fixture
def shown(kubeconfig: Path, tmp_path: Path) -> Any:
    """What our client prints."""

    def ask(*words: str, given: str = "", code: int = 0) -> str:
        out, err = io.StringIO(), io.StringIO()
        with in_directory(tmp_path, environment(tmp_path, kubeconfig, tmp_path / "cache")):
            ended = run(list(words), out, err, io.StringIO(given))
        assert ended == code, err.getvalue()
        return out.getvalue()

    return ask


def test_api_resources_as_the_list_that_the_server_gives(shown: Any) -> None:
    words = ("api-resources", "--api-group=batch", "--show-managed-fields")
    found = json.loads(shown(*words, "-o", "json"))
    served = json.loads(shown("get", "--raw", "/apis/batch/v1"))["resources"]
    whole = {row["name"]: row for row in served if "/" not in row["name"]}
    assert (found["kind"], found["apiVersion"]) == ("APIResourceList", "v1")
    assert [row["name"] for row in found["resources"]] == sorted(whole)
    for row in found["resources"]:
        wanted = whole[row["name"]]
        assert (row["group"], row["version"]) == ("batch", "v1")
        for name in ("kind", "singularName", "namespaced", "verbs", "shortNames", "categories"):
            assert row.get(name) == wanted.get(name), name
    assert load(shown(*words, "-o", "yaml")) == found


def test_diff_hides_values_of_a_secret_unless_told_to_show_them(shown: Any) -> None:
    name = "newer-flags-secret"
    shown("create", "secret", "generic", name, "--from-literal=key=before")
    try:
        wanted = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"key": "after"}}
        hidden = shown("diff", "-f", "-", given=json.dumps(wanted), code=1)
        whole = shown("diff", "-f", "-", "--show-secrets", given=json.dumps(wanted), code=1)
    finally:
        shown("delete", "secret", name)
    before, after = (b64encode(text.encode()).decode() for text in ("before", "after"))
    assert before not in hidden and after not in hidden and "key: '***" in hidden
    assert f"-  key: {before}" in whole and f"+  key: {after}" in whole
