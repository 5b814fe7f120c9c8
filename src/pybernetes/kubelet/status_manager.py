"""Pod statuses on their way to the API.

    publish(pod, status) ──▶ latest per pod ──▶ what changed since the last write ──▶ PATCH pods/NAME/status
    finish(pod, status)  ──▶ the same, then DELETE with grace period 0 ──▶ returns

Only the last status of a pod counts: while a write is under way newer ones replace each other. A write is a strategic
merge patch with the changed fields and the pod's uid, so a new pod of the same name is never touched and conditions of
other writers stay. A static pod's status goes to its mirror.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from ..api.codec import to_wire
from ..api.core import Pod, PodStatus
from ..api.status import StatusError, is_conflict, is_invalid, is_not_found
from ..base.clock import Clock
from ..base.log import logger
from ..client.client import STRATEGIC_MERGE_PATCH, Client
from .conditions import BY_KUBELET, DISRUPTION, OWNED
from .pod_deletion import delete_now

log = logger(__name__)

PARALLEL_WRITES = 8
RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)

ApiIdentity = Callable[[Pod], tuple[str, str] | None]
"""The uid and resourceVersion-free name under which the API knows a pod: a static pod's mirror, or None without one."""


def status_patch(old: PodStatus | None, new: PodStatus, uid: str) -> dict[str, Any] | None:
    """The strategic merge patch that turns one status into another, or None if there is nothing to change. Pure.

    Conditions of others are not sent; a condition or an address that goes away is deleted by name, as the lists are
    merged, and so is a reason that a condition has no more."""
    before: dict[str, Any] = to_wire(old) if old is not None else {}
    after: dict[str, Any] = to_wire(new)
    changed: dict[str, Any] = {key: value for key, value in after.items() if before.get(key) != value}
    changed |= {key: None for key in before if key not in after}
    if "conditions" in changed:
        known = {c["type"]: c for c in before.get("conditions", ())}
        now = {c["type"]: c for c in after.get("conditions", ())}
        own: list[dict[str, Any]] = [
            dict.fromkeys(known.get(c["type"], ())) | c
            for c in now.values()
            if _is_own(c) and known.get(c["type"]) != c
        ]
        own += [{"$patch": "delete", "type": name} for name in known if name in OWNED and name not in now]
        changed["conditions"] = own
        if not own:
            del changed["conditions"]
    for key in ("podIPs", "hostIPs"):
        if changed.get(key) is not None:
            kept = {entry["ip"] for entry in changed[key]}
            gone = [entry["ip"] for entry in before.get(key, ()) if entry["ip"] not in kept]
            changed[key] = changed[key] + [{"$patch": "delete", "ip": ip} for ip in gone]
    return {"metadata": {"uid": uid}, "status": changed} if changed else None


def _is_own(condition: dict[str, Any]) -> bool:
    return condition["type"] in OWNED or (condition["type"] == DISRUPTION and condition.get("reason") == BY_KUBELET)


class StatusManager:
    """Writes the statuses of one node's pods; `serve` does the work."""

    def __init__(self, client: Client, clock: Clock, api_identity: ApiIdentity | None = None) -> None:
        self._client = client
        self._clock = clock
        self._identity = api_identity or (lambda pod: (pod.metadata.uid or "", pod.metadata.name or ""))
        self._wanted: dict[str, tuple[Pod, PodStatus]] = {}
        self._written: dict[str, tuple[str, PodStatus]] = {}
        """By uid: the API's uid and the status last written there."""
        self._writing: set[str] = set()
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(PARALLEL_WRITES)
        self._done: dict[str, asyncio.Event] = {}

    def publish(self, pod: Pod, status: PodStatus) -> None:
        """Make this the pod's status, soon."""
        uid = pod.metadata.uid or ""
        identity = self._identity(pod)
        written = self._written.get(uid)
        if written is None and identity is not None and identity[0] == uid:
            # What the API has is what was read from there; after a restart nothing is written twice.
            written = self._written[uid] = (uid, pod.status)
        if written is not None and identity is not None and written == (identity[0], status):
            self._wanted.pop(uid, None)
            return
        self._wanted[uid] = (pod, status)
        self._wake.set()

    async def finish(self, pod: Pod, status: PodStatus) -> None:
        """Write the last status and delete the pod; returns when both are done or the pod is gone."""
        uid = pod.metadata.uid or ""
        self.publish(pod, status)
        while uid in self._wanted or uid in self._writing:
            done = self._done.setdefault(uid, asyncio.Event())
            await done.wait()
        attempt = 0
        while not await self._delete(pod):
            await self._clock.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
            attempt += 1
        self.forget(uid)

    async def settled(self) -> None:
        """Return once everything that was published is written."""
        while pending := {*self._wanted, *self._writing}:
            await self._done.setdefault(pending.pop(), asyncio.Event()).wait()

    def observed(self, pod: Pod) -> None:
        """What the API has now. If somebody else changed a condition of ours, it is written again."""
        uid = pod.metadata.uid or ""
        written = self._written.get(uid)
        if written is None or written[0] != uid or uid in self._wanted or uid in self._writing:
            return
        ours = {c.type: c.status for c in written[1].conditions or () if c.type in OWNED}
        theirs = {c.type: c.status for c in pod.status.conditions or () if c.type in OWNED}
        if ours != theirs:
            status = written[1]
            self._written[uid] = (uid, pod.status)
            self._wanted[uid] = (pod, status)
            self._wake.set()

    def forget(self, uid: str) -> None:
        """The pod is gone."""
        self._wanted.pop(uid, None)
        self._written.pop(uid, None)
        self._writing.discard(uid)
        done = self._done.pop(uid, None)
        if done is not None:
            done.set()

    async def _delete(self, pod: Pod) -> bool:
        try:
            await delete_now(self._client, pod)
        except (StatusError, OSError) as error:
            log.warning("Pod was not deleted from the API", pod=pod.metadata.name, err=error)
            return False
        return True

    async def serve(self, ready: asyncio.Event) -> None:
        """Write until cancelled."""
        ready.set()
        async with asyncio.TaskGroup() as group:
            while True:
                await self._wake.wait()
                self._wake.clear()
                for uid in [u for u in self._wanted if u not in self._writing]:
                    self._writing.add(uid)
                    group.create_task(self._write_until_current(uid), name=f"status of {uid}")

    async def _write_until_current(self, uid: str) -> None:
        """Write the pod's wanted status, and again if it has changed meanwhile; failures are tried again."""
        attempt = 0
        try:
            while uid in self._wanted:
                pod, status = self._wanted[uid]
                async with self._slots:
                    written = await self._write(uid, pod, status)
                if written:
                    attempt = 0
                    if self._wanted.get(uid) == (pod, status):
                        del self._wanted[uid]
                else:
                    await self._clock.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
                    attempt += 1
        finally:
            self._writing.discard(uid)
            done = self._done.pop(uid, None)
            if done is not None:
                done.set()

    async def _write(self, uid: str, pod: Pod, status: PodStatus) -> bool:
        identity = self._identity(pod)
        if identity is None:
            return True
        api_uid, name = identity
        written = self._written.get(uid)
        old = written[1] if written is not None and written[0] == api_uid else None
        patch = status_patch(old, status, api_uid)
        if patch is None:
            return True
        try:
            await self._client.patch(
                Pod,
                name,
                pod.metadata.namespace or "",
                body=patch,
                content_type=STRATEGIC_MERGE_PATCH,
                subresource="status",
            )
        except StatusError as error:
            if is_not_found(error) or is_conflict(error) or is_invalid(error):
                log.debug("Status was refused", pod=name, err=error)
                return True
            log.warning("Status was not written", pod=name, err=error)
            return False
        except OSError as error:
            log.warning("Status was not written", pod=name, err=error)
            return False
        if uid in self._writing:  # else the pod was forgotten meanwhile
            self._written[uid] = (api_uid, status)
        return True
