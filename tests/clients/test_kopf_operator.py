"""An operator written with kopf: its handlers, timer, daemon and finalizer on a custom resource."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.waiting import until

pytest.importorskip("kopf")
kubernetes = pytest.importorskip("kubernetes")

OPERATOR = """
    import kopf

    @kopf.on.create("example.com", "v1", "widgets")
    def made(spec, patch, **_):
        patch.status["phase"] = "Made"
        return {"size": spec["size"]}

    @kopf.on.field("example.com", "v1", "widgets", field="spec.size")
    def resized(old, new, **_):
        return f"{old}->{new}"

    @kopf.on.delete("example.com", "v1", "widgets")
    def gone(name, namespace, **_):
        print("goodbye", name, flush=True)

    @kopf.timer("example.com", "v1", "widgets", interval=0.2)
    def tick(patch, status, **_):
        patch.status["ticks"] = status.get("ticks", 0) + 1

    @kopf.daemon("example.com", "v1", "widgets")
    async def daemon(stopped, **_):
        await stopped.wait()
"""
STATUS = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
SPEC = {"type": "object", "properties": {"size": {"type": "integer", "minimum": 1}}}
WIDGETS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"kind": "Widget", "plural": "widgets", "singular": "widget"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": SPEC, "status": STATUS}}},
            }
        ],
    },
}
PLACE = ("example.com", "v1", "default", "widgets")


@pytest.fixture
def widgets(kubeconfig: Path) -> Iterator[Any]:
    """The client of custom objects, where widgets are served."""
    with kubernetes.config.new_client_from_config(str(kubeconfig)) as client:
        definitions = kubernetes.client.ApiextensionsV1Api(client)
        definitions.create_custom_resource_definition(WIDGETS)

        def established() -> bool:
            found = definitions.read_custom_resource_definition("widgets.example.com")
            return any(one.type == "Established" and one.status == "True" for one in found.status.conditions or [])

        until(established)
        yield kubernetes.client.CustomObjectsApi(client)
        definitions.delete_custom_resource_definition("widgets.example.com")


@pytest.fixture
def said(kubeconfig: Path, widgets: Any, tmp_path: Path) -> Iterator[Callable[[], str]]:
    """The operator at work; what it said so far."""
    source, log = tmp_path / "operator.py", tmp_path / "log"
    source.write_text(textwrap.dedent(OPERATOR))
    words = [sys.executable, "-m", "kopf", "run", "--standalone", "--namespace", "default", str(source)]
    with log.open("w") as out:
        process = subprocess.Popen(words, stdout=out, stderr=out, env={**os.environ, "KUBECONFIG": str(kubeconfig)})
    yield log.read_text
    process.terminate()
    process.wait(60)


def test_a_widget_is_looked_after_from_creation_to_deletion(widgets: Any, said: Callable[[], str]) -> None:
    body = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a"}, "spec": {"size": 3}}
    widgets.create_namespaced_custom_object(*PLACE, body)

    def now() -> dict[str, Any]:
        return dict(widgets.get_namespaced_custom_object(*PLACE, "a"))

    until(lambda: now().get("status", {}).get("phase") == "Made", show=said)
    assert now()["metadata"]["finalizers"] == ["kopf.zalando.org/KopfFinalizerMarker"]
    widgets.patch_namespaced_custom_object(*PLACE, "a", {"spec": {"size": 5}})
    until(lambda: now()["status"].get("resized/spec.size") == "3->5", show=said)
    until(lambda: now()["status"].get("ticks", 0) >= 3, show=said)
    widgets.delete_namespaced_custom_object(*PLACE, "a")

    def empty() -> bool:
        return not widgets.list_namespaced_custom_object(*PLACE)["items"]

    until(empty, show=said)
    assert "goodbye a" in said()
