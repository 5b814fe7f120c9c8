"""HTTP extenders: services that filter and weigh nodes, or bind, along with the plugins.

    plugins' feasible nodes ──▶ filterVerb of each extender ──▶ plugins' scores + prioritizeVerb × weight ──▶ best

The calls take time, in which the cluster changes: the node that was chosen is checked once more before it is taken.
Field names are those of the extender API (k8s.io/kube-scheduler/extender/v1), which Go writes without tags.
"""

import asyncio
import ssl
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from pybernetes.api.duration import parse_seconds
from pybernetes.base.http.client import HttpTransport
from pybernetes.base.http.message import App, Request
from pybernetes.base.log import logger
from pybernetes.client.client import read_body
from pybernetes.scheduler.configuration.types import Extender as ExtenderConfig
from pybernetes.scheduler.cycle import Cycle, Decision
from pybernetes.scheduler.framework import MAX_SCORE, Code, Verdict
from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.pod_info import PodInfo

log = logger(__name__)
MAX_EXTENDER_SCORE = 10


class ExtenderError(Exception):
    """An extender failed; the attempt fails unless the extender is ignorable."""


class Extender:
    """One service. transport: for tests."""

    def __init__(self, config: ExtenderConfig, transport: App | None = None) -> None:
        self.config = config
        self.name = config.url_prefix
        parts = urlsplit(config.url_prefix)
        self._path = parts.path.rstrip("/")
        self._timeout = parse_seconds(config.http_timeout)
        self._managed = frozenset(resource.name for resource in config.managed_resources)
        base = f"{'https' if config.enable_https else parts.scheme}://{parts.netloc}"
        self._transport: App = transport or HttpTransport(base, tls=_tls(config))

    def is_interested(self, pod: PodInfo) -> bool:
        """Whether it wants to be asked about the pod."""
        return not self._managed or not self._managed.isdisjoint(pod.requests.scalars)

    async def filter(self, pod: PodInfo, nodes: Sequence[NodeInfo]) -> tuple[list[NodeInfo], dict[str, Verdict]]:
        """The nodes it lets through, and its verdict on the others. ExtenderError."""
        if not self.config.filter_verb:
            return list(nodes), {}
        answer = await self._ask(self.config.filter_verb, self._arguments(pod, nodes))
        if answer.get("error"):
            raise ExtenderError(answer["error"])
        if self.config.node_cache_capable and answer.get("nodenames") is not None:
            kept = set(answer["nodenames"])
        else:
            items = _lowered(answer.get("nodes") or {}).get("items") or []
            kept = {item["metadata"]["name"] for item in items}
        verdicts = {}
        for code, key in ((Code.UNSCHEDULABLE, "failednodes"), (Code.UNRESOLVABLE, "failedandunresolvablenodes")):
            for name, why in (answer.get(key) or {}).items():
                verdicts[name] = Verdict(code, self.name, (why,))
        left = [node for node in nodes if node.name in kept and node.name not in verdicts]
        for node in nodes:
            if node.name not in kept:
                verdicts.setdefault(
                    node.name, Verdict(Code.UNSCHEDULABLE, self.name, ("node(s) rejected by extender",))
                )
        return left, verdicts

    async def prioritize(self, pod: PodInfo, nodes: Sequence[NodeInfo]) -> dict[str, int]:
        """Weighted scores by node name, on the scale of the plugins' totals; a failure counts for nothing."""
        if not self.config.prioritize_verb:
            return {}
        try:
            rows = await self._ask(self.config.prioritize_verb, self._arguments(pod, nodes))
        except ExtenderError as error:
            log.warning("Extender did not weigh nodes", extender=self.name, err=error)
            return {}
        scale = self.config.weight * (MAX_SCORE // MAX_EXTENDER_SCORE)
        return {row["host"]: int(row["score"]) * scale for row in map(_lowered, rows)}

    async def bind(self, pod: PodInfo, node_name: str) -> None:
        """Bind in the scheduler's place. ExtenderError."""
        uid = pod.pod.metadata.uid or ""
        body = {"PodName": pod.name, "PodNamespace": pod.namespace, "PodUID": uid, "Node": node_name}
        answer = await self._ask(self.config.bind_verb, body)
        if answer.get("error"):
            raise ExtenderError(answer["error"])

    def _arguments(self, pod: PodInfo, nodes: Sequence[NodeInfo]) -> dict[str, Any]:
        found: dict[str, Any] = {"Pod": pod.pod, "Nodes": None, "NodeNames": None}
        if self.config.node_cache_capable:
            found["NodeNames"] = [node.name for node in nodes]
        else:
            items = [node.node for node in nodes]
            found["Nodes"] = {"metadata": {}, "items": items}
        return found

    async def _ask(self, verb: str, body: dict[str, Any]) -> Any:
        request = Request(
            "POST",
            f"{self._path}/{verb}",
            "",
            [("content-type", "application/json")],
            msgspec.json.encode(body),
        )
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._transport(request)
                data = await read_body(response)
        except OSError as error:
            raise ExtenderError(f"{self.name}: {error}") from None
        if response.status != 200:
            url = f"{self.config.url_prefix}/{verb}"
            raise ExtenderError(f"failed {verb} with extender at URL {url}, code {response.status}")
        try:
            answer = msgspec.json.decode(data)
        except msgspec.DecodeError as error:
            raise ExtenderError(f"{self.name}: {error}") from None
        return _lowered(answer) if isinstance(answer, dict) else answer


def _lowered(found: dict[str, Any]) -> dict[str, Any]:
    """Go matches field names whatever their case."""
    return {key.lower(): value for key, value in found.items()}


def _tls(config: ExtenderConfig) -> ssl.SSLContext | None:
    if not (config.enable_https or config.url_prefix.startswith("https:")):
        return None
    settings = config.tls_config
    context = ssl.create_default_context(cafile=(settings.ca_file or None) if settings is not None else None)
    if settings is not None and settings.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if settings is not None and settings.cert_file:
        context.load_cert_chain(settings.cert_file, settings.key_file or None)
    return context


class Extenders:
    """All of them, in their order."""

    def __init__(self, extenders: Sequence[Extender]) -> None:
        self._extenders = extenders

    def interested(self, pod: PodInfo) -> list[Extender]:
        """Those that decide about the pod."""
        return [one for one in self._extenders if one.is_interested(pod)]

    def binder(self, pod: PodInfo) -> Extender | None:
        """The one that binds the pod, if any."""
        return next((one for one in self.interested(pod) if one.config.bind_verb), None)

    async def decide(self, cycle: Cycle, pod: PodInfo) -> Decision:
        """A decision in which they take part. ExtenderError."""
        decision, nodes = cycle.feasible(pod)
        asked = self.interested(pod)
        for extender in asked:
            if not nodes:
                break
            try:
                nodes, verdicts = await extender.filter(pod, nodes)
            except ExtenderError as error:
                if not extender.config.ignorable:
                    raise
                log.warning("Skipping extender", extender=extender.name, err=error)
                continue
            decision.diagnosis.rejected.update(verdicts)
        if not nodes:
            return decision
        more: dict[str, int] = {}
        for scores in await asyncio.gather(*(extender.prioritize(pod, nodes) for extender in asked)):
            for name, score in scores.items():
                more[name] = more.get(name, 0) + score
        alive = [node for node in nodes if node.node is not None]
        for name in cycle.ranked(decision.state, pod, alive, more):
            checked = cycle.decide_on(pod, name)
            if checked.node_name:
                checked.feasible = len(nodes)
                return checked
        return decision
