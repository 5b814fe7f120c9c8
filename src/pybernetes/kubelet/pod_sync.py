"""Carry out one step of a pod's life: the effects behind the actions of `pod_worker.py`.

    CreateSandbox   cgroup, directories, volumes ──▶ sandbox ──▶ /etc/hosts
    StartContainer  image ──▶ environment, mounts, security ──▶ create ──▶ start ──▶ postStart
    KillContainer   event ──▶ preStop ──▶ stop with what is left of the grace period
    StopSandbox     stop

`PodSync` serves all pods of the node and remembers nothing about them; what a pod keeps between steps is in its
`PodFiles`. A step that fails raises `StepError` with the waiting reason to show and when to try again. Events have
upstream's reasons and messages, which people and scripts read.
"""

import asyncio
import os
import shutil
from collections.abc import Callable, Mapping, Sequence

import msgspec

from ..api.core import Container, EphemeralContainer, Pod
from ..api.status import StatusError, is_not_found
from ..base.clock import Clock
from ..base.log import logger
from .config import KubeletConfig
from .container_config import (
    DEFAULT_MESSAGE_PATH,
    HOSTS_PATH,
    ContainerSettings,
    SandboxSettings,
    check_recursive_read_only,
    container_config,
    pod_logs_directory,
    read_only_volumes,
    sandbox_config,
    sub_path,
    volume_devices,
    volume_mount,
)
from .container_hooks import MINIMUM_STOP_SECONDS, ContainerHooks
from .cri import messages as m
from .cri.protocol import ContainerRuntime, RuntimeServiceError
from .devices.manager import DevicesOfContainer
from .downward import DownwardError, container_named, field_value, resource_value
from .environment import ConfigError, EnvironmentSources, environment, references
from .image_volumes import ImageVolumeError, ImageVolumes
from .images import ImageError, ImageManager
from .old_runs import remove_old_runs, remove_run
from .parts import DeviceError, NodeView, Parts, VolumeError
from .pod_files import text_in_volume, text_of_node
from .pod_runtime import PodRuntime
from .pod_worker import CreateSandbox, KillContainer, RemoveContainers, StartContainer, StopSandbox, pod_id
from .restart_policy import container_named as any_container_named
from .termination_order import TerminationTurns
from .unbroken import to_the_end

log = logger(__name__)

RETRY_SECONDS = 10.0
MOUNT_RETRY_SECONDS = 2.0
SANDBOX_RETRY_SECONDS = 5.0
RESIZE_RETRY_SECONDS = 10.0
EVENT_CONTAINER_CREATED = "Container created"
EVENT_CONTAINER_STARTED = "Container started"


class StepError(Exception):
    """A step failed: the waiting reason and message to show, and in how many seconds to try again."""

    def __init__(self, reason: str, message: str, retry_seconds: float) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_seconds = retry_seconds


class PodFiles(msgspec.Struct):
    """What a pod keeps between steps: where its volumes are mounted (None = not yet)."""

    volumes: dict[str, str] | None = None


Configured = Callable[[Container], None]
"""Told that a container runs, and with which resources."""
Recorder = Callable[[Pod, str, str, str, str], None]
"""(pod, container name or "", type, reason, message)."""


class PodSync:
    """Effects for all pods of a node; every method is one step of one pod."""

    def __init__(
        self,
        config: KubeletConfig,
        runtime: ContainerRuntime,
        parts: Parts,
        images: ImageManager,
        node: NodeView,
        event: Recorder,
        clock: Clock,
    ) -> None:
        self._config = config
        self._runtime = runtime
        self._parts = parts
        self._images = images
        self._image_volumes = ImageVolumes(runtime, images, parts.image_mounts)
        self._node = node
        self._event = event
        self._hooks = ContainerHooks(runtime, parts.run_hook, event, clock)
        self._seccomp = os.path.join(config.root_directory, "seccomp")

    # Directories and files of a pod.

    def pod_directory(self, uid: str) -> str:
        return os.path.join(self._config.root_directory, "pods", uid)

    def logs_directory(self, pod: Pod) -> str:
        meta = pod.metadata
        return pod_logs_directory(self._config.logs_directory, meta.namespace or "", meta.name or "", meta.uid or "")

    async def mount_volumes(self, pod: Pod, files: PodFiles) -> dict[str, str]:
        """Mount what the pod needs, once. StepError with the event FailedMount."""
        if files.volumes is None:
            try:
                files.volumes = await self._parts.volumes.mount(pod)
            except VolumeError as error:
                self._event(pod, "", "Warning", error.reason, str(error))
                raise StepError("", str(error), MOUNT_RETRY_SECONDS) from None
        return files.volumes

    async def refresh_volumes(self, pod: Pod) -> None:
        """Show the pod's new labels and annotations in its downwardAPI volumes; a failure leaves the old ones."""
        try:
            await self._parts.volumes.refresh(pod)
        except VolumeError as error:
            log.warning("Volumes were not refreshed", pod=pod_id(pod), err=error)

    # The sandbox.

    def _sandbox_config(self, pod: Pod, attempt: int, cgroup_parent: str) -> m.PodSandboxConfig:
        dns = self._parts.dns_config(
            pod, self._config.cluster_dns, self._config.cluster_domain, text_of_node(self._config.host_resolv_conf)
        )
        return sandbox_config(
            pod,
            SandboxSettings(
                attempt=attempt,
                logs_directory=self._config.logs_directory,
                cgroup_parent=cgroup_parent,
                dns=dns,
                cluster_domain=self._config.cluster_domain,
                seccomp_directory=self._seccomp,
            ),
        )

    async def create_sandbox(self, pod: Pod, files: PodFiles, action: CreateSandbox) -> None:
        """Everything a pod needs before its first container. StepError."""
        if action.replaces:
            message = "Pod sandbox changed, it will be killed and re-created."
            self._event(pod, "", "Normal", "SandboxChanged", message)
            for sandbox_id in action.replaces:
                await self._quiet_stop(sandbox_id)
        try:
            cgroup_parent = self._parts.cgroups.ensure(pod)
        except OSError as error:
            message = (
                f"failed to ensure that the pod: {pod.metadata.uid} cgroups exist and are correctly applied: {error}"
            )
            self._event(pod, "", "Warning", "FailedCreatePodContainer", message)
            raise StepError("", message, SANDBOX_RETRY_SECONDS) from None
        self._make_directories(pod)
        if not pod.spec.host_network:
            await self._node.network_ready()
        await self.mount_volumes(pod, files)
        if self._parts.devices is not None:
            try:
                await self._parts.devices.prepare(pod)
            except DeviceError as error:
                raise self._no_devices(pod, error) from None
        try:
            config = self._sandbox_config(pod, action.attempt, cgroup_parent)
        except ConfigError as error:
            raise self._no_sandbox(pod, str(error)) from None
        try:
            handler = await self._node.runtime_handler(pod)
        except StatusError as error:
            why = str(error)
            if is_not_found(error):
                why = f'runtimeclass.node.k8s.io "{pod.spec.runtime_class_name}" not found'
            raise self._no_sandbox(pod, why) from None
        if pod.spec.host_users is False:
            # containerd 1.6 would silently give the pod the node's own users.
            raise self._no_sandbox(pod, f'RuntimeClass handler "{handler}" does not support user namespaces')
        try:
            await to_the_end(self._runtime.run_sandbox(config, handler))
        except RuntimeServiceError as error:
            raise self._no_sandbox(pod, str(error)) from None

    def _make_directories(self, pod: Pod) -> None:
        """StepError with the event that says where there is no room for the pod or its logs."""
        try:
            os.makedirs(self.pod_directory(pod.metadata.uid or ""), 0o750, exist_ok=True)
        except OSError as error:
            message = f"error making pod data directories: {error}"
            self._event(pod, "", "Warning", "FailedToMakePodDataDirectories", message)
            raise StepError("", message, SANDBOX_RETRY_SECONDS) from None
        try:
            os.makedirs(self.logs_directory(pod), 0o755, exist_ok=True)
        except OSError as error:
            raise self._no_sandbox(pod, f"create pod log directory failed: {error}") from None

    def _no_sandbox(self, pod: Pod, why: str) -> StepError:
        message = f"Failed to create pod sandbox: {why}"
        self._event(pod, "", "Warning", "FailedCreatePodSandBox", message)
        return StepError("", message, SANDBOX_RETRY_SECONDS)

    async def stop_sandbox(self, pod: Pod, action: StopSandbox) -> None:
        """StepError with the event FailedKillPod."""
        try:
            await self._runtime.stop_sandbox(action.id)
        except RuntimeServiceError as error:
            message = f'error killing pod: failed to "KillPodSandbox" for "{pod.metadata.uid}" with: {error}'
            self._event(pod, "", "Warning", "FailedKillPod", message)
            raise StepError("", message, SANDBOX_RETRY_SECONDS) from None

    async def _quiet_stop(self, sandbox_id: str) -> None:
        try:
            await self._runtime.stop_sandbox(sandbox_id)
        except RuntimeServiceError as error:
            log.warning("Old sandbox was not stopped", sandbox=sandbox_id, err=error)

    # Containers.

    async def start_container(
        self, pod: Pod, runtime: PodRuntime, files: PodFiles, action: StartContainer, configured: Configured
    ) -> None:
        """From image to postStart. StepError, ImageError."""
        container = any_container_named(pod, action.name)
        sandbox = runtime.sandbox
        if container is None or sandbox is None:
            return
        for stale in runtime.runs(action.name):
            if stale.state in ("created", "unknown"):
                await self._runtime.remove_container(stale.id)
        volumes = await self.mount_volumes(pod, files)
        pod_ips = sandbox.ips or tuple(self._node.host_ips)
        of_sandbox = self._sandbox_config(pod, sandbox.attempt, self._parts.cgroups.ensure(pod))
        try:
            image = await self._images.ensure(pod, container, of_sandbox)
            await self._image_volumes.mount(pod, container, volumes, of_sandbox)
        except ImageError as error:
            self._event(pod, container.name, "Warning", "Failed", f"Error: {error.reason}")
            raise
        except ImageVolumeError as error:
            self._event(pod, container.name, "Warning", "Failed", f"Error: {error}")
            raise StepError("CreateContainerError", str(error), RETRY_SECONDS) from None
        try:
            config = await self._container_config(pod, container, runtime, action, volumes, image, pod_ips)
        except (ConfigError, DownwardError, VolumeError, OSError) as error:
            self._event(pod, container.name, "Warning", "Failed", f"Error: {error}")
            raise StepError("CreateContainerConfigError", str(error), RETRY_SECONDS) from None
        container_id = await self._create_and_start(pod, container, sandbox.id, config, of_sandbox)
        if isinstance(container, Container):
            configured(container)
            if failed := await self._hooks.post_start(pod, container, container_id, next(iter(pod_ips), "")):
                raise StepError("PostStartHookError", failed, 1.0)

    async def _create_and_start(
        self,
        pod: Pod,
        container: Container | EphemeralContainer,
        sandbox_id: str,
        config: m.ContainerConfig,
        of_sandbox: m.PodSandboxConfig,
    ) -> str:
        os.makedirs(os.path.join(of_sandbox.log_directory, container.name), 0o755, exist_ok=True)
        try:
            container_id = await to_the_end(self._runtime.create_container(sandbox_id, config, of_sandbox))
        except RuntimeServiceError as error:
            self._event(pod, container.name, "Warning", "Failed", f"Error: {error.message}")
            raise StepError("CreateContainerError", error.message, RETRY_SECONDS) from None
        self._event(pod, container.name, "Normal", "Created", EVENT_CONTAINER_CREATED)
        try:
            await to_the_end(self._runtime.start_container(container_id))
        except RuntimeServiceError as error:
            self._event(pod, container.name, "Warning", "Failed", f"Error: {error.message}")
            raise StepError("RunContainerError", error.message, 1.0) from None
        self._event(pod, container.name, "Normal", "Started", EVENT_CONTAINER_STARTED)
        return container_id

    async def _container_config(
        self,
        pod: Pod,
        container: Container | EphemeralContainer,
        runtime: PodRuntime,
        action: StartContainer,
        volumes: Mapping[str, str],
        image: m.Image,
        pod_ips: Sequence[str],
    ) -> m.ContainerConfig:
        uid = pod.metadata.uid or ""
        variables = await self._environment(pod, container, pod_ips, volumes)
        target = container.target_container_name if isinstance(container, EphemeralContainer) else None
        beside = runtime.current(target) if target else None
        hosts = os.path.join(self.pod_directory(uid), "etc-hosts")
        if all(mount.mount_path != HOSTS_PATH for mount in container.volume_mounts or ()):
            self._parts.write_hosts(pod, pod_ips, hosts)
        message_path = self._message_file(pod, container, action.restarts)
        settings = ContainerSettings(
            restarts=action.restarts,
            image_id=image.id,
            image_uid=image.uid,
            image_user=image.username,
            environment=variables,
            mounts=self._mounts(pod, container, volumes, variables),
            devices=volume_devices(container, volumes),
            granted=await self._granted(pod, container),
            hosts_path=hosts,
            message_path=message_path,
            resources=self._resources(pod, container),
            target_id=beside.id if beside is not None else "",
            seccomp_directory=self._seccomp,
            seccomp_default=self._config.seccomp_default,
        )
        return container_config(pod, container, settings)

    async def _granted(self, pod: Pod, container: Container | EphemeralContainer) -> DevicesOfContainer:
        """The devices a container asks for. StepError."""
        if self._parts.devices is None or isinstance(container, EphemeralContainer):
            return DevicesOfContainer()
        try:
            return await self._parts.devices.allocate(pod, container)
        except DeviceError as error:
            raise self._no_devices(pod, error) from None

    def _no_devices(self, pod: Pod, error: DeviceError) -> StepError:
        self._event(pod, "", "Warning", error.event, str(error))
        return StepError(error.reason, str(error), SANDBOX_RETRY_SECONDS)

    def _resources(self, pod: Pod, container: Container | EphemeralContainer) -> m.LinuxContainerResources | None:
        if isinstance(container, EphemeralContainer):
            return None
        return self._parts.container_resources(pod, container, self._node.allocatable())

    def _message_file(self, pod: Pod, container: Container | EphemeralContainer, restarts: int) -> str:
        """An empty file the container may write its last words to, mounted at terminationMessagePath."""
        inside = container.termination_message_path or DEFAULT_MESSAGE_PATH
        if not inside.startswith("/"):
            return ""
        directory = os.path.join(self.pod_directory(pod.metadata.uid or ""), "containers", container.name)
        os.makedirs(directory, 0o750, exist_ok=True)
        path = os.path.join(directory, str(restarts))
        with open(path, "wb"):
            os.chmod(path, 0o666)
        return path

    async def _environment(
        self, pod: Pod, container: Container | EphemeralContainer, pod_ips: Sequence[str], volumes: Mapping[str, str]
    ) -> dict[str, str]:
        namespace = pod.metadata.namespace or ""
        wanted = references(container)
        config_maps = {n: await self._node.config_map(namespace, n) for n in sorted(wanted.config_maps)}
        secrets = {n: await self._node.secret(namespace, n) for n in sorted(wanted.secrets)}
        await self._node.services_synced()
        hosts = self._node.host_ips
        values = {
            "status.podIP": next(iter(pod_ips), ""),
            "status.podIPs": ",".join(pod_ips),
            "status.hostIP": hosts[0] if hosts else "",
            "status.hostIPs": ",".join(hosts),
            "spec.nodeName": self._config.node_name,
        }
        sources = EnvironmentSources(
            config_maps={name: found for name, found in config_maps.items() if found is not None},
            secrets={name: found for name, found in secrets.items() if found is not None},
            services=self._node.service_variables(pod),
            file=lambda volume, path: text_in_volume(volumes, volume, path),
            field=lambda path: field_value(pod, path, values),
            resource=lambda name, resource, divisor: resource_value(
                pod, container_named(pod, name), resource, divisor, self._node.allocatable()
            ),
        )
        variables, skipped = environment(pod, container, sources)
        for source, keys in skipped.items():
            message = (
                f"Keys [{', '.join(keys)}] from the EnvFrom {source} were skipped since they are considered invalid "
                "environment variable names."
            )
            self._event(pod, "", "Warning", "InvalidEnvironmentVariableNames", message)
        return variables

    def _mounts(
        self,
        pod: Pod,
        container: Container | EphemeralContainer,
        volumes: Mapping[str, str],
        variables: Mapping[str, str],
    ) -> list[m.Mount]:
        mounts = []
        read_only = read_only_volumes(pod)
        for mount in container.volume_mounts or ():
            if mount.name not in volumes:
                raise ConfigError(f'cannot find volume "{mount.name}" to mount into container "{container.name}"')
            check_recursive_read_only(mount)
            host_path = volumes[mount.name]
            inner = sub_path(mount, variables)
            if inner:
                host_path = self._parts.volumes.subpath(pod, host_path, inner)
            mounts.append(
                volume_mount(
                    host_path=host_path,
                    container_path=mount.mount_path,
                    read_only=bool(mount.read_only) or mount.name in read_only,
                    propagation=mount.mount_propagation,
                )
            )
        return mounts

    async def resize(
        self, pod: Pod, runtime: PodRuntime, containers: Sequence[Container], configured: Configured
    ) -> None:
        """Give running containers the resources the pod's spec says. StepError.

        The kernel allows no child more CPU than its parent: the pod's cgroup grows first and shrinks last."""
        try:
            grows = self._parts.cgroups.grows(pod)
            if grows:
                self._parts.cgroups.update(pod)
            for container in containers:
                run = runtime.current(container.name)
                resources = self._resources(pod, container)
                if run is None or resources is None:
                    continue
                await self._runtime.update_resources(run.id, resources)
                configured(container)
            if not grows:
                self._parts.cgroups.update(pod)
        except (RuntimeServiceError, OSError) as error:
            raise StepError("", str(error), RESIZE_RETRY_SECONDS) from None

    # Ends.

    async def kill_container(self, pod: Pod, action: KillContainer, pod_ip: str, turns: TerminationTurns) -> None:
        """preStop, the container's turn, then stop within what is left of the grace period. StepError."""
        self._event(pod, action.name, "Normal", "Killing", action.message)
        container = any_container_named(pod, action.name)
        grace = action.grace_seconds
        if isinstance(container, Container) and container.lifecycle is not None and action.reason != "reset":
            grace = await self._hooks.pre_stop(pod, container, action, pod_ip)
        if action.after:
            grace = max(grace - int(await turns.wait(action.after, grace)), MINIMUM_STOP_SECONDS)
        try:
            await self._runtime.stop_container(action.id, grace)
        except RuntimeServiceError as error:
            raise StepError("", str(error), SANDBOX_RETRY_SECONDS) from None

    async def remove_containers(self, pod: Pod, runtime: PodRuntime, action: RemoveContainers) -> None:
        """Remove ended runs and their logs. StepError."""
        runs = {run.id: run for run in runtime.containers}
        try:
            for id_ in action.ids:
                await remove_run(self._runtime, self.logs_directory(pod), runs[id_])
        except RuntimeServiceError as error:
            raise StepError("", str(error), SANDBOX_RETRY_SECONDS) from None

    # After the end.

    async def release(self, pod: Pod, files: PodFiles) -> None:
        """Nothing runs any more: give volumes and cgroup back. VolumeError, DeviceError, OSError."""
        self._parts.probes.stop(pod.metadata.uid or "", None)
        await self._parts.volumes.unmount(pod.metadata.uid or "")
        files.volumes = None
        if self._parts.devices is not None:
            await self._parts.devices.release(pod.metadata.uid or "")
        await self._image_volumes.release(pod)
        self._parts.cgroups.remove(pod.metadata.uid or "")

    async def forget(self, pod: Pod, runtime: PodRuntime) -> None:
        """The pod is gone from the API: remove sandboxes, containers, logs and files."""
        for sandbox in runtime.sandboxes:
            try:
                await self._runtime.remove_sandbox(sandbox.id)
            except RuntimeServiceError as error:
                log.warning("Sandbox was not removed", sandbox=sandbox.id, err=error)
        self._images.forget(pod.metadata.uid or "")
        await asyncio.to_thread(self._delete_files, pod)

    def _delete_files(self, pod: Pod) -> None:
        shutil.rmtree(self.logs_directory(pod), ignore_errors=True)
        shutil.rmtree(os.path.join(self.pod_directory(pod.metadata.uid or ""), "containers"), ignore_errors=True)

    async def remove_old_runs(self, pod: Pod, runtime: PodRuntime) -> None:
        """Keep KEPT_RUNS of each container; remove older ones and their logs."""
        await remove_old_runs(self._runtime, self.logs_directory(pod), runtime)
