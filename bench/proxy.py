"""What does it cost to program services, and to change one of many?

    .venv/bin/python bench/proxy.py [--services 100 1000 10000] [--endpoints 3] [--rounds 5] [--record]

For each number of services: working out the rules and handing them to the kernel from nothing, then one changed
endpoint, then one service more and one less. Times are medians; "work" is our own part, "nft" the kernel's with the
process that talks to it. Beside it, once, the layout with a chain per service (upstream's), whose cost in this kernel
grows with the square. Needs root; runs in a network namespace of its own.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from recording import record

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.machine import Machine, machine  # noqa: E402

from pybernetes.proxy.endpoint_numbers import EndpointNumbers  # noqa: E402
from pybernetes.proxy.model import Endpoint, ServicePort  # noqa: E402
from pybernetes.proxy.rules import entries, skeleton  # noqa: E402
from pybernetes.proxy.ruleset import Ruleset  # noqa: E402

TABLE = "ip pybernetes"


def service(number: int, endpoints: int, shift: int = 0) -> ServicePort:
    """A service whose endpoints are spread over a hundred nodes."""
    points = tuple(
        Endpoint(f"10.{128 + (number >> 13)}.{(number >> 5) & 255}.{(number & 31) * 8 + n + 1 + shift}", 8080, n == 0)
        for n in range(endpoints)
    )
    return ServicePort(
        namespace="default",
        name=f"s{number}",
        port_name="http",
        protocol="tcp",
        port=80,
        cluster_ip=f"10.96.{number >> 8}.{number & 255}",
        internal=points,
        external=points,
        everywhere=points,
    )


class Table:
    """The proxy's rules on a machine."""

    def __init__(self, host: Machine) -> None:
        self.host = host
        self.ruleset = Ruleset(TABLE, skeleton("10.128.0.0/9"))
        self.numbers = EndpointNumbers()

    def put(self, ports: Iterable[ServicePort]) -> None:
        for port in ports:
            self.ruleset.replace(port.name, entries(port.name, (port,), self.numbers))

    def drop(self, name: str) -> None:
        self.ruleset.replace(name, entries(name, (), self.numbers))

    def apply(self) -> float:
        """Seconds in nft."""
        commands = self.ruleset.commands()
        began = time.perf_counter()
        self.host.run("nft", "-f", "-", given=commands)
        took = time.perf_counter() - began
        self.ruleset.applied()
        return took


def whole(host: Machine, ports: list[ServicePort]) -> tuple[Table, float, float]:
    table = Table(host)
    began = time.perf_counter()
    table.put(ports)
    nft = table.apply()
    return table, time.perf_counter() - began - nft, nft


def chains_per_service(host: Machine, ports: list[ServicePort]) -> float:
    """Seconds in nft for the layout with a chain per service and endpoint."""
    lines = ["table ip upstream {"]
    for port in ports:
        for n, point in enumerate(port.internal):
            lines.append(f"chain e_{port.name}_{n} {{ meta l4proto tcp dnat ip to {point.ip}:{point.port}\n}}")
        choices = ", ".join(f"{n} : goto e_{port.name}_{n}" for n in range(len(port.internal)))
        lines.append(f"chain s_{port.name} {{ numgen random mod {len(port.internal)} vmap {{ {choices} }}\n}}")
    where = ", ".join(f"{port.cluster_ip} . tcp . 80 : goto s_{port.name}" for port in ports)
    lines.append("map services { type ipv4_addr . inet_proto . inet_service : verdict; elements = { " + where + " } }")
    lines.append(
        "chain pre { type nat hook prerouting priority -100; ip daddr . meta l4proto . th dport vmap @services\n}"
    )
    began = time.perf_counter()
    host.run("nft", "-f", "-", given="\n".join([*lines, "}"]), timeout=600)
    took = time.perf_counter() - began
    host.run("nft", "delete", "table", "ip", "upstream")
    return took


def measure(host: Machine, count: int, endpoints: int, rounds: int) -> dict[str, float]:
    ports = [service(n, endpoints) for n in range(count)]
    work, nft, change, add, remove = [], [], [], [], []
    for round_ in range(rounds):
        table, worked, took = whole(host, ports)
        work.append(worked)
        nft.append(took)
        for n in range(5):
            began = time.perf_counter()
            table.put([service(n, endpoints, shift=1 + round_ % 3)])
            table.apply()
            change.append(time.perf_counter() - began)
            began = time.perf_counter()
            table.put([service(count + n, endpoints)])
            table.apply()
            add.append(time.perf_counter() - began)
            began = time.perf_counter()
            table.drop(f"s{count + n}")
            table.apply()
            remove.append(time.perf_counter() - began)
    values = {"whole_work": work, "whole_nft": nft, "change": change, "add": add, "remove": remove}
    return {name: round(1000 * statistics.median(found), 2) for name, found in values.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--endpoints", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--chains-up-to", type=int, default=1000, help="measure the other layout up to this number")
    parser.add_argument("--record", action="store_true", help="append to bench/results/proxy.jsonl")
    arguments = parser.parse_args()
    found: dict[str, dict[str, float]] = {}
    print(f"{'services':>9} {'work':>9} {'nft':>9} {'change':>8} {'add':>8} {'remove':>8}   milliseconds")
    with machine("bench") as host:
        for count in arguments.services:
            result = measure(host, count, arguments.endpoints, arguments.rounds)
            if count <= arguments.chains_up_to:
                chains = chains_per_service(host, [service(n, arguments.endpoints) for n in range(count)])
                result["chains_nft"] = round(1000 * chains, 2)
            found[str(count)] = result
            row = [result[name] for name in ("whole_work", "whole_nft", "change", "add", "remove")]
            other = f"   a chain per service: {result['chains_nft']}" if "chains_nft" in result else ""
            print(f"{count:>9} {row[0]:>9} {row[1]:>9} {row[2]:>8} {row[3]:>8} {row[4]:>8}{other}", flush=True)
    if arguments.record:
        record("proxy", {"endpoints": arguments.endpoints, **found})


if __name__ == "__main__":
    main()
