"""Which resources are served, and the gates."""

from typing import Any

import pytest
from tests.support.api import running_api

from pybernetes.api.feature_gates import FeatureGates, parse_gates
from pybernetes.api.resource import resource, resources
from pybernetes.apiserver.runtime_config import parse_runtime_config, served


def names(settings: str) -> set[str]:
    gates = FeatureGates({"AllAlpha": True, "AllBeta": True})
    found = served(resources().values(), parse_runtime_config(settings), gates)
    return {f"{info.group_version}/{info.plural}" for info in found}


DEFAULT = names("")


def test_by_default_stable_versions_are_served() -> None:
    assert len(DEFAULT) == 68
    assert "apps/v1/deployments" in DEFAULT
    assert not any("alpha" in name or "beta" in name for name in DEFAULT)


SETTINGS: list[tuple[str, set[str], set[str]]] = [
    ("networking.k8s.io/v1beta1", {"networking.k8s.io/v1beta1/ipaddresses"}, set()),
    ("storagemigration.k8s.io/v1beta1=true", {"storagemigration.k8s.io/v1beta1/storageversionmigrations"}, set()),
    ("resource.k8s.io/v1beta1/deviceclasses=true", {"resource.k8s.io/v1beta1/deviceclasses"}, set()),
    ("apps/v1=false", set(), {name for name in DEFAULT if name.startswith("apps/")}),
    ("v1/secrets=false", set(), {"v1/secrets"}),
]


@pytest.mark.parametrize(("text", "more", "less"), SETTINGS, ids=[row[0] for row in SETTINGS])
def test_versions_and_resources_are_switched(text: str, more: set[str], less: set[str]) -> None:
    found = names(text)
    assert DEFAULT - found == less
    assert more <= found - DEFAULT


def test_stages_are_switched_at_once() -> None:
    assert {name.split("/")[-2] for name in names("api/beta=true") - DEFAULT} <= {"v1beta1", "v1beta2"}
    assert len(names("api/all=true")) == len(resources())
    assert names("api/all=false,v1=true") == {name for name in DEFAULT if name.startswith("v1/")}


@pytest.mark.parametrize("text", ["nonsense.example.com/v1=true", "apps/v1=maybe"])
def test_mistakes_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"unknown api groups|invalid value"):
        names(text)


async def test_other_versions_show_the_same_objects() -> None:
    async with running_api(runtime_config={"api/all": True}) as api:
        for group, old, new, plural, kind, spec in (
            ("networking.k8s.io", "v1beta1", "v1", "servicecidrs", "ServiceCIDR", {"cidrs": ["10.1.0.0/16"]}),
            ("storage.k8s.io", "v1beta1", "v1", "volumeattributesclasses", "VolumeAttributesClass", None),
            ("resource.k8s.io", "v1beta2", "v1", "deviceclasses", "DeviceClass", {}),
        ):
            obj: dict[str, Any] = {"metadata": {"name": "x"}}
            obj |= {"spec": spec} if spec is not None else {"driverName": "d", "parameters": {"a": "b"}}
            made = await api.post(f"/apis/{group}/{old}/{plural}", obj)
            assert made.code == 201, made
            assert made.body["apiVersion"] == f"{group}/{old}"
            assert made.body["kind"] == kind
            shown = (await api.get(f"/apis/{group}/{new}/{plural}/x")).body
            assert shown["apiVersion"] == f"{group}/{new}"
            assert shown["metadata"]["uid"] == made.body["metadata"]["uid"]
            listed = (await api.get(f"/apis/{group}/{old}/{plural}")).body
            assert "x" in [item["metadata"]["name"] for item in listed["items"]]


async def test_older_claims_are_converted_both_ways() -> None:
    async with running_api(runtime_config={"resource.k8s.io/v1beta1": True}) as api:
        path = "/apis/resource.k8s.io/{}/namespaces/default/resourceclaims"
        request = {"name": "r", "deviceClassName": "gpu", "count": 2, "allocationMode": "ExactCount"}
        made = await api.post(
            path.format("v1beta1"), {"metadata": {"name": "c"}, "spec": {"devices": {"requests": [request]}}}
        )
        assert made.code == 201, made
        assert made.body["spec"]["devices"]["requests"][0]["deviceClassName"] == "gpu"
        stored = (await api.get(path.format("v1") + "/c")).body["spec"]["devices"]["requests"][0]
        assert (stored["name"], stored["exactly"]["deviceClassName"], stored["exactly"]["count"]) == ("r", "gpu", 2)


async def test_discovery_tells_what_is_served() -> None:
    async with running_api(runtime_config={"networking.k8s.io/v1beta1": True, "apps/v1": False}) as api:
        versions = (await api.get("/apis/networking.k8s.io")).body["versions"]
        assert [version["version"] for version in versions] == ["v1", "v1beta1"]
        assert (await api.get("/apis/apps")).code == 404
        assert (await api.get(resource("deployments", "apps").path("default"))).code == 404


def test_gates_have_their_defaults_and_can_be_set() -> None:
    gates = FeatureGates()
    alpha = next(name for name in gates if name == "AllowUnsafeMalformedObjectDeletion")
    assert gates[alpha] is False
    assert FeatureGates({"AllAlpha": True})[alpha] is True
    assert FeatureGates({"AllAlpha": True, alpha: False})[alpha] is False
    assert FeatureGates(parse_gates(f"{alpha}=true"))[alpha] is True


def test_unknown_and_locked_gates_are_refused() -> None:
    with pytest.raises(ValueError, match="unrecognized feature gate: Nonsense"):
        FeatureGates({"Nonsense": True})
    with pytest.raises(ValueError, match="feature is locked to true"):
        FeatureGates({"MultiCIDRServiceAllocator": False})
    for text in ("A", "A=x"):
        with pytest.raises(ValueError, match=r"missing bool value|invalid value"):
            parse_gates(text)
