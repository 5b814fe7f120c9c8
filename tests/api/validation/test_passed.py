"""Checks that know what passed them: they find what the plain checks find, however often and in whatever order."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pybernetes.api import field
from pybernetes.api.digest import digest
from pybernetes.api.feature_gates import known_gates
from pybernetes.api.validation import environment, pod, scheduling, volume_sources
from pybernetes.api.validation.features import judged_by
from pybernetes.api.validation.values import Errors, Passed

WORD = st.sampled_from(["", "a", "b/c", "Exists", "Equal", "NoExecute", "-", "x" * 70])


def some(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=members)


TOLERATIONS = st.lists(
    some(key=WORD, operator=WORD, effect=WORD, value=WORD, tolerationSeconds=st.integers(0, 2)), max_size=3
)
VARIABLES = st.lists(
    some(name=WORD, value=WORD, valueFrom=some(fieldRef=some(fieldPath=WORD), secretKeyRef=some(name=WORD, key=WORD))),
    max_size=3,
)
TOKEN = some(path=WORD, expirationSeconds=st.sampled_from([0, 600, 3607, 1 << 33]))
PROJECTED = some(
    defaultMode=st.sampled_from([0, 420, 1000]),
    sources=st.lists(some(serviceAccountToken=TOKEN, secret=some(name=WORD)), max_size=2),
)


@given(st.lists(TOLERATIONS, max_size=4), st.lists(VARIABLES, max_size=4), st.lists(PROJECTED, max_size=4))
def test_memory_changes_nothing(tolerations: list[Any], variables: list[Any], projected: list[Any]) -> None:
    for value in tolerations * 2:
        assert scheduling.tolerations(value, "at") == scheduling._tolerations(value, "at")
    for value in variables * 2:
        assert environment.variables(value, "at") == environment._variables(value, "at")
    for value in projected * 2:
        assert volume_sources.SOURCES["projected"](value, "at") == volume_sources._projected(value, "at")


def test_only_what_passed_is_known_and_nothing_of_its_text() -> None:
    asked: list[Any] = []

    def check(value: Any, path: str) -> Errors:
        asked.append(value)
        return [] if value["ok"] else [field.required(path)]

    passed = Passed(check)
    good, bad, deep = {"ok": True, "text": "hidden"}, {"ok": False}, {"ok": True, "number": 1 << 80}
    for value in (good, bad, deep) * 2:
        assert passed(value, "at") == check(value, "at")
    assert [asked.count(value) for value in (good, bad, deep)] == [3, 4, 4]
    assert "hidden" not in repr(passed._passed)


def test_memory_is_bounded() -> None:
    passed = Passed(lambda value, path: [])
    for number in range(3000):
        passed(number, "at")
    assert len(passed._passed) <= 1024


def test_a_digest_tells_values_apart() -> None:
    values = [1, "1", [1], {"a": 1}, {"b": 1}, {"a": 1, "b": 1}, None, "", {}, []]
    assert len({digest(value) for value in values}) == len(values)
    assert digest({"a": 1}) == digest({"a": 1})
    assert digest(1 << 80) is None


def a_pod(volume: str, mount: str, *, name: str = "web", image: str = "app", **spec: Any) -> dict[str, Any]:
    container = {
        "name": "app",
        "image": image,
        "imagePullPolicy": "Always",
        "terminationMessagePolicy": "File",
        "volumeMounts": [{"name": mount, "mountPath": "/token"}],
    }
    token = {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}}
    volumes = [{"name": volume, "projected": {"sources": [token], "defaultMode": 420}}]
    rest = {"restartPolicy": "Always", "dnsPolicy": "Default", "terminationGracePeriodSeconds": 30}
    whole = {"containers": [container], "volumes": volumes, "serviceAccountName": "default", **rest, **spec}
    return {"metadata": {"name": name, "namespace": "x"}, "spec": whole}


NAMES = st.sampled_from(["kube-api-access-abcde", "kube-api-access-fghij", "kube-api-access-", "kube-api-access", "a"])


@given(st.lists(st.tuples(NAMES, NAMES, st.sampled_from(["app", " app", ""])), max_size=8))
def test_pods_that_differ_in_the_name_of_their_token_volume_are_judged_as_if_alone(pods: list[Any]) -> None:
    for volume, mount, image in pods * 2:
        found = a_pod(volume, mount, image=image)
        assert pod._pod(found) == pod._spec_rules(found["spec"], "spec", found["metadata"])


def test_only_the_name_of_the_token_volume_is_overlooked() -> None:
    told = pod._told
    first = told(a_pod("kube-api-access-abcde", "kube-api-access-abcde")["spec"])
    assert told(a_pod("kube-api-access-fghij", "kube-api-access-fghij")["spec"]) == first
    others = [
        a_pod("kube-api-access-fghij", "kube-api-access-abcde"),
        a_pod("kube-api-access-abcde", "kube-api-access-fghij"),
        a_pod("kube-api-access-abcdef", "kube-api-access-abcdef"),
        a_pod("kube-api-access-ABCDE", "kube-api-access-ABCDE"),
        a_pod("kube-api-access-\0\0\0\0\0", "kube-api-access-\0\0\0\0\0"),
        a_pod("\0", "\0"),
        a_pod("a", "a"),
    ]
    assert len({first, *(told(other["spec"]) for other in others)}) == len(others) + 1


def test_a_pod_whose_own_name_matters_is_judged_anew() -> None:
    """The claim of an ephemeral volume is called after pod and volume, so its name may be too long for one pod."""
    claim = {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}
    volume = {"name": "v", "ephemeral": {"volumeClaimTemplate": claim}}
    for name, good in (("web", True), ("w" * 253, False), ("web", True)):
        found = a_pod("v", "v", name=name, volumes=[volume])
        assert (pod.validate_create(found) == []) is good, name


def test_what_other_gates_let_pass_is_not_known() -> None:
    gates = {name: gate.default for name, gate in known_gates().items()} | {"TaintTolerationComparisonOperators": True}
    toleration = {"key": "level", "operator": "Gt", "value": "5", "effect": "NoSchedule"}
    found = a_pod("a", "a", tolerations=[toleration])
    for _ in range(2):
        with judged_by(gates):
            assert pod.validate_create(found) == []
        assert [error.field for error in pod.validate_create(found)] == ["spec.tolerations[0].operator"]
