"""Removing certificate signing requests that have served their purpose, each at its own deadline.

approved, denied or failed   1 hour after the decision
still undecided              24 hours after creation
certificate expired          at once
"""

import asyncio
from datetime import datetime, timedelta

from ..api.certificates import CertificateSigningRequest
from ..api.status import StatusError, is_not_found
from ..base.x509 import CertificateError, load_certificate
from ..reconcile.controller import Result
from ..reconcile.manager import ControllerContext
from ..reconcile.sources import source

DECIDED = timedelta(hours=1)
PENDING = timedelta(hours=24)


def due(request: CertificateSigningRequest) -> datetime | None:
    """When the request may be removed; None when that cannot be told."""
    instants: list[datetime] = []
    conditions = request.status.conditions or []
    for condition in conditions:
        if condition.type in ("Approved", "Denied", "Failed") and condition.last_update_time is not None:
            is_waiting = condition.type == "Approved" and not request.status.certificate
            instants.append(condition.last_update_time + (PENDING if is_waiting else DECIDED))
    if not conditions and request.metadata.creation_timestamp is not None:
        instants.append(request.metadata.creation_timestamp + PENDING)
    if request.status.certificate:
        try:
            instants.append(load_certificate(request.status.certificate).not_valid_after_utc)
        except CertificateError:
            pass
    return min(instants, default=None)


class CSRCleaner:
    """See the module docstring. Keys are names of requests."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._clock = context.clock
        self._requests = context.informers.of(CertificateSigningRequest)
        self._controller = context.controller("csrcleaner", self._reconcile, workers=1)
        source(self._requests, self._controller.enqueue, when=lambda old, new: new is not None)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    async def _reconcile(self, key: str) -> Result | None:
        request = self._requests.get(key)
        instant = due(request) if request is not None else None
        if request is None or instant is None:
            return None
        seconds = (instant - self._clock.now()).total_seconds()
        if seconds > 0:
            return Result(seconds + 1.0)
        try:
            await self._client.delete(CertificateSigningRequest, key, uid=request.metadata.uid or "")
        except StatusError as error:
            if not is_not_found(error):
                raise
        return None
