"""What the stock kubectls say to this server: oldest and newest."""

import asyncio
from pathlib import Path

import pytest
import yaml
from tests.support.kubectl import versions
from tests.support.kubectl_api import kubectl_api

pytestmark = pytest.mark.skipif(not versions(), reason="no kubectl")
ENDS = list(dict.fromkeys(versions()[:1] + versions()[-1:]))
each = pytest.mark.parametrize("version", ENDS)
WEB = "/apis/apps/v1/namespaces/default/deployments/web"


@each
async def test_dry_runs_on_the_server_write_nothing(tmp_path: Path, version: str) -> None:
    async with kubectl_api(tmp_path, version) as k:
        created = await k("create", "deployment", "web", "--image=i", "--dry-run=server", "-o", "yaml")
        assert yaml.safe_load(created)["spec"]["strategy"]["type"] == "RollingUpdate"
        assert (await k.api.get(WEB)).code == 404
        await k("create", "deployment", "web", "--image=i")
        plain = await k("create", "deployment", "web", "--image=j", "--dry-run=client", "-o", "yaml")
        assert "server dry run" in await k("delete", "deploy/web", "--dry-run=server")
        assert "server dry run" in await k("label", "deploy/web", "a=b", "--dry-run=server")
        assert "server dry run" in await k("apply", "-f", "-", "--dry-run=server", given=plain)
        live = (await k.api.get(WEB)).body
        assert live["metadata"]["labels"] == {"app": "web"}
        assert live["spec"]["template"]["spec"]["containers"][0]["image"] == "i"


@each
async def test_subresources(tmp_path: Path, version: str) -> None:
    async with kubectl_api(tmp_path, version) as k:
        await k("create", "deployment", "web", "--image=i")
        await k("patch", "deploy/web", "--subresource=status", "--type=merge", "-p", '{"status":{"replicas":1}}')
        assert (await k.api.get(WEB)).body["status"]["replicas"] == 1
        shown = yaml.safe_load(await k("get", "deploy/web", "--subresource=scale", "-o", "yaml"))
        assert (shown["kind"], shown["spec"]["replicas"]) == ("Scale", 1)
        await k("patch", "deploy/web", "--subresource=scale", "--type=merge", "-p", '{"spec":{"replicas":2}}')
        assert (await k.api.get(WEB)).body["spec"]["replicas"] == 2


@each
async def test_lists_in_chunks_by_selectors_and_as_tables(tmp_path: Path, version: str) -> None:
    async with kubectl_api(tmp_path, version) as k:
        for at in range(7):
            await k.api.config_map(f"m{at}", labels={"odd": str(at % 2)})
        names = (await k("get", "cm", "--chunk-size=3", "-o", "name")).split()
        assert [name for name in names if "/m" in name] == [f"configmap/m{at}" for at in range(7)]
        assert (await k("get", "cm", "-l", "odd=1", "-o", "name")).split() == [f"configmap/m{at}" for at in (1, 3, 5)]
        assert await k("get", "cm", "--field-selector", "metadata.name=m2", "-o", "name") == "configmap/m2"
        header, row, *_ = (await k("get", "cm", "-l", "odd=1", "--show-labels")).splitlines()
        assert header.split() == ["NAME", "DATA", "AGE", "LABELS"]
        assert row.split()[:2] == ["m1", "1"] and row.split()[-1] == "odd=1"
        ran = await k.run("get", "pods", "--field-selector", "spec.nothing=x")
        assert ran.code == 1 and "field label not supported: spec.nothing" in ran.err
        ran = await k.run("get", "cm", "nothing")
        assert ran.err.strip() == 'Error from server (NotFound): configmaps "nothing" not found'


@each
async def test_a_watch_prints_changes(tmp_path: Path, version: str) -> None:
    async with kubectl_api(tmp_path, version) as k:
        await k.api.config_map("a")
        process = await k.start("get", "cm", "-l", "!skip", "--watch", "--no-headers")
        assert process.stdout is not None
        try:
            async with asyncio.timeout(120):
                assert (await process.stdout.readline()).split()[0] == b"a"
                await k.api.config_map("b")
                assert (await process.stdout.readline()).split()[:2] == [b"b", b"1"]
                await k.api.patch("/api/v1/namespaces/default/configmaps/b", {"data": {"more": "x"}})
                assert (await process.stdout.readline()).split()[:2] == [b"b", b"2"]
        finally:
            process.kill()
            await process.wait()


@each
async def test_edits_conflict_and_replace(tmp_path: Path, version: str) -> None:
    async with kubectl_api(tmp_path, version) as k:
        await k("create", "cm", "a", "--from-literal=x=1")
        old = await k("get", "cm", "a", "-o", "yaml")
        await k("patch", "cm", "a", "-p", '{"data":{"x":"2"}}')
        ran = await k.run("replace", "-f", "-", given=old)
        assert ran.code == 1
        assert "Operation cannot be fulfilled on configmaps" in ran.err and "the object has been modified" in ran.err
        await k("replace", "--force", "-f", "-", given=old)
        assert (await k("get", "cm", "a", "-o", "jsonpath={.data.x}")) == "1"
        patch = '[{"op":"test","path":"/data/x","value":"2"}]'
        ran = await k.run("patch", "cm", "a", "--type=json", "-p", patch)
        assert ran.code == 1 and "the server rejected our request due to an error in our request" in ran.err


@each
async def test_discovery_and_explain(tmp_path: Path, version: str) -> None:
    async with kubectl_api(tmp_path, version) as k:
        rows = (await k("api-resources", "--no-headers")).splitlines()
        assert len(rows) == 67  # each in its preferred version only
        assert any(line.split() == ["deployments", "deploy", "apps/v1", "true", "Deployment"] for line in rows)
        assert "networking.k8s.io/v1" in (await k("api-versions")).split()
        explained = await k("explain", "deployment.spec.strategy.rollingUpdate.maxSurge")
        assert "maxSurge" in explained and "IntOrString" in explained
        ran = await k.run("get", "cs")
        assert "Warning: v1 ComponentStatus is deprecated in v1.19+" in ran.err
