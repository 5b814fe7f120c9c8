"""componentstatuses, and what clients of deprecated kinds are warned of."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.support.api import running_api

from pybernetes.api.resource import resource
from pybernetes.apiserver.component_statuses import lease_problem

PATH = "/api/v1/componentstatuses"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"


def lease(renewed: datetime) -> dict[str, object]:
    text = renewed.strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    return {"spec": {"holderIdentity": "me", "renewTime": text, "leaseDurationSeconds": 15}}


def test_a_component_is_well_while_its_lease_lasts() -> None:
    assert lease_problem(lease(NOW - timedelta(seconds=15)), NOW) == ""
    assert lease_problem(lease(NOW - timedelta(seconds=25)), NOW) == "its lease ended 10 s ago"
    assert lease_problem(None, NOW) == lease_problem({"spec": {}}, NOW) == "nobody holds its lease"


async def test_statuses_are_listed_got_and_shown_as_a_table() -> None:
    async with running_api() as api:
        made = {"metadata": {"name": "kube-scheduler"}, **lease(datetime.now(UTC))}
        assert (await api.post(LEASES, made)).code == 201
        listed = (await api.get(PATH)).body
        assert listed["kind"] == "ComponentStatusList"
        healthy = {item["metadata"]["name"]: item["conditions"][0]["status"] for item in listed["items"]}
        assert healthy == {"controller-manager": "False", "etcd-0": "True", "scheduler": "True"}
        one = await api.get(PATH + "/scheduler")
        assert one.body["conditions"] == [{"type": "Healthy", "status": "True", "message": "ok"}]
        assert (await api.get(PATH + "/nothing")).code == 404
        table = (await api.get(PATH, accept=TABLE)).body
        assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Status", "Message", "Error"]
        assert [row["cells"][:3] for row in table["rows"]][1:] == [
            ["etcd-0", "Healthy", "ok"],
            ["scheduler", "Healthy", "ok"],
        ]
        chosen = (await api.get(PATH, "fieldSelector=metadata.name%3Detcd-0")).body["items"]
        assert [item["metadata"]["name"] for item in chosen] == ["etcd-0"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (PATH, "v1 ComponentStatus is deprecated in v1.19+"),
        (
            "/api/v1/endpoints",
            "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
        ),
        (
            "/apis/storage.k8s.io/v1beta1/volumeattributesclasses",
            "storage.k8s.io/v1beta1 VolumeAttributesClass is deprecated in v1.34+; "
            "use storage.k8s.io/v1 VolumeAttributesClass",
        ),
    ],
)
async def test_deprecated_kinds_are_warned_of(path: str, words: str) -> None:
    async with running_api(runtime_config={"storage.k8s.io/v1beta1": True}) as api:
        assert (await api.get(path)).header("warning") == [f'299 - "{words}"']
        assert (await api.get("/api/v1/pods")).header("warning") == []


def test_what_is_deprecated_later_is_not_yet() -> None:
    assert resource("clustertrustbundles", "certificates.k8s.io", "v1beta1").deprecation == ""
