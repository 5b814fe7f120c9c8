"""The official Python client, as its users know it: typed and dynamic calls, watches, and its way with errors."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

kubernetes = pytest.importorskip("kubernetes")


@pytest.fixture(scope="module")
def api(kubeconfig: Path) -> Iterator[Any]:
    with kubernetes.config.new_client_from_config(str(kubeconfig)) as client:
        yield client


def web(name: str, replicas: int) -> dict[str, Any]:
    labels = {"app": name}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": pod}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def test_a_watch_sees_a_deployment_become_ready(api: Any) -> None:
    apps = kubernetes.client.AppsV1Api(api)
    made = apps.create_namespaced_deployment("default", web("watched", 3))
    watch = kubernetes.watch.Watch()
    seen = []
    for event in watch.stream(
        apps.list_namespaced_deployment,
        "default",
        field_selector="metadata.name=watched",
        resource_version=made.metadata.resource_version,
        timeout_seconds=120,
    ):
        seen.append(event["object"].status.ready_replicas or 0)
        if seen[-1] == 3:
            watch.stop()
    assert seen[0] < 3 and seen[-1] == 3
    pods = kubernetes.client.CoreV1Api(api).list_namespaced_pod("default", label_selector="app=watched").items
    assert {pod.status.phase for pod in pods} == {"Running"} and len({pod.status.pod_ip for pod in pods}) == 3


def test_the_dynamic_client_finds_patches_and_applies(api: Any) -> None:
    deployments = kubernetes.dynamic.DynamicClient(api).resources.get(api_version="apps/v1", kind="Deployment")
    deployments.create(body=web("dynamic", 1), namespace="default")
    patched = deployments.patch(
        name="dynamic", namespace="default", body={"spec": {"replicas": 2}}, content_type="application/merge-patch+json"
    )
    assert patched.spec.replicas == 2
    applied = deployments.server_side_apply(
        name="dynamic",
        namespace="default",
        field_manager="test",
        body={
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "dynamic", "labels": {"tier": "web"}},
        },
    )
    assert applied.metadata.labels.to_dict() == {"tier": "web"}
    deployments.delete(name="dynamic", namespace="default")


def test_errors_carry_the_status(api: Any) -> None:
    core = kubernetes.client.CoreV1Api(api)
    with pytest.raises(kubernetes.client.ApiException) as caught:
        core.read_namespaced_pod("none", "default")
    assert (caught.value.status, caught.value.reason) == (404, "Not Found")
    assert '"reason":"NotFound"' in caught.value.body.replace(" ", "")


def test_every_generated_list_call_is_answered(api: Any) -> None:
    """Each list over all namespaces of the stable groups decodes into its models.

    Not events.k8s.io: its model takes no event without an eventTime, which those of core/v1 are.
    """
    names = ["CoreV1Api", "AppsV1Api", "BatchV1Api", "NetworkingV1Api", "StorageV1Api", "RbacAuthorizationV1Api"]
    names += ["PolicyV1Api", "AutoscalingV2Api", "CoordinationV1Api", "DiscoveryV1Api", "SchedulingV1Api", "NodeV1Api"]
    names += ["AdmissionregistrationV1Api", "ApiextensionsV1Api", "ApiregistrationV1Api", "CertificatesV1Api"]
    names += ["FlowcontrolApiserverV1Api"]
    called = 0
    for name in names:
        group = getattr(kubernetes.client, name)(api)
        for method in dir(group):
            if method.startswith("list_") and "namespaced" not in method and not method.endswith("_with_http_info"):
                assert getattr(group, method)(limit=3).kind.endswith("List"), method
                called += 1
    assert called > 50
