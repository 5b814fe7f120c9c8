"""Mistakes in claims of devices, their classes and slices, with their exact words."""

from copy import deepcopy
from typing import Any

import pytest

from pybernetes.api.validation import validation_of

Object = dict[str, Any]
EXACT = {"deviceClassName": "gpu", "allocationMode": "ExactCount", "count": 1}
ONE_OF = "exactly one of `exactly` or `firstAvailable` is required"
NODES = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"
NAMED = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"
OPAQUE = {"driver": "d.example.com", "parameters": {"a": 1}}


def request(name: str = "r", **more: Any) -> Object:
    return {"name": name, **(more or {"exactly": EXACT})}


def claim(*requests: Object, **more: Any) -> Object:
    return {"metadata": {"name": "c"}, "spec": {"devices": {"requests": list(requests), **more}}}


def exactly(**more: Any) -> Object:
    return claim(request(exactly={**EXACT, **more}))


CLAIMS: list[tuple[str, Object, list[str]]] = [
    ("good", claim(request()), []),
    ("nothing asked", {"metadata": {"name": "c"}, "spec": {}}, []),
    ("alternatives", claim(request(firstAvailable=[{"name": "a", **EXACT}, {"name": "b", **EXACT}])), []),
    ("no name", claim(request("")), ["spec.devices.requests[0].name: Required value"]),
    ("twice", claim(request(), request()), ['spec.devices.requests[1].name: Duplicate value: "r"']),
    ("neither", claim({"name": "r"}), [f"spec.devices.requests[0]: Required value: {ONE_OF}"]),
    (
        "both",
        claim(request(exactly=EXACT, firstAvailable=[{"name": "a", **EXACT}])),
        [f'spec.devices.requests[0]: Invalid value: "null": {ONE_OF}, but multiple fields are set'],
    ),
    ("no class", exactly(deviceClassName=""), ["spec.devices.requests[0].exactly.deviceClassName: Required value"]),
    ("none", exactly(count=0), ["spec.devices.requests[0].exactly.count: Invalid value: 0: must be greater than zero"]),
    (
        "all of one",
        exactly(allocationMode="All"),
        [
            "spec.devices.requests[0].exactly.count: Invalid value: 1: "
            "must not be specified when allocationMode is 'All'"
        ],
    ),
    (
        "another mode",
        exactly(allocationMode="X"),
        [
            'spec.devices.requests[0].exactly.allocationMode: Unsupported value: "X": '
            'supported values: "All", "ExactCount"'
        ],
    ),
    ("no expression", exactly(selectors=[{}]), ["spec.devices.requests[0].exactly.selectors[0].cel: Required value"]),
    (
        "constraint on another request",
        claim(request(), constraints=[{"requests": ["x"], "matchAttribute": "d/a"}]),
        [f'spec.devices.constraints[0].requests[0]: Invalid value: "x": {NAMED}'],
    ),
    (
        "attribute without domain",
        claim(request(), constraints=[{"requests": ["r"], "matchAttribute": "a"}]),
        ['spec.devices.constraints[0].matchAttribute: Invalid value: "a": must include a domain'],
    ),
    (
        "configuration of nothing",
        claim(request(), config=[{"requests": ["r"]}]),
        ["spec.devices.config[0].opaque: Required value"],
    ),
    ("configuration", claim(request(), config=[{"requests": ["r"], "opaque": OPAQUE}]), []),
]


@pytest.mark.parametrize(("obj", "expected"), [row[1:] for row in CLAIMS], ids=[row[0] for row in CLAIMS])
def test_claims_and_templates(obj: Object, expected: list[str]) -> None:
    assert [str(error) for error in validation_of("resourceclaims.resource.k8s.io").create(obj)] == expected
    template = {"metadata": {"name": "t"}, "spec": {"spec": obj["spec"]}}
    found = [str(error) for error in validation_of("resourceclaimtemplates.resource.k8s.io").create(template)]
    assert found == [text.replace("spec.", "spec.spec.", 1) for text in expected]


def test_what_a_claim_asks_for_never_changes() -> None:
    (error,) = validation_of("resourceclaims.resource.k8s.io").update(claim(request("other")), claim(request()))
    assert str(error).startswith("spec: Invalid value: ") and str(error).endswith(": field is immutable")


SLICE: Object = {
    "metadata": {"name": "s"},
    "spec": {
        "driver": "d.example.com",
        "nodeName": "n",
        "pool": {"name": "p", "generation": 1, "resourceSliceCount": 1},
        "devices": [{"name": "a"}, {"name": "b"}],
    },
}
SLICES: list[tuple[str, Object, list[str]]] = [
    ("good", {}, []),
    ("no driver", {"driver": ""}, ["spec.driver: Required value"]),
    ("nowhere", {"nodeName": ""}, [f"spec: Required value: {NODES}"]),
    (
        "in two ways",
        {"allNodes": True},
        [f'spec: Invalid value: "{{`nodeName`, `allNodes`}}": {NODES}, but multiple fields are set'],
    ),
    ("twice", {"devices": [{"name": "a"}, {"name": "a"}]}, ['spec.devices[1].name: Duplicate value: "a"']),
    (
        "no pool",
        {"pool": {"name": "", "generation": -1, "resourceSliceCount": 0}},
        [
            "spec.pool.name: Required value",
            "spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero",
            "spec.pool.generation: Invalid value: -1: must be greater than or equal to zero",
        ],
    ),
]


@pytest.mark.parametrize(("change", "expected"), [row[1:] for row in SLICES], ids=[row[0] for row in SLICES])
def test_slices(change: Object, expected: list[str]) -> None:
    obj = deepcopy(SLICE)
    obj["spec"].update(change)
    assert [str(error) for error in validation_of("resourceslices.resource.k8s.io").create(obj)] == expected


def test_a_slice_stays_with_its_pool_and_node() -> None:
    new = deepcopy(SLICE)
    new["spec"].update(nodeName="other", pool={**new["spec"]["pool"], "name": "other", "generation": 2})
    assert [str(error) for error in validation_of("resourceslices.resource.k8s.io").update(new, SLICE)] == [
        'spec.pool.name: Invalid value: "other": field is immutable',
        'spec.nodeName: Invalid value: "other": field is immutable',
    ]


def test_classes() -> None:
    rules = validation_of("deviceclasses.resource.k8s.io")
    assert rules.create({"metadata": {"name": "c"}, "spec": {"config": [{"opaque": OPAQUE}]}}) == []
    wrong = {"selectors": [{"cel": {"expression": ""}}], "config": [{"opaque": {"driver": "d", "parameters": [1]}}]}
    assert [str(error) for error in rules.create({"metadata": {"name": "c"}, "spec": wrong})] == [
        "spec.selectors[0].cel.expression: Required value",
        "spec.config[0].opaque.parameters: Invalid value: [1]: parameters must be a valid JSON object",
    ]
