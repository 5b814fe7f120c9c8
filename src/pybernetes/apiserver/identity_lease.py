"""Which API servers there are: each keeps a Lease in kube-system (`APIServerIdentity`; Leases, "API server identity").

    kubectl -n kube-system get lease -l apiserver.kubernetes.io/identity=kube-apiserver

The Lease is renewed every ten seconds and holds for an hour, so that an upgrade does not lose it. Once an hour those
that have run out are removed. Everything goes through the server's own front door.
"""

import asyncio
import base64
import hashlib
import random
import socket
from collections.abc import Awaitable
from datetime import datetime, timedelta

from ..api import status
from ..api.instants import format_micro_time, parse_time
from ..api.resource import resource
from ..api.status import StatusError
from ..base.backoff import jittered
from ..base.clock import Clock
from ..base.log import logger
from ..base.random_ids import uuid4_text
from .admission.own_writes import Write
from .reader import Object, ObjectReader

NAMESPACE = "kube-system"
IDENTITY_LABEL = "apiserver.kubernetes.io/identity"
COMPONENT = "kube-apiserver"
DURATION_SECONDS = 3600
RENEW_SECONDS = 10.0
_JITTER = 0.04
_LEASES = resource("leases", "coordination.k8s.io")

log = logger(__name__)


def identity_of(hostname: str) -> str:
    """The name of the API server on a machine: a hash of 16 bytes in base 32."""
    digest = hashlib.sha256(hostname.encode()).digest()[:16]
    return "apiserver-" + base64.b32encode(digest).decode().rstrip("=").lower()


def has_run_out(lease: Object, now: datetime) -> bool:
    """Whether nobody has renewed it in its time; so has one that does not tell."""
    spec = lease.get("spec") or {}
    renewed, seconds = spec.get("renewTime"), spec.get("leaseDurationSeconds")
    return not renewed or seconds is None or parse_time(renewed) + timedelta(seconds=seconds) < now


class IdentityLease:
    """`serve` keeps it; `name` is what it is called."""

    def __init__(self, reader: ObjectReader, write: Write, clock: Clock, *, hostname: str = "") -> None:
        self._reader = reader
        self._write = write
        self._clock = clock
        self._hostname = hostname or socket.gethostname()
        self.name = identity_of(self._hostname)
        self._holder = f"{self.name}_{uuid4_text()}"

    async def serve(self, ready: asyncio.Event) -> None:
        """Until cancelled; ready at once, since a server without its lease serves as well."""
        ready.set()
        cleaned = self._clock.monotonic()
        while True:
            await self._attempt(self._renew())
            if self._clock.monotonic() - cleaned >= DURATION_SECONDS:
                cleaned = self._clock.monotonic()
                await self._attempt(self._clean())
            await self._clock.sleep(jittered(RENEW_SECONDS, _JITTER, random.random))

    async def _attempt(self, step: Awaitable[None]) -> None:
        try:
            await step
        except StatusError as error:
            log.warning("Own lease not kept, tried again later", lease=self.name, err=error)

    async def _renew(self) -> None:
        present = self._reader.get(_LEASES, NAMESPACE, self.name)
        metadata = (present or {}).get("metadata") or {"name": self.name, "namespace": NAMESPACE}
        own = {IDENTITY_LABEL: COMPONENT, "kubernetes.io/hostname": self._hostname}
        spec = {
            **((present or {}).get("spec") or {}),
            "holderIdentity": self._holder,
            "leaseDurationSeconds": DURATION_SECONDS,
            "renewTime": format_micro_time(self._clock.now()),
        }
        lease = {"metadata": {**metadata, "labels": {**(metadata.get("labels") or {}), **own}}, "spec": spec}
        if present is None:
            await self._write("POST", _LEASES.path(NAMESPACE), lease)
        else:
            await self._write("PUT", _LEASES.path(NAMESPACE, self.name), lease)

    async def _clean(self) -> None:
        now = self._clock.now()
        for lease in list(self._reader.list(_LEASES, NAMESPACE)):
            metadata = lease["metadata"]
            if (metadata.get("labels") or {}).get(IDENTITY_LABEL) != COMPONENT or not has_run_out(lease, now):
                continue
            same = {"preconditions": {"resourceVersion": metadata.get("resourceVersion")}}
            try:
                await self._write("DELETE", _LEASES.path(NAMESPACE, metadata["name"]), same)
            except StatusError as error:
                if not (status.is_not_found(error) or status.is_conflict(error)):
                    raise
