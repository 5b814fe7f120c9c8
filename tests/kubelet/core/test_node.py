"""The node itself: registration, conditions, network, lease, restart of the kubelet, orphans, static pods."""

import asyncio
from pathlib import Path
from types import SimpleNamespace

from tests.kubelet.builders import container
from tests.kubelet.core.harness import IMAGE, NODE, World, condition, node, phase, ready, status, world

from pybernetes.api.coordination import Lease
from pybernetes.api.core import Node, Pod


def node_condition(found: Node, type_: str = "Ready") -> tuple[str, str, str]:
    c = next(c for c in found.status.conditions or () if c.type == type_)
    return c.status, c.reason or "", c.message or ""


async def until_node(n: World, type_: str, wanted: str) -> Node:
    for _ in range(2000):
        found = await n.node()
        if any(c.type == type_ and c.status == wanted for c in found.status.conditions or ()):
            return found
        await n.clock.sleep(0.1)
    raise AssertionError(f"{type_} never became {wanted}: {found.status.conditions}")


async def test_node_registers_and_becomes_ready(tmp_path: Path) -> None:
    async with node(tmp_path, labels={"zone": "a"}, taints=(("dedicated", "x", "NoSchedule"),)) as n:
        found = await until_node(n, "Ready", "True")
        assert node_condition(found) == ("True", "KubeletReady", "kubelet is posting ready status")
        labels = found.metadata.labels or {}
        assert (labels["kubernetes.io/hostname"], labels["kubernetes.io/os"], labels["zone"]) == (NODE, "linux", "a")
        assert ("dedicated", "x", "NoSchedule") in [(t.key, t.value, t.effect) for t in found.spec.taints or ()]
        assert (found.status.capacity or {})["memory"] == "4Gi"
        assert (found.status.allocatable or {})["memory"] == "3996Mi"
        assert [(a.type, a.address) for a in found.status.addresses or ()] == [
            ("InternalIP", "172.30.0.11"),
            ("Hostname", NODE),
        ]
        assert found.status.node_info.container_runtime_version == "fake://1.0.0"
        assert [i.names for i in found.status.images or ()]
        assert found.status.daemon_endpoints.kubelet_endpoint.port == 10250


async def test_lease_is_renewed_every_ten_seconds(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await until_node(n, "Ready", "True")
        first = await n.client.get(Lease, NODE, "kube-node-lease")
        await n.clock.sleep(21)
        later = await n.client.get(Lease, NODE, "kube-node-lease")
        assert first.spec.renew_time is not None and later.spec.renew_time is not None
        assert (later.spec.renew_time - first.spec.renew_time).total_seconds() == 20
        assert (first.spec.holder_identity, first.spec.lease_duration_seconds) == (NODE, 40)


async def test_a_renewal_that_nobody_answers_is_given_up_when_the_next_one_is_due(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await until_node(n, "Ready", "True")
        lease, given_up = n.kubelet._lease, []

        async def hang(_: Lease) -> Lease:
            began = n.clock.monotonic()
            try:
                await asyncio.Event().wait()
            finally:
                given_up.append(n.clock.monotonic() - began)
            raise AssertionError

        lease._client = SimpleNamespace(update=hang)
        await n.clock.sleep(21)
        assert [round(seconds) for seconds in given_up] == [10]
        lease._client = n.client
        await n.clock.sleep(11)
        found = await n.client.get(Lease, NODE, "kube-node-lease")
        assert found.spec.renew_time is not None
        assert (n.clock.now() - found.spec.renew_time).total_seconds() < 11


async def test_unchanged_status_is_written_every_five_minutes_only(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await until_node(n, "Ready", "True")
        await n.clock.sleep(70)
        version = (await n.node()).metadata.resource_version
        await n.clock.sleep(200)
        assert (await n.node()).metadata.resource_version == version
        await n.clock.sleep(100)
        assert (await n.node()).metadata.resource_version != version


async def test_node_waits_for_its_pod_range(tmp_path: Path) -> None:
    cni = tmp_path / "cni"
    settings = {"cni_config_directory": str(cni), "cni_data_directory": str(tmp_path / "ipam")}
    async with world(tmp_path) as n:
        n.runtime.network_ready = False
        async with n.kubelet_running(**settings):
            await n.run()
            found = await until_node(n, "Ready", "False")
            assert node_condition(found)[1] == "KubeletNotReady"
            assert node_condition(found)[2].startswith("container runtime network not ready: NetworkReady=false")
            body = {"spec": {"podCIDR": "10.244.7.0/24", "podCIDRs": ["10.244.7.0/24"]}}
            await n.client.patch(Node, NODE, body=body)
            while not cni.exists():
                await n.clock.sleep(0.01)
            assert '"subnet": "10.244.7.0/24"' in (cni / "10-pybernetes.conflist").read_text()
            before = n.clock.monotonic()
            n.runtime.network_ready = True
            await until_node(n, "Ready", "True")
            assert n.clock.monotonic() - before < 1
            await n.until(ready)


async def test_runtime_that_went_away_makes_the_node_not_ready(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await until_node(n, "Ready", "True")
        await n.run()
        await n.until(ready)
        n.runtime.available = False
        n.runtime.disconnect()
        found = await until_node(n, "Ready", "False")
        assert node_condition(found)[2] == "container runtime is down"
        n.runtime.available = True
        await until_node(n, "Ready", "True")
        assert len(n.runtime.containers) == 1, "nothing was restarted"


async def test_pressure_shows_in_the_conditions_and_events(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await until_node(n, "MemoryPressure", "False")
        n.kubelet.set_pressures(frozenset({"MemoryPressure"}))
        found = await until_node(n, "MemoryPressure", "True")
        text = "kubelet has insufficient memory available"
        assert node_condition(found, "MemoryPressure") == ("True", "KubeletHasInsufficientMemory", text)
        told = {"NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeHasSufficientPID", "NodeHasInsufficientMemory"}
        for _ in range(200):
            events = await n.events(NODE)
            if told <= {reason for _, reason, _ in events}:
                break
        message = f"Node {NODE} status is now: NodeHasInsufficientMemory"
        assert ("Normal", "NodeHasInsufficientMemory", message) in events
        assert told <= {reason for _, reason, _ in events}


async def test_restarted_kubelet_adopts_what_runs(tmp_path: Path) -> None:
    async with world(tmp_path) as n:
        async with n.kubelet_running():
            await n.run(container("a"), container("b"))
            first = await n.until(ready)
        calls = len(n.runtime.calls)
        async with n.kubelet_running():
            await n.clock.sleep(120)
            pod = await n.until(ready)
            changes = [c for c in n.runtime.calls[calls:] if not c[0].startswith("list")]
            assert changes == [], "no container was touched"
            assert pod.metadata.resource_version == first.metadata.resource_version, "no status was rewritten"
            assert n.probes.probed.keys() == {(pod.metadata.uid, "a"), (pod.metadata.uid, "b")}
            n.runtime.finish(n.runtime.container("a").id, 1)
            await n.until(lambda p: status(p, "a").restart_count == 1 and ready(p))


async def test_container_that_ended_while_the_kubelet_was_down_is_restarted(tmp_path: Path) -> None:
    async with world(tmp_path) as n:
        async with n.kubelet_running():
            await n.run()
            await n.until(ready)
        n.runtime.finish(n.runtime.container("web").id, 9)
        async with n.kubelet_running():
            pod = await n.until(lambda p: status(p).restart_count == 1 and ready(p))
            assert status(pod).last_state.terminated.exit_code == 9  # type: ignore[union-attr]


async def test_pod_deleted_while_the_kubelet_was_down_leaves_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as n:
        async with n.kubelet_running():
            await n.run()
            await n.until(ready)
        await n.client.delete(Pod, "web", "default", grace_period_seconds=0)
        async with n.kubelet_running():
            for _ in range(100):
                if not n.runtime.sandboxes:
                    break
                await n.clock.sleep(1)
            assert n.runtime.sandboxes == {} and n.runtime.containers == {}
            assert list((tmp_path / "pods").iterdir()) == []


async def test_a_cgroup_that_was_busy_when_its_pod_went_is_removed_later(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await n.run()
        pod = await n.until(ready)
        n.cgroups.left_over = {pod.metadata.uid or "", "gone"}
        for _ in range(100):
            if "gone" not in n.cgroups.left_over:
                break
            await n.clock.sleep(10)
        assert n.cgroups.left_over == {pod.metadata.uid}


async def test_ended_pod_is_not_run_again_after_a_restart(tmp_path: Path) -> None:
    async with world(tmp_path) as n:
        n.runtime.exits["web"] = [0]
        async with n.kubelet_running():
            await n.run(restart_policy="Never")
            await n.until(phase("Succeeded"))
        n.runtime.sandboxes.clear()
        n.runtime.containers.clear()
        async with n.kubelet_running():
            await n.clock.sleep(60)
            pod = await n.pod()
            assert pod.status.phase == "Succeeded" and n.runtime.sandboxes == {}
            assert status(pod).state.terminated.exit_code == 0  # type: ignore[union-attr]


async def test_condition_somebody_else_changed_is_put_right(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await n.run()
        pod = await n.until(ready)
        for c in pod.status.conditions or ():
            if c.type == "Ready":
                c.status = "False"
        await n.client.update_status(pod)
        await n.until(ready)


MANIFEST = """
apiVersion: v1
kind: Pod
metadata: {name: etc, labels: {app: etc}}
spec:
  containers:
  - {name: main, image: IMAGE}
"""


async def test_static_pod_runs_and_is_mirrored(tmp_path: Path) -> None:
    files = tmp_path / "manifests"
    files.mkdir()
    (files / "etc.yaml").write_text(MANIFEST.replace("IMAGE", IMAGE))
    (files / "broken.yaml").write_text("kind: [")
    async with node(tmp_path, static_pod_directory=str(files)) as n:
        mirror = None
        for _ in range(200):
            found = (await n.client.list(Pod, "default")).items
            if found and condition(found[0], "Ready") == "True":
                mirror = found[0]
                break
            await n.clock.sleep(0.1)
        assert mirror is not None
        assert mirror.metadata.name == f"etc-{NODE}" and mirror.status.pod_ip
        assert (mirror.metadata.owner_references or [])[0].kind == "Node"
        uid = (mirror.metadata.annotations or {})["kubernetes.io/config.mirror"]
        assert {s.labels["io.kubernetes.pod.uid"] for s in n.runtime.sandboxes.values()} == {uid}
        await n.client.delete(Pod, f"etc-{NODE}", "default", grace_period_seconds=0)
        await n.until(lambda p: p.metadata.uid != mirror.metadata.uid and ready(p), name=f"etc-{NODE}")
        assert len(n.runtime.sandboxes) == 1, "deleting the mirror does not touch the pod"


async def test_images_fill_the_disk_and_are_removed(tmp_path: Path) -> None:
    from pybernetes.kubelet.image_gc import Disk

    kept = "localhost/pause:1"
    async with node(tmp_path, image_minimum_age_seconds=0, images_kept=(kept,)) as n:
        await n.run()
        await n.until(ready)
        n.runtime.add_image(kept)
        n.runtime.add_image("localhost/unused:1")
        n.kubelet.collector._disk = lambda _path: Disk(10_000, 1_500)
        assert await n.kubelet.collector.collect() == 1000
        assert list(n.runtime.images) == [IMAGE, kept]
