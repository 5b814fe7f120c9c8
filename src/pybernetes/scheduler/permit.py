"""Pods that a Permit plugin holds between the decision and the binding, until allowed, rejected or out of time."""

import asyncio
from collections.abc import Iterable

from pybernetes.scheduler.framework import Code, Verdict


class Permits:
    """The held pods by uid. Timeouts are real time: they bound how long others are kept out of the room."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}

    def hold(self, uid: str, waits: Iterable[Verdict]) -> None:
        """Hold a pod for the plugins that said WAIT, each with its own patience."""
        self._held[uid] = _Held({verdict.plugin: verdict.seconds for verdict in waits})

    def is_held(self, uid: str) -> bool:
        """Whether the pod is held."""
        return uid in self._held

    def held(self) -> list[str]:
        """The uids of the pods that are held."""
        return list(self._held)

    def allow(self, uid: str, plugin: str) -> None:
        """This plugin lets the pod go; the last one to do so frees it."""
        held = self._held.get(uid)
        if held is not None:
            held.patience.pop(plugin, None)
            if not held.patience:
                held.answer(None)

    def reject(self, uid: str, plugin: str, reason: str) -> None:
        """The pod must not be bound."""
        held = self._held.get(uid)
        if held is not None:
            held.answer(Verdict(Code.UNSCHEDULABLE, plugin, (reason,)))

    async def wait(self, uid: str) -> Verdict | None:
        """The outcome; at once when nobody holds the pod."""
        held = self._held.get(uid)
        if held is None:
            return None
        impatient = min(held.patience, key=held.patience.__getitem__, default="")
        try:
            async with asyncio.timeout(held.patience.get(impatient)):
                return await held.outcome
        except TimeoutError:
            return Verdict(
                Code.UNSCHEDULABLE, impatient, (f"rejected due to timeout after waiting at plugin {impatient}",)
            )
        finally:
            del self._held[uid]


class _Held:
    __slots__ = ("outcome", "patience")

    def __init__(self, patience: dict[str, float]) -> None:
        self.patience = patience
        self.outcome: asyncio.Future[Verdict | None] = asyncio.get_running_loop().create_future()

    def answer(self, verdict: Verdict | None) -> None:
        if not self.outcome.done():
            self.outcome.set_result(verdict)
