"""A Source of the metrics server for tests: kubelets that tell what a test says their containers use.

kubelets = FakeKubelets(clock)
kubelets.run("n1", "default", "web", {"main": (0.25, 64 << 20)})        processors, bytes
"""

from pybernetes.api.core import Node
from pybernetes.base.clock import Clock
from pybernetes.metrics.kubelets import Unreachable


class FakeKubelets:
    """Counters grow with the clock; every reading is recorded in `asked`."""

    def __init__(self, clock: Clock) -> None:
        self.asked: list[tuple[float, str]] = []
        self.kept: list[list[str]] = []
        self.silent: set[str] = set()
        self._clock = clock
        self._nodes: dict[str, tuple[float, int]] = {}
        self._containers: dict[tuple[str, str, str, str], tuple[float, int, float]] = {}
        self._counters: dict[tuple[str, ...], tuple[float, float]] = {}

    def use(self, node: str, processors: float, memory_bytes: int) -> None:
        """What a node uses from now on."""
        self._advance((node,))
        self._nodes[node] = (processors, memory_bytes)

    def run(self, node: str, namespace: str, pod: str, containers: dict[str, tuple[float, int]]) -> None:
        """What containers use from now on; those not seen before start now."""
        now = self._clock.now().timestamp()
        for name, (processors, memory_bytes) in containers.items():
            key = (node, namespace, pod, name)
            self._advance(key)
            started = self._containers[key][2] if key in self._containers else now
            self._containers[key] = (processors, memory_bytes, started)

    def restart(self, node: str, namespace: str, pod: str, container: str) -> None:
        """The container begins anew, its counter at 0."""
        key = (node, namespace, pod, container)
        now = self._clock.now().timestamp()
        self._containers[key] = (*self._containers[key][:2], now)
        self._counters[key] = (now, 0.0)

    def stop(self, node: str, namespace: str, pod: str) -> None:
        """The pod is gone."""
        for key in [key for key in self._containers if key[:3] == (node, namespace, pod)]:
            del self._containers[key]

    def _advance(self, key: tuple[str, ...]) -> float:
        now = self._clock.now().timestamp()
        since, total = self._counters.get(key, (now, 0.0))
        rate = self._nodes.get(key[0], (0.0, 0))[0]
        if len(key) == 4:
            rate = self._containers[key][0] if key in self._containers else 0.0
        total += (now - since) * rate
        self._counters[key] = (now, total)
        return total

    async def read(self, node: Node) -> str:
        """See Source."""
        name = node.metadata.name or ""
        now = self._clock.now().timestamp()
        self.asked.append((self._clock.monotonic(), name))
        if name in self.silent:
            raise Unreachable("dial tcp: connection refused")
        stamp = int(now * 1000)
        lines = []
        if name in self._nodes:
            lines.append(f"node_cpu_usage_seconds_total {1000 + self._advance((name,)):.9f} {stamp}")
            lines.append(f"node_memory_working_set_bytes {self._nodes[name][1]} {stamp}")
        for key, (_, memory_bytes, started) in self._containers.items():
            if key[0] == name:
                labels = f'{{container="{key[3]}",namespace="{key[1]}",pod="{key[2]}"}}'
                cpu = self._advance(key) + 0.001
                lines.append(f"container_cpu_usage_seconds_total{labels} {cpu:.9f} {stamp}")
                lines.append(f"container_memory_working_set_bytes{labels} {memory_bytes} {stamp}")
                lines.append(f"container_start_time_seconds{labels} {started:.3f}")
        return "\n".join(lines) + "\n"

    async def keep(self, nodes: list[Node]) -> None:
        """See Source."""
        self.kept.append(sorted(node.metadata.name or "" for node in nodes))
