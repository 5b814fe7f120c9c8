"""Applying with every stock kubectl at hand."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.kubectl import versions
from tests.support.kubectl_api import kubectl_api

pytestmark = pytest.mark.skipif(not versions(), reason="no kubectl")
D = "/apis/apps/v1/namespaces/default/deployments/web"


def deployment(image: str = "i", replicas: int | None = 1, **more: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": image}]}}
    spec: dict[str, Any] = {"selector": {"matchLabels": {"a": "b"}}, "template": template, **more}
    if replicas is not None:
        spec["replicas"] = replicas
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


@pytest.mark.parametrize("version", versions())
async def test_server_side_apply(tmp_path: Path, version: str) -> None:
    async with kubectl_api(tmp_path, version) as k:
        apply = ("apply", "--server-side", "-f", "-")
        assert await k(*apply, given=deployment()) == "deployment.apps/web serverside-applied"
        assert await k(*apply, given=deployment(image="j")) == "deployment.apps/web serverside-applied"
        shown = yaml.safe_load(await k("get", "deploy", "web", "-o", "yaml", "--show-managed-fields"))
        (entry,) = shown["metadata"]["managedFields"]
        assert (entry["manager"], entry["operation"]) == ("kubectl", "Apply")
        assert "managedFields" not in await k("get", "deploy", "web", "-o", "yaml")

        await k("scale", "deploy/web", "--replicas=4")
        ran = await k.run(*apply, given=deployment(replicas=2))
        assert ran.code == 1
        words = 'conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas'
        assert "Apply failed with 1 conflict: " + words in ran.err
        await k(*apply, "--force-conflicts", given=deployment(image="j", replicas=2))
        assert (await k.api.get(D)).body["spec"]["replicas"] == 2

        ran = await k.run("diff", "--server-side", "-f", "-", given=deployment(image="k", replicas=2))
        assert ran.code == 1, ran
        changed = [line.split() for line in ran.out.splitlines() if "image:" in line]
        assert [words[-1] for words in changed] == ["j", "k"]
        assert (await k.api.get(D)).body["spec"]["template"]["spec"]["containers"][0]["image"] == "j"
        ran = await k.run("diff", "--server-side", "-f", "-", given=deployment(image="j", replicas=2))
        assert (ran.code, ran.out) == (0, ""), ran


@pytest.mark.parametrize("version", versions())
async def test_from_client_side_to_server_side_apply(tmp_path: Path, version: str) -> None:
    async with kubectl_api(tmp_path, version) as k:
        await k("apply", "-f", "-", given=deployment())
        assert await k("apply", "-f", "-", given=deployment()) == "deployment.apps/web unchanged"
        assert await k("apply", "--server-side", "-f", "-", given=deployment(image="j")) == (
            "deployment.apps/web serverside-applied"
        )
        managed = (await k.api.get(D)).body["metadata"]["managedFields"]
        assert ("kubectl", "Apply") in [(e["manager"], e["operation"]) for e in managed]
        # kubectl itself takes the entry of client-side apply over, so that fields can be given up.
        assert "kubectl-client-side-apply" not in [e["manager"] for e in managed]
        await k("apply", "--server-side", "-f", "-", given=deployment(image="j", replicas=None, minReadySeconds=5))
        await k("apply", "--server-side", "-f", "-", given=deployment(image="j", replicas=None))
        assert "minReadySeconds" not in (await k.api.get(D)).body["spec"]


@pytest.mark.parametrize("version", versions()[-1:])
async def test_mistakes_as_kubectl_prints_them(tmp_path: Path, version: str) -> None:
    async with kubectl_api(tmp_path, version) as k:
        ran = await k.run("apply", "--server-side", "-f", "-", given=deployment(nonsense=1))
        assert ran.code == 1
        assert (
            "Error from server: failed to create typed patch object (default/web; apps/v1, Kind=Deployment): "
            in ran.err
        )
        assert ".spec.nonsense: field not declared in schema" in ran.err
        ran = await k.run("create", "-f", "-", given=deployment(nonsense=1))
        assert 'strict decoding error: unknown field "spec.nonsense"' in ran.err
        ran = await k.run("create", "--validate=warn", "-f", "-", given=deployment(nonsense=1))
        assert ran.code == 0 and 'Warning: unknown field "spec.nonsense"' in ran.err


@pytest.mark.parametrize("version", versions()[-1:])
async def test_edits_patches_and_labels_have_managers(tmp_path: Path, version: str) -> None:
    async with kubectl_api(tmp_path, version) as k:
        await k("create", "deployment", "web", "--image=i")
        await k("label", "deploy/web", "x=y")
        await k("annotate", "deploy/web", "x=y")
        await k("set", "image", "deploy/web", "i=j")
        await k("patch", "deploy/web", "-p", '{"spec":{"minReadySeconds":3}}')
        managed = (await k.api.get(D)).body["metadata"]["managedFields"]
        assert {entry["manager"] for entry in managed} == {
            "kubectl-create",
            "kubectl-label",
            "kubectl-annotate",
            "kubectl-set",
            "kubectl-patch",
        }
