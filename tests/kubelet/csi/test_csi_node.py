"""CSINode, the node's annotation and its labels, against an API server in memory."""

import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from pybernetes.api.core import Node
from pybernetes.api.storage import CSINode
from pybernetes.client.client import Client
from pybernetes.client.in_process import InProcessTransport
from pybernetes.kubelet.csi.csi_node import (
    CsiNodeWriter,
    TopologyCollision,
    driver_entry,
    node_ids,
    topology_labels,
)
from pybernetes.kubelet.csi.messages import NodeGetInfoResponse, Topology
from pybernetes.testing import ADMIN, api_server


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with api_server() as server:
        found = Client(InProcessTransport(server.app, ADMIN))
        await found.create(msgspec.convert({"metadata": {"name": "n1", "labels": {"zone": "a"}}}, Node))
        yield found


def info(node_id: str = "id", limit: int = 0, **segments: str) -> NodeGetInfoResponse:
    topology = Topology(segments=segments) if segments else None
    return NodeGetInfoResponse(node_id=node_id, max_volumes_per_node=limit, accessible_topology=topology)


async def shown(client: Client) -> list[dict[str, Any]]:
    drivers = (await client.get(CSINode, "n1")).spec.drivers or []
    return [msgspec.to_builtins(driver) for driver in drivers]


async def test_drivers_come_and_go(client: Client) -> None:
    writer = CsiNodeWriter(client, "n1")
    await writer.ensure()
    found = await client.get(CSINode, "n1")
    assert found.spec.drivers == []
    (owner,) = found.metadata.owner_references or []
    node = await client.get(Node, "n1")
    assert (owner.kind, owner.name, owner.uid) == ("Node", "n1", node.metadata.uid)

    await writer.add("one", info("id-1", 5, rack="r1"))
    await writer.add("two", info("id-2"))
    node = await client.get(Node, "n1")
    assert json.loads((node.metadata.annotations or {})["csi.volume.kubernetes.io/nodeid"]) == {
        "one": "id-1",
        "two": "id-2",
    }
    assert (node.metadata.labels or {})["rack"] == "r1"
    one = {"name": "one", "nodeID": "id-1", "topologyKeys": ["rack"], "allocatable": {"count": 5}}
    assert await shown(client) == [one, {"name": "two", "nodeID": "id-2", "topologyKeys": None}]

    await writer.add("two", info("id-2", 7))
    assert (await shown(client))[1]["allocatable"] == {"count": 7}
    await writer.remove("one")
    await writer.remove("two")
    assert await shown(client) == []
    node = await client.get(Node, "n1")
    assert not node.metadata.annotations and (node.metadata.labels or {})["rack"] == "r1"


async def test_a_csi_node_that_somebody_deleted_is_made_again(client: Client) -> None:
    writer = CsiNodeWriter(client, "n1")
    await writer.add("one", info())
    assert [driver["name"] for driver in await shown(client)] == ["one"]


async def test_a_driver_that_sees_the_node_elsewhere_is_refused(client: Client) -> None:
    writer = CsiNodeWriter(client, "n1")
    await writer.ensure()
    text = 'detected topology value collision: driver reported "zone":"b" but existing label is "zone":"a"'
    with pytest.raises(TopologyCollision) as caught:
        await writer.add("one", info(zone="b"))
    assert str(caught.value) == text
    assert await shown(client) == []


@pytest.mark.parametrize(
    ("annotation", "node_id", "expected"),
    [
        ("", "1", '{"d":"1"}'),
        ('{"e":"2"}', "1", '{"d":"1","e":"2"}'),
        ('{"d":"0"}', "1", '{"d":"1"}'),
        ('{"d":"1"}', None, None),
        ('{"d":"1","e":"2"}', None, '{"e":"2"}'),
        ("not json", "1", '{"d":"1"}'),
        ("[]", None, None),
    ],
)
def test_the_annotation(annotation: str, node_id: str | None, expected: str | None) -> None:
    assert node_ids(annotation, "d", node_id) == expected


def test_only_labels_that_are_missing_are_added() -> None:
    assert topology_labels({"a": "1"}, {"a": "1", "b": "2"}) == {"b": "2"}


def test_a_limit_is_an_int32() -> None:
    allocatable = driver_entry("d", info(limit=1 << 40)).allocatable
    assert allocatable is not None and allocatable.count == 2**31 - 1
