"""What keeps a container from starting, as its status and its events tell it."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.kubelet.builders import container
from tests.kubelet.core.harness import IMAGE, World, node, phase, ready, status, waiting

from pybernetes.api.core import (
    ConfigMap,
    ConfigMapEnvSource,
    ConfigMapKeySelector,
    EmptyDirVolumeSource,
    EnvFromSource,
    EnvVar,
    EnvVarSource,
    ExecAction,
    Lifecycle,
    LifecycleHandler,
    LocalObjectReference,
    ObjectFieldSelector,
    Pod,
    Probe,
    Secret,
    SecurityContext,
    Volume,
    VolumeMount,
)
from pybernetes.api.meta import ObjectMeta
from pybernetes.client.client import STRATEGIC_MERGE_PATCH
from pybernetes.kubelet.cri import messages as m
from pybernetes.kubelet.cri.protocol import RuntimeServiceError


def message(pod: Pod) -> str:
    state = status(pod).state.waiting
    return (state.message or "") if state is not None else ""


async def test_missing_image_is_pulled(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        n.runtime.add_image("reg.test/app:1", in_registry=True)
        n.runtime.pull_seconds = 1.2
        await n.run(container(image="reg.test/app:1"))
        await n.until(ready)
        assert (await n.events())[:2] == [
            ("Normal", "Pulling", 'Pulling image "reg.test/app:1"'),
            (
                "Normal",
                "Pulled",
                'Successfully pulled image "reg.test/app:1" in 1.2s (1.2s including waiting). Image size: 1000 bytes.',
            ),
        ]


async def test_failing_pull_goes_from_error_to_back_off_and_heals(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await n.run(container(image="reg.test/none:1"))
        pod = await n.until(lambda p: waiting(p) == "ErrImagePull")
        assert "reg.test/none:1: not found" in message(pod) and pod.status.phase == "Pending"
        pod = await n.until(lambda p: waiting(p) == "ImagePullBackOff")
        assert message(pod).startswith(
            'Back-off pulling image "reg.test/none:1": ErrImagePull: rpc error: code = NotFound'
        )
        reasons = [(t, r) for t, r, _ in await n.events()]
        assert reasons[:5] == [
            ("Normal", "Pulling"),
            ("Warning", "Failed"),
            ("Warning", "Failed"),
            ("Normal", "BackOff"),
            ("Warning", "Failed"),
        ]
        n.runtime.add_image("reg.test/none:1", in_registry=True)
        await n.until(ready, seconds=400)


async def test_pulls_back_off_longer_and_longer(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await n.run(container(image="reg.test/none:1"))
        await n.clock.sleep(80)
        assert len([c for c in n.runtime.calls if c[0] == "pull_image"]) == 4  # at 0, 10, 30, 70


@pytest.mark.parametrize(
    ("image", "policy", "reason", "text"),
    [
        (
            "reg.test/none:1",
            "Never",
            "ErrImageNeverPull",
            'Container image "reg.test/none:1" is not present with pull policy of Never',
        ),
        ("reg.test/App:1", "IfNotPresent", "InvalidImageName", "repository name must be lowercase"),
        ("a b", "IfNotPresent", "InvalidImageName", "invalid reference format"),
    ],
)
async def test_images_that_are_not_pulled(tmp_path: Path, image: str, policy: str, reason: str, text: str) -> None:
    async with node(tmp_path) as n:
        await n.run(container(image=image, image_pull_policy=policy))
        pod = await n.until(lambda p: waiting(p) == reason)
        assert text in message(pod)
        assert not [c for c in n.runtime.calls if c[0] == "pull_image"]


async def test_pull_policy_always_pulls_what_is_there(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        n.runtime.add_image(IMAGE, in_registry=True)
        await n.run(container(image_pull_policy="Always"))
        await n.until(ready)
        assert ("pull_image", IMAGE) in n.runtime.calls


async def test_pull_secret_is_used(tmp_path: Path) -> None:
    used: list[Any] = []
    async with node(tmp_path) as n:
        pull = n.runtime.pull_image

        async def watched(image: str, auth: m.AuthConfig | None = None, sandbox: Any = None) -> str:
            used.append(auth)
            return await pull(image, auth, sandbox)

        n.runtime.pull_image = watched  # type: ignore[method-assign]
        n.runtime.add_image("reg.test/app:1", in_registry=True)
        data = b'{"auths":{"https://reg.test":{"username":"u","password":"p"}}}'
        secret = Secret(
            metadata=ObjectMeta(name="pull", namespace="default"),
            type="kubernetes.io/dockerconfigjson",
            data={".dockerconfigjson": data},
        )
        await n.client.create(secret)
        await n.run(container(image="reg.test/app:1"), image_pull_secrets=[LocalObjectReference(name="pull")])
        await n.until(ready)
        assert [(a.username, a.password) for a in used] == [("u", "p")]


async def test_an_image_of_one_pods_secret_is_not_everybodys(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        n.runtime.add_image("reg.test/app:1", in_registry=True)
        pull = n.runtime.pull_image

        async def guarded(image: str, auth: m.AuthConfig | None = None, sandbox: Any = None) -> str:
            if auth is None:
                raise RuntimeServiceError("UNKNOWN", "unauthorized")
            return await pull(image, auth, sandbox)

        n.runtime.pull_image = guarded  # type: ignore[method-assign]
        data = b'{"auths":{"https://reg.test":{"username":"u","password":"p"}}}'
        secret = Secret(
            metadata=ObjectMeta(name="pull", namespace="default"),
            type="kubernetes.io/dockerconfigjson",
            data={".dockerconfigjson": data},
        )
        await n.client.create(secret)
        keys = [LocalObjectReference(name="pull")]
        await n.run(container(image="reg.test/app:1"), image_pull_secrets=keys)
        await n.until(ready)
        await n.run(container(image="reg.test/app:1"), name="friend", image_pull_secrets=keys)
        await n.until(ready, "friend")
        assert [call for call, _ in n.runtime.calls].count("pull_image") == 1
        await n.run(container(image="reg.test/app:1"), name="stranger")
        await n.until(lambda p: waiting(p) == "ErrImagePull", "stranger")
        await n.run(container(image="reg.test/app:1", image_pull_policy="Never"), name="offline")
        refused = await n.until(lambda p: waiting(p) == "ErrImageNeverPull", "offline")
        assert message(refused) == (
            'Container image "reg.test/app:1" is present with pull policy of Never but does not have the proper '
            "credentials to access the image"
        )


def config(n: World) -> m.ContainerConfig:
    return n.runtime.configs[n.runtime.container("web").id]


def env(n: World) -> dict[str, str]:
    return {e.key: e.value for e in config(n).envs}


async def test_missing_config_map_holds_the_container_back_until_it_is_there(tmp_path: Path) -> None:
    reference = EnvVarSource(config_map_key_ref=ConfigMapKeySelector(name="settings", key="color"))
    async with node(tmp_path) as n:
        await n.run(container(env=[EnvVar(name="COLOR", value_from=reference)]))
        pod = await n.until(lambda p: waiting(p) == "CreateContainerConfigError")
        assert message(pod) == 'configmap "settings" not found'
        assert ("Warning", "Failed", 'Error: configmap "settings" not found') in await n.events()
        meta = ObjectMeta(name="settings", namespace="default")
        await n.client.create(ConfigMap(metadata=meta, data={"color": "blue"}))
        await n.until(ready)
        assert env(n)["COLOR"] == "blue"


async def test_environment_from_every_source(tmp_path: Path) -> None:
    field = EnvVarSource(field_ref=ObjectFieldSelector(field_path="status.podIP"))
    async with node(tmp_path) as n:
        meta = ObjectMeta(name="settings", namespace="default")
        await n.client.create(ConfigMap(metadata=meta, data={"color": "blue"}))
        await n.run(
            container(
                env=[
                    EnvVar(name="IP", value_from=field),
                    EnvVar(name="URL", value="http://$(IP):$(PORT)/$$(IP)"),
                ],
                env_from=[EnvFromSource(prefix="X_", config_map_ref=ConfigMapEnvSource(name="settings"))],
                command=["serve", "$(URL)"],
            )
        )
        await n.until(ready)
        own = {name: value for name, value in env(n).items() if not name.startswith("KUBERNETES_")}
        assert env(n)["KUBERNETES_SERVICE_HOST"] == "10.96.0.1"
        assert own == {"X_color": "blue", "IP": "10.244.0.2", "URL": "http://10.244.0.2:$(PORT)/$(IP)"}
        assert config(n).command == ["serve", "http://10.244.0.2:$(PORT)/$(IP)"]


async def test_volume_that_cannot_be_mounted_is_reported_and_tried_again(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        n.volumes.problem = 'MountVolume.SetUp failed for volume "data" : secret "s" not found'
        mount = VolumeMount(name="data", mount_path="/data", sub_path="in")
        volume = Volume(name="data", empty_dir=EmptyDirVolumeSource())
        await n.run(container(volume_mounts=[mount]), volumes=[volume])
        pod = await n.until(lambda p: waiting(p) == "ContainerCreating")
        assert ("Warning", "FailedMount", n.volumes.problem) in await n.events()
        n.volumes.problem = ""
        await n.until(ready)
        found = {x.container_path: x.host_path for x in config(n).mounts}
        assert found["/data"] == "/volumes/data/in"
        assert found["/etc/hosts"].endswith(f"/pods/{pod.metadata.uid}/etc-hosts")
        assert found["/dev/termination-log"].endswith("/containers/web/0")


async def test_what_shows_objects_and_what_is_asked_for_so_cannot_be_written(tmp_path: Path) -> None:
    sources: dict[str, dict[str, Any]] = {
        "empty": {"emptyDir": {}},
        "settings": {"configMap": {"name": "s"}},
        "keys": {"secret": {"secretName": "s"}},
        "labels": {"downwardAPI": {"items": []}},
        "all": {"projected": {"sources": []}},
        "claimed": {"persistentVolumeClaim": {"claimName": "c"}},
        "claimed-to-read": {"persistentVolumeClaim": {"claimName": "c", "readOnly": True}},
        "inline-to-read": {"csi": {"driver": "d.example", "readOnly": True}},
    }
    async with node(tmp_path) as n:
        mounts = [VolumeMount(name=name, mount_path=f"/{name}") for name in sources]
        volumes = [msgspec.convert({"name": name, **source}, Volume) for name, source in sources.items()]
        await n.run(container(volume_mounts=mounts), volumes=volumes)
        await n.until(ready)
        written = [x.container_path for x in config(n).mounts if x.container_path[1:] in sources and not x.readonly]
        assert written == ["/empty", "/claimed"]


async def test_sandbox_that_cannot_be_made_is_reported_and_tried_again(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        n.runtime.fail("run_sandbox", "UNKNOWN", "no space")
        await n.run()
        await n.until(ready)
        text = "Failed to create pod sandbox: rpc error: code = Unknown desc = no space"
        assert ("Warning", "FailedCreatePodSandBox", text) in await n.events()


async def test_a_pod_without_room_for_its_logs_is_told_so_and_tried_again(tmp_path: Path) -> None:
    blocked = tmp_path / "log"
    blocked.write_text("no directory")
    async with node(tmp_path, logs_directory=str(blocked / "pods")) as n:
        await n.run()
        said: list[str] = []
        async with asyncio.timeout(60):
            while not said:
                said = [text for _, reason, text in await n.events() if reason == "FailedCreatePodSandBox"]
        why = f"[Errno 20] Not a directory: '{blocked / 'pods'}"
        assert said[0].startswith(f"Failed to create pod sandbox: create pod log directory failed: {why}")
        blocked.unlink()
        await n.until(ready)


async def test_command_that_cannot_be_run(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        n.runtime.fail("start_container", "UNKNOWN", 'exec: "nope": executable file not found in $PATH')
        await n.run()
        pod = await n.until(lambda p: waiting(p) == "RunContainerError")
        assert "executable file not found" in message(pod)
        await n.until(ready)


async def test_root_image_breaks_run_as_non_root(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await n.run(container(security_context=SecurityContext(run_as_non_root=True)))
        pod = await n.until(lambda p: waiting(p) == "CreateContainerConfigError")
        assert message(pod).startswith("container has runAsNonRoot and image will run as root (pod:")


async def test_termination_message_is_read(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await n.run(restart_policy="Never")
        await n.until(ready)
        path = next(x.host_path for x in config(n).mounts if x.container_path == "/dev/termination-log")
        Path(path).write_text("out of coffee")
        n.runtime.finish(n.runtime.container("web").id, 1)
        pod = await n.until(lambda p: status(p).state.terminated)
        assert status(pod).state.terminated.message == "out of coffee"  # type: ignore[union-attr]


async def test_log_end_stands_in_for_the_message_after_an_error(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await n.run(container(termination_message_policy="FallbackToLogsOnError"), restart_policy="Never")
        created = await n.until(ready)
        log = n.kubelet.log_path(created, "web")
        assert log is not None
        Path(log).write_text("2026-01-01T00:00:00Z stdout F one\n2026-01-01T00:00:00Z stderr F two\n")
        n.runtime.finish(n.runtime.container("web").id, 1)
        pod = await n.until(lambda p: status(p).state.terminated)
        assert status(pod).state.terminated.message == "one\ntwo\n"  # type: ignore[union-attr]


def hook(text: str) -> LifecycleHandler:
    return LifecycleHandler(exec=ExecAction(command=[text]))


async def test_hooks_run_after_the_start_and_before_the_stop(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await n.run(container(lifecycle=Lifecycle(post_start=hook("hello"), pre_stop=hook("bye"))))
        await n.until(ready)
        assert n.hooks.ran == [("web", "hello")]
        n.hooks.seconds = 4.0
        before = n.clock.monotonic()
        await n.client.delete(Pod, "web", "default", grace_period_seconds=10)
        await n.until_gone()
        assert n.hooks.ran[1:] == [("web", "bye")] and 4 <= n.clock.monotonic() - before < 6


async def test_hook_that_outlives_the_grace_period_is_cut_off(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await n.run(container(lifecycle=Lifecycle(pre_stop=hook("bye"))))
        await n.until(ready)
        n.hooks.seconds = 1000.0
        before = n.clock.monotonic()
        await n.client.delete(Pod, "web", "default", grace_period_seconds=10)
        await n.until_gone()
        assert 10 <= n.clock.monotonic() - before < 14


async def test_failing_post_start_hook_ends_the_container(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        n.hooks.failing.add("web")
        await n.run(container(lifecycle=Lifecycle(post_start=hook("hello"))))
        await n.until(lambda p: p.status.container_statuses and status(p).restart_count >= 1)
        assert ("Warning", "FailedPostStartHook", "PostStartHook failed: exit code 1") in await n.events()


async def test_after_a_failed_post_start_hook_the_container_ends_with_its_pre_stop_hook(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        n.hooks.failing.add("web")
        n.runtime.ignores_stop.add("web")
        lifecycle = Lifecycle(post_start=hook("hello"), pre_stop=hook("goodbye"))
        await n.run(container(lifecycle=lifecycle), restart_policy="Never", termination_grace_period_seconds=20)
        pod = await n.until(phase("Failed"))
        ended = status(pod).state.terminated
        assert ended is not None and ended.started_at is not None and ended.finished_at is not None
        assert (ended.finished_at - ended.started_at).total_seconds() >= 20
        assert n.hooks.ran == [("web", "hello"), ("web", "goodbye")]


async def test_liveness_failure_restarts_the_container(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        created = await n.run(container(liveness_probe=Probe(exec=ExecAction(command=["true"]))))
        await n.until(ready)
        n.probes.say(created.metadata.uid or "", "web", "liveness", False)
        await n.until(lambda p: status(p).restart_count == 1 and ready(p))
        assert ("Normal", "Killing", "Container web failed liveness probe, will be restarted") in await n.events()


async def set_image(n: World, field: str, name: str) -> None:
    """Have a container of the pod run another image."""
    body = {"spec": {field: [{"name": name, "image": "localhost/busybox:2"}]}}
    await n.client.patch(Pod, "web", "default", body=body, content_type=STRATEGIC_MERGE_PATCH)


@pytest.mark.parametrize("policy", ["OnFailure", "Never"])
async def test_a_new_image_is_run_whatever_the_restart_policy(tmp_path: Path, policy: str) -> None:
    async with node(tmp_path) as n:
        n.runtime.add_image("localhost/busybox:2")
        await n.run(restart_policy=policy)
        await n.until(ready)
        await set_image(n, "containers", "web")
        pod = await n.until(lambda p: status(p).restart_count == 1 and ready(p))
        assert status(pod).image == "localhost/busybox:2"


@pytest.mark.parametrize(("policy", "restarts"), [("OnFailure", 1), ("Never", 0)])
async def test_a_container_that_fails_its_probe_and_ends_well(tmp_path: Path, policy: str, restarts: int) -> None:
    async with node(tmp_path) as n:
        created = await n.run(container(liveness_probe=Probe(exec=ExecAction(command=["true"]))), restart_policy=policy)
        await n.until(ready)
        n.runtime.ends_well.add("web")
        n.probes.say(created.metadata.uid or "", "web", "liveness", False)
        if restarts:
            await n.until(lambda p: status(p).restart_count == 1 and ready(p))
        else:
            await n.until(phase("Succeeded"))
            assert ("Normal", "Killing", "Container web failed liveness probe") in await n.events()


async def test_a_running_init_container_is_started_and_not_replaced(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        n.runtime.add_image("localhost/busybox:2")
        await n.run(init=[container("first")])
        pod = await n.until(lambda p: p.status.init_container_statuses and status(p, "first").state.running)
        assert status(pod, "first").started and not status(pod, "first").ready
        await set_image(n, "initContainers", "first")
        await n.until(lambda p: p.status.observed_generation == 2)
        n.runtime.finish(n.runtime.container("first").id, 0)
        pod = await n.until(ready)
        assert status(pod, "first").restart_count == 0 and not status(pod, "first").started


async def test_readiness_decides_about_ready(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        created = await n.run(container(readiness_probe=Probe(exec=ExecAction(command=["true"]))))
        uid = created.metadata.uid or ""
        await n.until(lambda p: p.status.phase == "Running" and not ready(p))
        n.probes.say(uid, "web", "readiness", True)
        await n.until(ready)
        n.probes.say(uid, "web", "readiness", False)
        pod = await n.until(lambda p: not ready(p))
        assert status(pod).restart_count == 0


async def test_a_pod_of_two_families_knows_both_of_its_and_of_its_nodes_addresses(tmp_path: Path) -> None:
    fields = ("status.podIP", "status.podIPs", "status.hostIP", "status.hostIPs")
    async with node(tmp_path, node_ips=("172.30.0.11", "fd30::11")) as n:
        n.runtime.second_subnet = "fd00:"
        names = [
            EnvVar(name=path, value_from=EnvVarSource(field_ref=ObjectFieldSelector(field_path=path)))
            for path in fields
        ]
        await n.run(container(env=names))
        pod = await n.until(ready)
        first, second = [entry.ip for entry in pod.status.pod_ips or ()]
        assert pod.status.pod_ip == first and (":" in first, ":" in second) == (False, True)
        assert [entry.ip for entry in pod.status.host_ips or ()] == ["172.30.0.11", "fd30::11"]
        expected = (first, f"{first},{second}", "172.30.0.11", "172.30.0.11,fd30::11")
        assert [env(n)[path] for path in fields] == list(expected)
        (hosts,) = tmp_path.glob("kubelet/pods/*/etc-hosts")
        assert hosts.read_text() == f"{first} web\n{second} web\n"
        known = (await n.node()).status.addresses or []
        assert [entry.address for entry in known if entry.type == "InternalIP"] == ["172.30.0.11", "fd30::11"]
