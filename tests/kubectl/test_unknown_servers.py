"""Servers that neither client has seen: older discovery, no OpenAPI v3, no tables, groups that fail or are missing."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.kubectl.altered_server import (
    Alteration,
    GroupFails,
    GroupMissing,
    NoFieldValidation,
    Upstream,
    altered,
    no_aggregated_discovery,
    no_openapi_v3,
    no_tables,
)
from tests.kubectl.differential import Pair
from tests.support.kubectl import installed

SERVERS: dict[str, Callable[[Upstream], list[Alteration]]] = {
    "oldest": lambda _: [no_aggregated_discovery, no_openapi_v3],
    "no-tables": lambda _: [no_tables],
    "groups-missing": lambda upstream: [GroupMissing(upstream, "events.k8s.io", "discovery.k8s.io", "autoscaling")],
    "no-openapi-v3": lambda _: [no_openapi_v3],
    "older-fields": lambda upstream: [no_openapi_v3, NoFieldValidation(upstream)],
    "group-fails": lambda upstream: [GroupFails(upstream, aggregated=False)],
    "group-is-stale": lambda upstream: [GroupFails(upstream, aggregated=True)],
}
DIRECTORY = Path(__file__).with_name("servers")
CASES = [(name, "any") for name in ("oldest", "no-tables", "groups-missing")] + [
    (name, "discovery") for name in SERVERS if name != "older-fields"
]
CASES.append(("older-fields", "fields"))


@pytest.mark.parametrize(("name", "case"), CASES)
def test_both_clients_say_the_same(kubeconfig: Path, tmp_path: Path, name: str, case: str) -> None:
    stock = installed()
    if not stock:
        pytest.skip("no stock kubectl here to compare with")
    with altered(kubeconfig, tmp_path, SERVERS[name]) as path:
        pair = Pair(list(stock.values())[-1], path, tmp_path / "homes")
        text = (DIRECTORY / f"{case}.txt").read_text()
        differences = pair.run_case(f"{name}-{case}", text)
    assert not differences, "\n\n".join(map(str, differences))
