"""Whether an extension API server can be used: the condition Available of its APIService.

    Service there? -> port there? -> endpoint ready? -> discovery answers?      else the reason for the first that fails

Looked at when the APIService, its Service or endpoints change, and every half minute, since a server may stop answering
without a change of any object.
"""

import asyncio
from contextlib import suppress

import orjson

from ...api.resource import resource
from ...api.status import StatusError
from ...api.user import AUTHENTICATED, SYSTEM_MASTERS, UserInfo
from ...base.clock import Clock
from ...base.http.client import TransportError
from ...base.http.message import Request, Response
from ...base.log import logger
from ..admission.own_writes import Write
from ..reader import Object, ObjectReader
from ..resources.strategy import instant
from .connections import Connections, identity_headers
from .discovery import AGGREGATED, Offered, resources_of
from .services import ApiServices, Remote

log = logger(__name__)

AGGREGATOR = UserInfo("system:kube-aggregator", groups=(SYSTEM_MASTERS, AUTHENTICATED))
_PROBE_SECONDS = 5.0
_EVERY_SECONDS = 30.0
_AGAIN_SECONDS = 1.0
_LAST_SECONDS = 0.5
_SERVICE_LABEL = "kubernetes.io/service-name"

Verdict = tuple[bool, str, str]
"""(available, reason, message)."""


class Availability:
    """`serve` keeps the conditions true; `offered` is what the servers said they have, by APIService."""

    def __init__(
        self, reader: ObjectReader, services: ApiServices, connections: Connections, write: Write, clock: Clock
    ) -> None:
        self.offered: dict[str, Offered] = {}
        self._reader = reader
        self._services = services
        self._connections = connections
        self._write = write
        self._clock = clock
        self._due: dict[str, float] = {}
        self._woken = asyncio.Event()
        services.on_change(self._look)
        for info in (resource("services"), resource("endpointslices", "discovery.k8s.io")):
            reader.subscribe(info, self._backend_changed)

    def _look(self, name: str) -> None:
        self._due[name] = 0.0
        self._woken.set()

    def _backend_changed(self, old: Object | None, new: Object | None) -> None:
        if not self._services.remotes:
            return
        metadata = (new or old or {})["metadata"]
        name = (metadata.get("labels") or {}).get(_SERVICE_LABEL) or metadata["name"]
        for remote in self._services.remotes.values():
            if (remote.namespace, remote.service) == (metadata.get("namespace"), name):
                self._look(remote.name)

    async def serve(self, ready: asyncio.Event) -> None:
        """Run until cancelled."""
        ready.set()
        while True:
            now = self._clock.monotonic()
            due = [name for name, at in self._due.items() if at <= now]
            if due:
                await _finished(asyncio.gather(*(self._check(name) for name in due)))
                continue
            self._woken.clear()
            wait = min((at - now for at in self._due.values()), default=None)
            try:
                async with asyncio.timeout(wait):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def _check(self, name: str) -> None:
        remote = next((r for r in self._services.remotes.values() if r.name == name), None)
        if remote is None:
            self._due.pop(name, None)
            self.offered.pop(name, None)
            return
        self._due[name] = self._clock.monotonic() + _EVERY_SECONDS
        verdict = await self.verdict(remote)
        if not verdict[0]:
            if name in self.offered:
                self.offered[name].fresh = False
            self._due[name] = self._clock.monotonic() + _AGAIN_SECONDS
        try:
            await self._report(name, verdict)
        except StatusError as error:
            log.info("Availability could not be written; tried again", service=name, err=error)
            self._due[name] = self._clock.monotonic() + _AGAIN_SECONDS

    async def verdict(self, remote: Remote) -> Verdict:
        """See the module docstring."""
        service = self._reader.get(resource("services"), remote.namespace, remote.service)
        where = f'service/{remote.service} in "{remote.namespace}"'
        if service is None:
            return False, "ServiceNotFound", f"{where} is not present"
        spec = service.get("spec") or {}
        if spec.get("type") != "ExternalName":
            if not any(row.get("port") == remote.port for row in spec.get("ports") or ()):
                return False, "ServicePortError", f"{where} is not listening on port {remote.port}"
            missing = self._without_endpoints(remote)
            if missing:
                return missing
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                await self._probe(remote)
        except (TransportError, StatusError, TimeoutError, ValueError) as error:
            why = str(error) or "context deadline exceeded"
            url = f"https://{remote.host}:{remote.port}{remote.path}"
            return False, "FailedDiscoveryCheck", f"failing or missing response from {url}: {why}"
        return True, "Passed", "all checks passed"

    def _without_endpoints(self, remote: Remote) -> Verdict | None:
        slices = [
            found
            for found in self._reader.list(resource("endpointslices", "discovery.k8s.io"), remote.namespace)
            if (found["metadata"].get("labels") or {}).get(_SERVICE_LABEL) == remote.service
        ]
        if not slices:
            words = f'cannot find endpointslices for service/{remote.service} in "{remote.namespace}"'
            return False, "EndpointsNotFound", words
        rows = [row for found in slices for row in found.get("endpoints") or ()]
        if not any((row.get("conditions") or {}).get("ready") is not False for row in rows):
            words = f'endpointslices for service/{remote.service} in "{remote.namespace}" have no addresses'
            return False, "MissingEndpoints", words
        return None

    async def _probe(self, remote: Remote) -> None:
        """Ask for the group version, and keep what it says. ValueError for an answer that is no discovery."""
        resources = None
        for path, accept in ((f"/apis/{remote.group}/{remote.version}", "application/json"), ("/apis", AGGREGATED)):
            headers = [("accept", accept), *identity_headers(AGGREGATOR)]
            response = await self._connections.send(remote, Request("GET", path, "", headers))
            body = await _whole(response)
            if path != "/apis" and not 200 <= response.status < 300:
                raise ValueError(f"bad status from {path}: {response.status}")
            try:
                found = resources_of(orjson.loads(body), remote)
            except (ValueError, AttributeError, KeyError):
                found = None
            resources = found if found is not None else resources
        self.offered[remote.name] = Offered(resources or [])

    async def _report(self, name: str, verdict: Verdict) -> None:
        info = self._services.info
        present = self._reader.get(info, "", name)
        if present is None:
            return
        available, reason, message = verdict
        value = "True" if available else "False"
        conditions = (present.get("status") or {}).get("conditions") or []
        old: Object = next((row for row in conditions if row.get("type") == "Available"), {})
        if (old.get("status"), old.get("reason"), old.get("message")) == (value, reason, message):
            return
        moved = old.get("status") != value
        condition = {
            "type": "Available",
            "status": value,
            "lastTransitionTime": instant(self._clock.now()) if moved else old.get("lastTransitionTime"),
            "reason": reason,
            "message": message,
        }
        others = [row for row in conditions if row.get("type") != "Available"]
        status = {**(present.get("status") or {}), "conditions": [*others, condition]}
        await self._write("PUT", f"{info.path(None, name)}/status", {**present, "status": status})


async def _finished(checks: "asyncio.Future[list[None]]") -> None:
    """Wait for the checks; when the server stops meanwhile they get a moment, so that no handshake is torn apart."""
    try:
        await asyncio.shield(checks)
    except asyncio.CancelledError:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_SECONDS):
                await checks
        raise


async def _whole(response: Response) -> bytes:
    body = response.body
    if isinstance(body, bytes):
        return body
    return b"".join([piece async for piece in body])  # type: ignore[union-attr]
