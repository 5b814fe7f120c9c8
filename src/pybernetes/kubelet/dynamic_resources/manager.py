"""The claims of this node's pods: prepared before the first container, given back after the last.

    prepare(pod)          claims from the API ──▶ drivers, one call each ──▶ CDI names, kept in `dra_manager_state`
    devices(pod, c)       the CDI names of a container's claims ──▶ what is added to its configuration
    unprepare(pod uid)    nobody else here has the claim ──▶ drivers ──▶ forgotten

A claim is written down before its driver is asked, so a kubelet that was restarted gives back what it cannot be sure
of. A driver that is missing when a pod starts leaves no trace of the pod, which can then go.
"""

import asyncio
import os
from collections.abc import Iterator, Sequence

import msgspec

from pybernetes.api.core import Container, Pod
from pybernetes.api.dynamic_resource import ResourceClaim
from pybernetes.api.status import StatusError
from pybernetes.base.log import logger
from pybernetes.client.client import Client

from ..devices.manager import DevicesOfContainer
from ..plugins.channel import RpcError
from ..podresources.listing import HeldClaim, HeldDevice
from . import cdi
from . import messages as m
from .claims import ClaimError, check, claims_of, drivers_of, requests_of
from .drivers import DraDriver, DraDrivers

log = logger(__name__)

FILE = "dra_manager_state"


class _Device(msgspec.Struct, rename="pascal"):
    pool_name: str
    device_name: str
    request_names: list[str]
    cdi_device_ids: list[str] = msgspec.field(name="CDIDeviceIDs")


class _Claim(msgspec.Struct, rename="pascal", kw_only=True):
    """What is known of one claim; `driver_state` has an entry for every driver that was or will be asked."""

    claim_uid: str = msgspec.field(name="ClaimUID")
    claim_name: str
    namespace: str
    pod_uids: list[str] = msgspec.field(name="PodUIDs")
    driver_state: dict[str, list[_Device]]

    def named(self) -> m.Claim:
        return m.Claim(namespace=self.namespace, uid=self.claim_uid, name=self.claim_name)


class ClaimManager:
    """See the module docstring. root_dir is the kubelet's directory."""

    def __init__(
        self, client: Client, root_dir: str, drivers: DraDrivers, directories: Sequence[str] = cdi.DIRECTORIES
    ) -> None:
        self._client = client
        self._path = os.path.join(root_dir, FILE)
        self._drivers = drivers
        self._directories = directories
        self._lock = asyncio.Lock()
        self._prepared: set[str] = set()
        """Uids of claims that this process knows to be prepared."""
        self._claims = {claim.claim_uid: claim for claim in self._load()}

    def _load(self) -> list[_Claim]:
        try:
            with open(self._path, "rb") as file:
                return msgspec.json.decode(file.read(), type=list[_Claim])
        except FileNotFoundError:
            return []
        except (OSError, msgspec.DecodeError) as error:
            log.error("Claims of earlier pods are not known", path=self._path, err=error)
            return []

    def _save(self) -> None:
        with open(self._path + ".new", "wb") as file:
            file.write(msgspec.json.encode(list(self._claims.values())))
        os.replace(self._path + ".new", self._path)

    async def prepare(self, pod: Pod) -> None:
        """Make the pod's claims usable. ClaimError as upstream words it."""
        if not pod.spec.resource_claims and pod.status.extended_resource_claim_status is None:
            return
        try:
            async with self._lock:
                await self._prepare(pod)
        except (ClaimError, RpcError, OSError) as error:
            raise ClaimError(f"prepare dynamic resources: {error}") from error

    async def _prepare(self, pod: Pod) -> None:
        uid, namespace = pod.metadata.uid or "", pod.metadata.namespace or ""
        found: dict[str, tuple[_Claim, dict[str, DraDriver]]] = {}
        for _, name, generated in claims_of(pod):
            try:
                claim = await self._client.get(ResourceClaim, name, namespace)
            except StatusError as error:
                raise ClaimError(f"fetch ResourceClaim {name}: {error.message}") from error
            check(pod, claim, generated=generated)
            drivers = {driver: self._drivers.get(driver) for driver in drivers_of(claim)}
            state = _Claim(
                claim_uid=claim.metadata.uid or "",
                claim_name=name,
                namespace=namespace,
                pod_uids=[],
                driver_state={driver: [] for driver in drivers},
            )
            found[state.claim_uid] = (state, drivers)
        batches: dict[str, tuple[DraDriver, list[_Claim]]] = {}
        for claim_uid, (state, drivers) in found.items():
            known = self._claims.setdefault(claim_uid, state)
            if uid not in known.pod_uids:
                known.pod_uids.append(uid)
            if claim_uid not in self._prepared:
                for name, driver in drivers.items():
                    batches.setdefault(name, (driver, []))[1].append(known)
        self._save()
        for name, (driver, claims) in sorted(batches.items()):
            await self._ask(name, driver, claims)
        self._prepared |= found.keys()
        self._save()

    async def _ask(self, name: str, driver: DraDriver, claims: list[_Claim]) -> None:
        try:
            answer = await driver.prepare([claim.named() for claim in claims])
        except RpcError as error:
            raise ClaimError(f"NodePrepareResources: {error}") from error
        results = {entry.uid: entry.result or m.Prepared() for entry in answer.claims}
        for uid in results.keys() - {claim.claim_uid for claim in claims}:
            raise ClaimError(f"NodePrepareResources returned result for unknown claim UID {uid}")
        for claim in claims:
            result = results.get(claim.claim_uid)
            if result is not None and result.error:
                raise ClaimError(f"NodePrepareResources failed for ResourceClaim {claim.claim_name}: {result.error}")
            if result is not None:
                claim.driver_state[name] = [
                    _Device(one.pool_name, one.device_name, one.request_names, one.cdi_device_ids)
                    for one in result.devices
                ]
        if len(results) < len(claims):
            raise ClaimError(f"NodePrepareResources skipped {len(claims) - len(results)} ResourceClaims")

    def devices(self, pod: Pod, container: Container) -> DevicesOfContainer:
        """What a container gets of the pod's claims. CdiError, ClaimError."""
        wanted = requests_of(pod, container)
        if not wanted:
            return DevicesOfContainer()
        ids = [id_ for claim in self.held(pod, container) for device in claim.devices for id_ in device.cdi_names]
        if not ids:
            return DevicesOfContainer()
        edits = cdi.edits_for(ids, cdi.read_specs(self._directories))
        return DevicesOfContainer(
            environment=cdi.environment_of(edits),
            mounts=tuple(cdi.mounts_of(edits)),
            devices=tuple(cdi.devices_of(edits)),
        )

    def pods(self) -> set[str]:
        """The uids of the pods that have claims here."""
        return {uid for claim in self._claims.values() for uid in claim.pod_uids}

    def held(self, pod: Pod, container: Container) -> list[HeldClaim]:
        """What a container has of the pod's claims, as far as they are prepared. ClaimError."""
        wanted = requests_of(pod, container)
        found = []
        for name_in_pod, name, _ in claims_of(pod) if wanted else ():
            requests = wanted.get(name_in_pod, ())
            for claim in self._claims.values():
                if requests and claim.claim_name == name and (pod.metadata.uid or "") in claim.pod_uids:
                    devices = [device for request in requests for device in _devices(claim, request)]
                    found.append(HeldClaim(name, claim.namespace, devices))
        return found

    async def unprepare(self, pod_uid: str) -> None:
        """Give back what only this pod had. ClaimError; asking again goes on where it stopped."""
        async with self._lock:
            mine = [claim for claim in self._claims.values() if pod_uid in claim.pod_uids]
            if not mine:
                return
            try:
                await self._give_back([claim for claim in mine if claim.pod_uids == [pod_uid]])
                for claim in mine:
                    claim.pod_uids.remove(pod_uid)
                    if not claim.pod_uids:
                        del self._claims[claim.claim_uid]
                        self._prepared.discard(claim.claim_uid)
                self._save()
            except (ClaimError, RpcError, OSError) as error:
                raise ClaimError(f"unprepare dynamic resources: {error}") from error

    async def _give_back(self, claims: list[_Claim]) -> None:
        batches: dict[str, list[_Claim]] = {}
        for claim in claims:
            self._prepared.discard(claim.claim_uid)
            for name in claim.driver_state:
                batches.setdefault(name, []).append(claim)
        for name, batch in sorted(batches.items()):
            driver = self._drivers.get(name)
            answer = await driver.unprepare([claim.named() for claim in batch])
            results = {entry.uid: entry.result or m.Unprepared() for entry in answer.claims}
            for claim in batch:
                result = results.get(claim.claim_uid)
                if result is not None and result.error:
                    text = f"NodeUnprepareResources failed for ResourceClaim {claim.claim_name}: {result.error}"
                    raise ClaimError(text)
            if len(results) < len(batch):
                raise ClaimError(f"NodeUnprepareResources skipped {len(batch) - len(results)} ResourceClaims")


def _devices(claim: _Claim, request: str) -> Iterator[HeldDevice]:
    """The devices of a claim, of one request (also one of its subrequests) or of all."""
    for driver, devices in claim.driver_state.items():
        for device in devices:
            names = {one.partition("/")[0] for one in device.request_names}
            if not request or not names or request in names or request in device.request_names:
                yield HeldDevice(driver, device.pool_name, device.device_name, device.cdi_device_ids)
