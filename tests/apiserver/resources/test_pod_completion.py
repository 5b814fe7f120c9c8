"""What the API server writes into a new pod."""

from typing import Any

import pytest
from tests.support.api import PODS, running_api

from pybernetes.apiserver.resources.pod_completion import APPARMOR, profile_of

Object = dict[str, Any]
SPREAD = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}


def pod(spec: Object, **metadata: Any) -> Object:
    containers = [{"name": "c", "image": "i"}]
    return {"metadata": {"name": "p", **metadata}, "spec": {"containers": containers, **spec}}


async def test_label_keys_of_affinity_become_requirements() -> None:
    term = {
        "topologyKey": "zone",
        "labelSelector": {"matchLabels": {"app": "web"}},
        "matchLabelKeys": ["version", "absent"],
        "mismatchLabelKeys": ["tenant"],
    }
    affinity = {
        "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]},
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": term}]
        },
    }
    async with running_api() as api:
        answer = await api.post(PODS, pod({"affinity": affinity}, labels={"version": "2", "tenant": "a"}))
        assert answer.code == 201, answer
        wanted = {
            "matchLabels": {"app": "web"},
            "matchExpressions": [
                {"key": "version", "operator": "In", "values": ["2"]},
                {"key": "tenant", "operator": "NotIn", "values": ["a"]},
            ],
        }
        made = answer.body["spec"]["affinity"]
        required = made["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        preferred = made["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
        assert required[0]["labelSelector"] == wanted
        assert preferred[0]["podAffinityTerm"]["labelSelector"] == wanted
        patched = await api.patch(f"{PODS}/p", {"metadata": {"labels": {"x": "y"}}})
        assert patched.code == 200, patched


async def test_a_key_that_is_selected_already_is_refused() -> None:
    spread = {**SPREAD, "labelSelector": {"matchLabels": {"version": "1"}}, "matchLabelKeys": ["version"]}
    async with running_api() as api:
        answer = await api.post(PODS, pod({"topologySpreadConstraints": [spread]}, labels={"version": "2"}))
        assert (answer.code, answer.message) == (
            422,
            'Pod "p" is invalid: spec.topologySpreadConstraints[0][0]: Invalid value: "version": exists in both '
            "matchLabelKeys and labelSelector",
        )


@pytest.mark.parametrize("on", [True, False])
async def test_label_keys_of_spreading_become_requirements_by_their_gate(on: bool) -> None:
    gates = {} if on else {"MatchLabelKeysInPodTopologySpreadSelectorMerge": False}
    spread = {**SPREAD, "labelSelector": {"matchLabels": {"app": "a"}}, "matchLabelKeys": ["version"]}
    async with running_api(feature_gates=gates) as api:
        answer = await api.post(PODS, pod({"topologySpreadConstraints": [spread]}, labels={"version": "2"}))
        selector = answer.body["spec"]["topologySpreadConstraints"][0]["labelSelector"]
        row = {"key": "version", "operator": "In", "values": ["2"]}
        assert selector == {"matchLabels": {"app": "a"}, **({"matchExpressions": [row]} if on else {})}


async def test_a_pod_with_gates_says_that_it_waits() -> None:
    async with running_api() as api:
        made = (await api.post(PODS, pod({"schedulingGates": [{"name": "example.com/wait"}]}))).body
        assert made["status"]["conditions"] == [
            {
                "type": "PodScheduled",
                "status": "False",
                "reason": "SchedulingGated",
                "message": "Scheduling is blocked due to non-empty scheduling gates",
                "lastProbeTime": None,
                "lastTransitionTime": made["metadata"]["creationTimestamp"],
            }
        ]


async def test_apparmor_annotations_become_fields() -> None:
    async with running_api() as api:
        answer = await api.post(PODS, pod({}, annotations={APPARMOR + "c": "localhost/mine"}))
        assert answer.code == 201, answer
        assert answer.body["spec"]["containers"][0]["securityContext"] == {
            "appArmorProfile": {"type": "Localhost", "localhostProfile": "mine"}
        }
        assert answer.header("warning") == [
            f'299 - "metadata.annotations[{APPARMOR}c]: deprecated since v1.30; use the \\"appArmorProfile\\" field '
            'instead"'
        ]


@pytest.mark.parametrize(
    ("annotation", "profile"),
    [
        ("runtime/default", {"type": "RuntimeDefault"}),
        ("unconfined", {"type": "Unconfined"}),
        ("localhost/a/b", {"type": "Localhost", "localhostProfile": "a/b"}),
        ("localhost/", None),
        ("localhost/ a", None),
        ("localhost/" + "x" * 4096, None),
        ("other", None),
        ("", None),
    ],
)
def test_profiles(annotation: str, profile: Object | None) -> None:
    assert profile_of(annotation) == profile
