"""What a pod may learn about itself."""

import pytest
from tests.kubelet.pods import pod_of, with_resources

from pybernetes.kubelet.downward import DownwardError, field_value, format_map, resource_value

POD = pod_of({"nodeName": "n1", "serviceAccountName": "sa"}, labels={"app": "web", "x/y": "z"}, annotations={"a": "b"})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("metadata.name", "web"),
        ("metadata.namespace", "default"),
        ("metadata.uid", "uid-1"),
        ("metadata.labels", 'app="web"\nx/y="z"'),
        ("metadata.labels['x/y']", "z"),
        ("metadata.labels['none']", ""),
        ("metadata.annotations['a']", "b"),
        ("spec.nodeName", "n1"),
        ("spec.serviceAccountName", "sa"),
        ("status.podIP", "10.0.0.7"),
        ("status.hostIP", ""),
    ],
)
def test_fields(path: str, expected: str) -> None:
    assert field_value(POD, path, {"status.podIP": "10.0.0.7"}) == expected


def test_an_unknown_field() -> None:
    with pytest.raises(DownwardError, match="unsupported fieldPath"):
        field_value(POD, "status.phase", {})


def test_map_values_are_quoted_as_go_does() -> None:
    assert format_map({"k": 'a"b\\c\n\x01é\u200b'}) == 'k="a\\"b\\\\c\\n\\x01é\\u200b"'


@pytest.mark.parametrize(
    ("resource", "divisor", "expected"),
    [
        ("requests.cpu", "1m", "250"),
        ("requests.cpu", "", "1"),
        ("requests.cpu", "0", "1"),
        ("limits.memory", "1Mi", "64"),
        ("limits.memory", "1", str(64 << 20)),
        ("limits.cpu", "1", "4"),
        ("requests.ephemeral-storage", "1", "0"),
        ("limits.ephemeral-storage", "1Gi", "10"),
    ],
)
def test_resources(resource: str, divisor: str, expected: str) -> None:
    pod = with_resources(({"cpu": "250m"}, {"memory": "64Mi"}))
    node = {"cpu": "4", "memory": "8Gi", "ephemeral-storage": "10Gi"}
    assert resource_value(pod, pod.spec.containers[0], resource, divisor, node) == expected


def test_an_unknown_resource() -> None:
    pod = pod_of()
    with pytest.raises(DownwardError):
        resource_value(pod, pod.spec.containers[0], "limits.gpu", "1", {})
