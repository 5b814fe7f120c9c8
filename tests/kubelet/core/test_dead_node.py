"""A node dies: its pods are begun elsewhere once their tolerations end, and not before. Everything but containers is
real (API server, controllers, scheduler, hollow nodes), on virtual time."""

from typing import Any

from tests.support.control_plane import control_plane, deployment

from pybernetes.api.core import Node, Pod
from pybernetes.base.tasks import running
from pybernetes.client.informers import Informers
from pybernetes.kubelet.hollow import HollowNodes
from pybernetes.scheduler.scheduler import Scheduler


def is_ready(found: Node | Pod) -> bool:
    return any(c.type == "Ready" and c.status == "True" for c in found.status.conditions or ())


async def test_pods_of_a_dead_node_are_begun_elsewhere_when_their_tolerations_end() -> None:
    async with control_plane() as world:
        client = world.client
        nodes = HollowNodes(lambda _name: client, 2, pods_client=client, clock=world.clock)
        informers = Informers(client)
        scheduler = Scheduler(client, informers, clock=world.clock)
        async with (
            running("hollow nodes", nodes.serve),
            running("informers", informers.serve),
            running("scheduler", scheduler.serve),
        ):

            async def pods_on(name: str, *, leaving: bool = False) -> list[str]:
                """Uids of the pods that are ready there, or of those that somebody wants gone."""
                return [
                    pod.metadata.uid or ""
                    for pod in await world.list(Pod, "default")
                    if pod.spec.node_name == name
                    and (pod.metadata.deletion_timestamp is not None if leaving else is_ready(pod))
                ]

            async def ready_nodes() -> bool:
                return [is_ready(node) for node in await world.list(Node)] == [True, True]

            await world.until(ready_nodes)
            impatient: dict[str, Any] = deployment("impatient", 2)
            for key in ("not-ready", "unreachable"):
                toleration = {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute"}
                impatient["spec"]["template"]["spec"].setdefault("tolerations", []).append(
                    {**toleration, "tolerationSeconds": 20}
                )
            await world.create(deployment("patient", 2))
            await world.create(impatient)

            async def spread() -> bool:
                return len(await pods_on("hollow-0")) == len(await pods_on("hollow-1")) == 2

            await world.until(spread)
            lost, kept = await pods_on("hollow-0"), await pods_on("hollow-1")
            died_at = world.clock.monotonic()
            nodes.stop_node("hollow-0")

            async def moved(count: int) -> bool:
                return len(await pods_on("hollow-1")) == count

            await world.until(lambda: moved(3))
            waited = world.clock.monotonic() - died_at
            assert 40 + 20 < waited < 90, "the node is silent for 40 to 50 seconds, then the toleration runs"
            assert set(lost) & set(await pods_on("hollow-0", leaving=True)), "nobody confirms that the lost pod ended"
            await world.until(lambda: moved(4))
            waited = world.clock.monotonic() - died_at
            assert 300 < waited < 400, "five minutes is what the API server gives a pod that does not say"
            assert set(kept) <= set(await pods_on("hollow-1"))
