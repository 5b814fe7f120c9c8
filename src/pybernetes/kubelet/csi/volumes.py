"""CSI volumes of pods: from a source to what a container sees, and back.

    mount    attached? ──▶ stage (once a node) ──▶ publish (once a pod) ──▶ fsGroup ──▶ expand what has grown
    refresh  publish again (requiresRepublish), expand what has grown: every minute
    unmount  unpublish ──▶ nobody else here has it ──▶ unstage ──▶ not in use: may be detached

What is there is read from disk (`layout.py`), so pods of an earlier kubelet are unmounted as well. Calls for one volume
wait for each other. In memory is only who wants a volume: a pod that waits for it keeps it attached and staged.
"""

import asyncio
import os
import stat
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from pybernetes.api.core import PersistentVolume, PersistentVolumeClaim, Pod, Secret
from pybernetes.api.instants import format_time
from pybernetes.api.status import StatusError, is_not_found
from pybernetes.api.storage import CSIDriver
from pybernetes.base.clock import Clock
from pybernetes.base.log import logger
from pybernetes.client.client import Client

from ..kernel.protocol import Kernel
from ..parts import VolumeError
from ..plugins.channel import RpcError
from ..volumes.ownership import set_group
from ..volumes.tokens import Tokens
from ..volumes.volume import MountContext, SetUpError
from . import messages as m
from .attachments import Attachments, NotAttached
from .driver import CsiDriver
from .drivers import PREFIX, Drivers, UnknownDriver
from .expansion import Expansion, has_grown
from .layout import Layout, PodVolume, VolumeData, save
from .source import (
    DEFAULT_TOKEN_SECONDS,
    TOKENS_KEY,
    CsiSource,
    SecretName,
    UnsupportedMode,
    attachment_name,
    capability,
    check_lifecycle,
    device_name,
    group_is_ours,
    needs_attaching,
    of_inline,
    of_persistent,
    pod_info,
    tokens_entry,
)

log = logger(__name__)

ROUND_SECONDS = 60.0
Key = tuple[str, str]
"""(driver, volume handle)"""
Event = Callable[[Pod, str, str, str], None]
"""(pod, type, reason, message)."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A volume that a pod has, as mounted by this process."""

    source: CsiSource
    target: str
    staging: str
    """"" for a volume that is not staged."""
    claim: tuple[str, str] | None
    """(namespace, name)"""
    republished: bool
    attachment: str


class CsiVolumes:
    """See the module docstring. root_dir is the kubelet's directory."""

    def __init__(
        self,
        client: Client,
        root_dir: str,
        kernel: Kernel,
        node_name: str,
        drivers: Drivers,
        attachments: Attachments,
        event: Event,
        clock: Clock,
    ) -> None:
        self._client = client
        self._kernel = kernel
        self._node_name = node_name
        self._drivers = drivers
        self._attachments = attachments
        self._event = event
        self._clock = clock
        self._layout = Layout(root_dir)
        self._tokens = Tokens(client, clock)
        self._expansion = Expansion(client, event)
        self._locks: dict[Key, asyncio.Lock] = {}
        self._wanted: dict[Key, set[str]] = {}
        self._staged: set[Key] = set()
        self._shown: dict[str, dict[str, Shown]] = {}
        self._due: dict[str, datetime] = {}
        for found in self._layout.in_use():
            if found.data.attachment_id:
                attachments.use(device_name(found.data.driver_name, found.data.volume_handle))

    # Mounting.

    async def mount_persistent(
        self, context: MountContext, volume: PersistentVolume, claim: PersistentVolumeClaim
    ) -> str:
        """See CsiMounter."""
        reference = context.volume.persistent_volume_claim
        source = of_persistent(volume, read_only=reference is not None and bool(reference.read_only))
        shown = await self._mount(context, source, (claim.metadata.namespace or "", claim.metadata.name or ""))
        if has_grown(claim, source.capacity):
            await self._expand(context, shown)
        return shown.target

    async def mount_inline(self, context: MountContext) -> str:
        """See CsiMounter."""
        return (await self._mount(context, of_inline(context.pod, context.volume), None)).target

    async def _mount(self, context: MountContext, source: CsiSource, claim: tuple[str, str] | None) -> Shown:
        uid = context.pod.metadata.uid or ""
        name = source.spec_name
        about = await self._about(source)
        try:
            check_lifecycle(source, about)
        except UnsupportedMode as error:
            raise SetUpError(str(error), "MountVolume.NewMounter initialization", name) from error
        if source.is_block:
            target = self._layout.device_target(name, uid)
        else:
            target = os.path.join(self._layout.pod_volume(context.pod_directory, name), "mount")
        shown = Shown(
            source=source,
            target=target,
            staging="",
            claim=claim,
            republished=about is not None and bool(about.spec.requires_republish),
            attachment=attachment_name(source, self._node_name) if needs_attaching(source, about) else "",
        )
        key = (source.driver, source.handle)
        self._wanted.setdefault(key, set()).add(uid)
        if self._is_there(target, source):
            if shown.attachment:
                self._attachments.use(source.device)
        else:
            publish_context = await self._attached(context, shown)
            async with self._lock(key):
                await self._make(context, shown, about, publish_context)
        shown = msgspec.structs.replace(shown, staging=self._staging(source))
        self._shown.setdefault(uid, {})[context.volume.name or ""] = shown
        if shown.republished or claim is not None:
            self._due[uid] = self._clock.now() + timedelta(seconds=ROUND_SECONDS)
        return shown

    async def _about(self, source: CsiSource) -> CSIDriver | None:
        """The CSIDriver object, None when there is none."""
        try:
            return await self._client.get(CSIDriver, source.driver)
        except StatusError as error:
            if is_not_found(error):
                return None
            raise SetUpError(str(error), volume=source.spec_name) from error

    def _is_there(self, target: str, source: CsiSource) -> bool:
        """Whether an earlier mount still stands: of a pod that ran before this kubelet did."""
        if source.is_block:
            return _is_device(target)
        return self._kernel.is_mount_point(target)

    async def _attached(self, context: MountContext, shown: Shown) -> dict[str, str]:
        """What the driver's controller left for the node, once the volume is attached."""
        if not shown.attachment:
            return {}
        name = context.volume.name
        try:
            await self._attachments.attached(shown.source.device)
            return await self._attachments.publish_context(shown.attachment)
        except TimeoutError:
            text = (
                f"Unable to attach or mount volumes: unmounted volumes=[{name}], unattached volumes=[], failed to "
                "process volumes=[]: timed out waiting for the condition"
            )
            raise SetUpError(text, "") from None
        except (NotAttached, StatusError) as error:
            raise SetUpError(str(error), "MountVolume.WaitForAttach", shown.source.spec_name) from error

    async def _make(
        self, context: MountContext, shown: Shown, about: CSIDriver | None, publish_context: dict[str, str]
    ) -> None:
        """Stage and publish; called with the volume's lock. SetUpError with the step that failed."""
        source = shown.source
        step = "MountVolume.SetUp" if source.is_inline else "MountVolume.MountDevice"
        lookup = "mounter.SetUpAt failed to get CSI client"
        if source.is_block:
            step = "MapVolume.SetUpDevice"
            lookup = "blockMapper.SetUpDevice failed to get CSI client"
        elif not source.is_inline:
            lookup = "attacher.MountDevice failed to create newCsiDriverClient"
        try:
            driver = self._drivers.get(source.driver)
            can = await driver.capabilities()
            if not source.is_inline and m.Capability.STAGE_UNSTAGE_VOLUME in can:
                await self._stage(context, driver, source, can, publish_context)
            step = "MapVolume.MapPodDevice" if source.is_block else "MountVolume.SetUp"
            self._remember(context, shown)
            await self._publish(context, driver, shown, about, can, publish_context)
        except UnknownDriver as error:
            raise SetUpError(f"{PREFIX}{lookup}: {error}", step, source.spec_name) from error
        except (RpcError, StatusError, OSError) as error:
            raise SetUpError(str(error), step, source.spec_name) from error
        except SetUpError as error:
            raise SetUpError(str(error), step, source.spec_name) from error
        if group_is_ours(source, about, can) and context.fs_group is not None:
            security = context.pod.spec.security_context
            policy = (security.fs_group_change_policy if security is not None else "") or ""
            try:
                await asyncio.to_thread(set_group, shown.target, context.fs_group, change_policy=policy)
            except OSError as error:
                text = f"applyFSGroup failed for vol {source.handle}: {error}"
                raise SetUpError(text, "MountVolume.SetUp", source.spec_name) from error

    async def _stage(
        self,
        context: MountContext,
        driver: CsiDriver,
        source: CsiSource,
        can: frozenset[m.Capability],
        publish_context: dict[str, str],
    ) -> None:
        key = (source.driver, source.handle)
        path = self._layout.staging_path(source.driver, source.handle, source.spec_name, source.is_block)
        if key in self._staged or (not source.is_block and self._kernel.is_mount_point(path)):
            return
        os.makedirs(path, 0o750, exist_ok=True)
        data = VolumeData(volume_handle=source.handle, driver_name=source.driver)
        if not source.is_block:
            save(self._layout.stage_directory(source.driver, source.handle), data)
        else:
            save(self._layout.device_data(source.spec_name), self._data(source, ""))
        await driver.stage(
            m.NodeStageVolumeRequest(
                volume_id=source.handle,
                publish_context=publish_context,
                staging_target_path=path,
                volume_capability=capability(source, can, context.fs_group),
                secrets=await self._secret(context, source.stage_secret, "NodeStageSecretRef"),
                volume_context=dict(source.attributes),
            )
        )
        self._staged.add(key)

    def _data(self, source: CsiSource, attachment: str) -> VolumeData:
        return VolumeData(
            spec_vol_id=source.spec_name,
            volume_handle=source.handle,
            driver_name=source.driver,
            node_name=self._node_name,
            attachment_id=attachment,
            volume_lifecycle_mode=source.lifecycle,
        )

    def _remember(self, context: MountContext, shown: Shown) -> None:
        """Write down what a later kubelet must know to take the volume away; the driver is asked after that."""
        source = shown.source
        data = self._data(source, shown.attachment)
        if source.is_block:
            save(self._layout.device_data(source.spec_name), data)
            self._link(context, shown)
            os.makedirs(os.path.dirname(shown.target), 0o750, exist_ok=True)
        else:
            save(self._layout.pod_volume(context.pod_directory, source.spec_name), data)

    def _link(self, context: MountContext, shown: Shown) -> None:
        link = self._layout.device_link(context.pod_directory, shown.source.spec_name)
        os.makedirs(os.path.dirname(link), 0o750, exist_ok=True)
        if not os.path.lexists(link):
            os.symlink(shown.target, link)

    async def _publish(
        self,
        context: MountContext,
        driver: CsiDriver,
        shown: Shown,
        about: CSIDriver | None,
        can: frozenset[m.Capability],
        publish_context: dict[str, str],
    ) -> None:
        source = shown.source
        secrets = await self._secret(context, source.publish_secret, "NodePublishSecretRef")
        attributes = dict(source.attributes)
        if about is not None and about.spec.pod_info_on_mount:
            attributes |= pod_info(context.pod, source)
        tokens = await self._token_entry(context, about)
        if tokens:
            in_secrets = about is not None and bool(about.spec.service_account_token_in_secrets)
            (secrets if in_secrets else attributes)[TOKENS_KEY] = tokens
        await driver.publish(
            m.NodePublishVolumeRequest(
                volume_id=source.handle,
                publish_context=publish_context,
                staging_target_path=self._staging(source),
                target_path=shown.target,
                volume_capability=capability(source, can, context.fs_group),
                readonly=source.read_only,
                secrets=secrets,
                volume_context=attributes,
            )
        )

    def _staging(self, source: CsiSource) -> str:
        """Where the volume is staged, "" when it is not."""
        path = self._layout.staging_path(source.driver, source.handle, source.spec_name, source.is_block)
        return path if not source.is_inline and os.path.isdir(path) else ""

    async def _secret(self, context: MountContext, name: SecretName | None, field: str) -> dict[str, str]:
        if name is None:
            return {}
        try:
            found = await context.objects.get(Secret, name[1], name[0])
        except StatusError as error:
            raise SetUpError(
                f"fetching {field} {name[0]}/{name[1]} failed: {PREFIX}failed to find the secret {name[1]} in the "
                f"namespace {name[0]} with error: {error.message}"
            ) from error
        return {key: value.decode(errors="surrogateescape") for key, value in (found.data or {}).items()}

    async def _token_entry(self, context: MountContext, about: CSIDriver | None) -> str:
        """The tokens the driver asks for (KEP-1855), "" for none."""
        requests = (about.spec.token_requests if about is not None else None) or []
        tokens = {}
        for request in requests:
            seconds = request.expiration_seconds or DEFAULT_TOKEN_SECONDS
            text, until = await self._tokens.issued(context.pod, request.audience, seconds)
            tokens[request.audience] = (text, format_time(until))
        return tokens_entry(tokens) if tokens else ""

    # What comes back from time to time.

    def next_due(self, pod_uid: str) -> datetime | None:
        """When `refresh` has something to do for the pod; None when never."""
        return self._due.get(pod_uid)

    def next_round(self, pod_uid: str) -> None:
        """A refresh of the pod begins."""
        if pod_uid in self._due:
            self._due[pod_uid] = self._clock.now() + timedelta(seconds=ROUND_SECONDS)

    async def refresh(self, context: MountContext) -> None:
        """See CsiMounter."""
        shown = self._shown.get(context.pod.metadata.uid or "", {}).get(context.volume.name or "")
        if shown is None:
            return
        source = shown.source
        if shown.republished:
            try:
                about = await self._about(source)
                attached = await self._attachments.publish_context(shown.attachment) if shown.attachment else {}
                async with self._lock((source.driver, source.handle)):
                    driver = self._drivers.get(source.driver)
                    can = await driver.capabilities()
                    await self._publish(context, driver, shown, about, can, attached)
            except (UnknownDriver, RpcError, NotAttached, StatusError) as error:
                raise SetUpError(str(error), volume=source.spec_name) from error
        if shown.claim is not None and await self._expansion.is_due(shown.claim):
            await self._expand(context, shown)

    async def _expand(self, context: MountContext, shown: Shown) -> None:
        """Let a volume fill what its claim was given. What fails is told and tried again with the next round."""
        source = shown.source
        if source.read_only or shown.claim is None:
            return
        try:
            driver = self._drivers.get(source.driver)
            can = await driver.capabilities()
            if m.Capability.EXPAND_VOLUME not in can:
                return
            secrets = await self._secret(context, source.expand_secret, "NodeExpandSecretRef")
            request = m.NodeExpandVolumeRequest(
                volume_id=source.handle,
                volume_path=shown.target,
                staging_target_path=shown.staging,
                volume_capability=capability(source, can, context.fs_group),
                secrets=secrets,
            )
            async with self._lock((source.driver, source.handle)):
                await self._expansion.expand(driver, request, context.pod, shown.claim, self._node_name)
        except (UnknownDriver, RpcError, SetUpError, StatusError, OSError) as error:
            text = f'NodeExpandVolume.NodeExpandVolume failed for volume "{source.spec_name}" : {error}'
            self._event(context.pod, "Warning", "VolumeResizeFailed", text)

    # Unmounting.

    async def unmount(self, pod_directory: str) -> None:
        """Take the pod's CSI volumes away, and what no other pod has off the node. VolumeError."""
        uid = os.path.basename(pod_directory)
        for volume in self._layout.volumes_of(pod_directory):
            try:
                await self._take_away(uid, volume)
            except (UnknownDriver, RpcError, OSError) as error:
                name = volume.data.spec_vol_id
                step = "UnmapVolume.UnmapPodDevice" if volume.is_block else "UnmountVolume.TearDown"
                raise VolumeError(f'{step} failed for volume "{name}" : {error}') from error
        for key in [key for key, pods in self._wanted.items() if uid in pods]:
            self._no_longer_wanted(key, uid)
        self._shown.pop(uid, None)
        self._due.pop(uid, None)
        self._tokens.forget(uid)

    async def _take_away(self, uid: str, volume: PodVolume) -> None:
        data = volume.data
        key = (data.driver_name, data.volume_handle)
        async with self._lock(key):
            driver = self._drivers.get(data.driver_name)
            request = m.NodeUnpublishVolumeRequest(volume_id=data.volume_handle, target_path=volume.target)
            await driver.unpublish(request)
            if data.volume_lifecycle_mode != "Ephemeral" and not self._others_have(key, uid, volume):
                await self._unstage(driver, data)
            self._layout.forget_pod_volume(volume)
        self._no_longer_wanted(key, uid)

    def _others_have(self, key: Key, uid: str, but: PodVolume) -> bool:
        return bool(self._wanted.get(key, set()) - {uid}) or self._layout.is_in_use(*key, but=but)

    async def _unstage(self, driver: CsiDriver, data: VolumeData) -> None:
        """Called with the volume's lock."""
        name, handle = data.driver_name, data.volume_handle
        is_block = os.path.isdir(self._layout.device_data(data.spec_vol_id)) if data.spec_vol_id else False
        path = self._layout.staging_path(name, handle, data.spec_vol_id, is_block)
        if os.path.isdir(path):
            await driver.unstage(m.NodeUnstageVolumeRequest(volume_id=handle, staging_target_path=path))
        self._staged.discard((name, handle))
        self._layout.forget_stage(data)

    def _no_longer_wanted(self, key: Key, uid: str) -> None:
        pods = self._wanted.get(key, set())
        pods.discard(uid)
        if not pods:
            self._wanted.pop(key, None)
            if not self._layout.is_in_use(*key):
                if key in self._locks and not self._locks[key].locked():
                    del self._locks[key]
                self._attachments.release(device_name(*key))

    async def sweep(self, driver_name: str) -> None:
        """A driver is there: unstage what an earlier kubelet had no time for."""
        for data in self._layout.staged(driver_name):
            key = (driver_name, data.volume_handle)
            async with self._lock(key):
                if self._wanted.get(key) or self._layout.is_in_use(*key):
                    continue
                try:
                    await self._unstage(self._drivers.get(driver_name), data)
                except (UnknownDriver, RpcError, OSError) as error:
                    log.warning("Unused volume was not unstaged", driver=driver_name, err=error)

    def _lock(self, key: Key) -> asyncio.Lock:
        return self._locks.setdefault(key, asyncio.Lock())

    def shown(self, pod_uid: str) -> dict[str, Shown]:
        """The CSI volumes of a pod by their names in it."""
        return self._shown.get(pod_uid, {})


def _is_device(path: str) -> bool:
    try:
        return stat.S_ISBLK(os.stat(path).st_mode)
    except OSError:
        return False
