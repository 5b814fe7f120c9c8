"""HTTP extenders: services that filter and weigh nodes, or bind, along with the plugins.

    plugins' feasible nodes ──▶ filterVerb of each extender ──▶ plugins' scores + prioritizeVerb × weight ──▶ best
                                     └ none is left: DefaultPreemption's candidates ──▶ preemptVerb ──▶ least harmful

The calls take time, in which the cluster changes: the node that was chosen is checked once more before it is taken.
Field names are those of the extender API (k8s.io/kube-scheduler/extender/v1), which Go writes without tags.
"""

import asyncio
import base64
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
from pybernetes.client.config import load_certificate
from pybernetes.scheduler.configuration.types import Extender as ExtenderConfig
from pybernetes.scheduler.configuration.types import ExtenderTls
from pybernetes.scheduler.cycle import Cycle, Decision
from pybernetes.scheduler.framework import MAX_SCORE, Code, Verdict
from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.preemption import Plan, importance
from pybernetes.scheduler.queue import REJECTOR
from pybernetes.scheduler.snapshot import Snapshot

log = logger(__name__)
MAX_EXTENDER_SCORE = 10
DEFAULT_TIMEOUT_SECONDS = 5.0
_SILENT = Verdict(Code.UNRESOLVABLE, REJECTOR)
"""On nodes that an extender leaves out without a word: preemption is not tried there."""


class ExtenderError(Exception):
    """An extender failed; the attempt fails unless the extender is ignorable."""


class Extender:
    """One service. transport: for tests."""

    def __init__(self, config: ExtenderConfig, transport: App | None = None) -> None:
        self.config = config
        self.name = config.url_prefix
        parts = urlsplit(config.url_prefix)
        self._path = parts.path.rstrip("/")
        self._timeout = parse_seconds(config.http_timeout) or DEFAULT_TIMEOUT_SECONDS
        self._managed = frozenset(resource.name for resource in config.managed_resources)
        base = f"{'https' if config.enable_https else parts.scheme}://{parts.netloc}"
        name = config.tls_config.server_name if config.tls_config is not None else ""
        self._transport: App = transport or HttpTransport(base, tls=_tls(config), server_name=name or None)

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
        for name in kept.difference(node.name for node in nodes):
            raise ExtenderError(
                f'extender "{self.name}" claims a filtered node "{name}" which is not found in the input node list'
            )
        verdicts = {}
        for code, key in ((Code.UNSCHEDULABLE, "failednodes"), (Code.UNRESOLVABLE, "failedandunresolvablenodes")):
            for name, why in (answer.get(key) or {}).items():
                verdicts[name] = Verdict(code, REJECTOR, (why,))
        left = [node for node in nodes if node.name in kept and node.name not in verdicts]
        for node in nodes:
            if node.name not in kept:
                verdicts.setdefault(node.name, _SILENT)
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

    @property
    def preempts(self) -> bool:
        """Whether it takes part in preemption."""
        return bool(self.config.preempt_verb)

    async def preempt(self, pod: PodInfo, plans: Sequence[Plan], snapshot: Snapshot) -> list[Plan]:
        """The plans that it agrees with, perhaps with other victims. ExtenderError."""
        cached = self.config.node_cache_capable
        victims = {
            plan.node_name: {
                "Pods": [{"UID": pod.pod.metadata.uid} if cached else pod.pod for pod in plan.victims],
                "NumPDBViolations": plan.violations,
            }
            for plan in plans
        }
        body = {
            "Pod": pod.pod,
            "NodeNameToVictims": None if cached else victims,
            "NodeNameToMetaVictims": victims if cached else None,
        }
        answer = await self._ask(self.config.preempt_verb, body)
        return [
            plan
            for name, chosen in (answer.get("nodenametometavictims") or {}).items()
            if (plan := self._plan(name, _lowered(chosen or {}), snapshot)) is not None
        ]

    def _plan(self, node_name: str, chosen: dict[str, Any], snapshot: Snapshot) -> Plan | None:
        node = snapshot.node(node_name)
        if node is None:
            raise ExtenderError(f'nodeinfo not found for node name "{node_name}"')
        victims = []
        for uid in (str(_lowered(row).get("uid")) for row in chosen.get("pods") or ()):
            known = node.pods.get(uid)
            if known is None:
                raise ExtenderError(
                    f"extender: {self.name} claims to preempt pod (UID: {uid}) on node: {node_name}, "
                    "but the pod is not found on that node"
                )
            victims.append(known)
        if not victims:
            if self.config.ignorable:
                return None
            raise ExtenderError(f'expected at least one victim pod on node "{node_name}"')
        return Plan(node_name, tuple(sorted(victims, key=importance)), int(chosen.get("numpdbviolations") or 0))

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
    """As upstream: with enableHTTPS and no authority named, any certificate will do."""
    if not (config.enable_https or config.url_prefix.startswith("https:")):
        return None
    settings = config.tls_config or ExtenderTls()
    authority = settings.ca_data or settings.ca_file
    context = ssl.create_default_context(
        cafile=settings.ca_file or None if not settings.ca_data else None,
        cadata=base64.b64decode(settings.ca_data).decode() if settings.ca_data else None,
    )
    if settings.insecure or (config.enable_https and not authority):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if settings.cert_data:
        load_certificate(context, base64.b64decode(settings.cert_data), base64.b64decode(settings.key_data))
    elif settings.cert_file:
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

    def preempting(self, pod: PodInfo) -> list[Extender]:
        """Those that have a say about whom to preempt for the pod."""
        return [one for one in self.interested(pod) if one.preempts]

    async def agree(self, pod: PodInfo, plans: list[Plan], snapshot: Snapshot) -> list[Plan]:
        """The plans that all of them agree with. ExtenderError."""
        for extender in self.preempting(pod):
            if not plans:
                break
            try:
                plans = await extender.preempt(pod, plans, snapshot)
            except ExtenderError as error:
                if not extender.config.ignorable:
                    raise
                log.warning("Skipping extender", extender=extender.name, err=error)
        return plans

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
