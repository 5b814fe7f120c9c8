"""Images from a registry on the node's loopback: policies, digests, layers, credentials, what is told of failures."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e.conftest import Cluster
from tests.e2e.objects import SLEEP, pod
from tests.support.pods import Pods, first
from tests.support.registry import (
    PASSWORD,
    USER,
    Registry,
    opaque_layer,
    registry_on,
    shell_layer,
    text_layer,
    whiteout_layer,
)

SHELL = shell_layer("sh", "cat", "ls", "sleep", "id")


@pytest.fixture(scope="module")
def registry(cluster: Cluster) -> Iterator[Registry]:
    with registry_on(cluster.machine, 5000) as found:
        yield found


@pytest.fixture(scope="module")
def private(cluster: Cluster) -> Iterator[Registry]:
    """A registry that asks for a password."""
    with registry_on(cluster.machine, 5001, private=True) as found:
        yield found


def runs(image: str, policy: str = "", script: str = SLEEP, **more: Any) -> dict[str, Any]:
    """A container of this image."""
    found: dict[str, Any] = {"name": "c", "image": image, "command": ["sh", "-c", f"trap 'exit 0' TERM; {script}"]}
    return found | ({"imagePullPolicy": policy} if policy else {}) | more


def pull_secret(name: str, namespace: str, registry: str, password: str = PASSWORD) -> dict[str, Any]:
    entry = {"auth": base64.b64encode(f"{USER}:{password}".encode()).decode()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": json.dumps({"auths": {registry: entry}})},
    }


def test_when_an_image_is_pulled(pods: Pods, namespace: str, registry: Registry) -> None:
    name = f"{namespace}/app:1"
    image = f"{registry.address}/{name}"
    by_digest = registry.push(name, [SHELL, text_layer(version="one")])
    pods.kubectl.apply(pod("present", namespace, runs(image)))
    pods.ready("present")
    status = first(pods.get("present"))
    assert (status["image"], status["imageID"]) == (image, by_digest)
    pods.told("present", "Pulling", f'Pulling image "{image}"')
    pods.told("present", "Pulled", f'Successfully pulled image "{image}" in ')

    registry.push(name, [SHELL, text_layer(version="two")])
    pods.kubectl.apply(
        pod("again", namespace, runs(image)),
        pod("never", namespace, runs(image, "Never")),
        pod("digest", namespace, runs(by_digest)),
    )
    pods.ready("again", "never", "digest")
    assert [pods.seen(name, "cat /version") for name in ("again", "never", "digest")] == ["one"] * 3
    present = f'Container image "{image}" already present on machine and can be accessed by the pod'
    pods.told("never", "Pulled", present)
    assert pods.events("never", "Pulled") == [present]

    pods.kubectl.apply(pod("always", namespace, runs(image, "Always")))
    pods.ready("always")
    assert pods.seen("always", "cat /version") == "two"
    assert first(pods.get("always"))["imageID"] != by_digest
    assert pods.seen("present", "cat /version") == "one", "a running container keeps its image"


def test_layers_whiteouts_and_what_the_image_says(pods: Pods, namespace: str, registry: Registry) -> None:
    layers = [
        SHELL,
        text_layer(keep="kept", gone="gone", d__a="a", d__b="b", e__old="old"),
        whiteout_layer("gone", "d/a"),
        opaque_layer("e", new="new"),
        text_layer(keep="changed"),
    ]
    script = "echo $COLOR; id -u; cat /keep; echo; ls /; ls /d /e; trap 'exit 0' TERM; while true; do sleep 0.2; done"
    registry.push(
        f"{namespace}/layers:1", layers, Entrypoint=["sh", "-c"], Cmd=[script], User="1234", WorkingDir="/d",
        Env=["PATH=/bin", "COLOR=blue"],
    )  # fmt: skip
    image = f"{registry.address}/{namespace}/layers:1"
    of_image = {"name": "c", "image": image}
    pods.kubectl.apply(
        pod("whole", namespace, of_image),
        pod("args", namespace, {**of_image, "args": ["echo args in $PWD"]}, restartPolicy="Never"),
        pod("command", namespace, {**of_image, "command": ["ls", "-d", "/d"]}, restartPolicy="Never"),
        pod("both", namespace, {**of_image, "command": ["ls"], "args": ["-d", "/e"]}, restartPolicy="Never"),
    )
    pods.ready("whole")
    shown = pods.said("whole", "new")
    assert shown[:3] == ["blue", "1234", "changed"]
    assert "gone" not in shown
    assert shown[-5:] == ["/d:", "b", "", "/e:", "new"]
    for name, output in (("args", "args in /d"), ("command", "/d"), ("both", "/e")):
        pods.phase(name, "Succeeded")
        assert pods("logs", name) == output


def test_private_images(pods: Pods, namespace: str, private: Registry) -> None:
    image = f"{private.address}/{namespace}/app:1"
    private.push(f"{namespace}/app:1", [SHELL])
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "puller", "namespace": namespace}}
    pods.kubectl.apply(
        pull_secret("good", namespace, private.address),
        pull_secret("bad", namespace, private.address, "wrong"),
        {**account, "imagePullSecrets": [{"name": "good"}]},
    )
    pods.kubectl.apply(pod("refused", namespace, runs(image, "Always")))
    pods.told("refused", "Failed", f'Failed to pull image "{image}": ')
    pods.waiting("refused", "ImagePullBackOff")
    several = [{"name": "absent"}, {"name": "bad"}, {"name": "good"}]
    pods.kubectl.apply(
        pod("secret", namespace, runs(image, "Always"), imagePullSecrets=several),
        pod("account", namespace, runs(image, "Always"), serviceAccountName="puller"),
        pod("wrong", namespace, runs(image, "Always"), imagePullSecrets=[{"name": "bad"}]),
    )
    pods.ready("secret", "account")
    assert pods.get("account")["spec"]["imagePullSecrets"] == [{"name": "good"}]
    pods.waiting("wrong", "ImagePullBackOff")
    absent = "Unable to retrieve some image pull secrets (absent); attempting to pull the image may not succeed."
    pods.told("secret", "FailedToRetrieveImagePullSecret", absent)


def test_images_that_cannot_be_had(pods: Pods, namespace: str, registry: Registry) -> None:
    absent, down = f"{registry.address}/{namespace}/absent:1", "127.0.0.1:5999/app:1"
    pods.kubectl.apply(
        pod("absent", namespace, runs(absent)),
        pod("down", namespace, runs(down)),
        pod("never", namespace, runs(absent, "Never")),
        pod("invalid", namespace, runs("Upper/CASE:1")),
    )
    assert pods.waiting("never", "ErrImageNeverPull") == (
        f'Container image "{absent}" is not present with pull policy of Never'
    )
    assert pods.waiting("invalid", "InvalidImageName").startswith('Failed to apply default image tag "Upper/CASE:1": ')
    pods.told("invalid", "InspectFailed", "couldn't parse image name")
    message = pods.waiting("absent", "ImagePullBackOff")
    assert message.startswith(f'Back-off pulling image "{absent}": ErrImagePull: ') and "not found" in message
    assert "connection refused" in pods.waiting("down", "ImagePullBackOff")
    pods.told("absent", "Failed", "Error: ErrImagePull")
    pods.told("absent", "Failed", "Error: ImagePullBackOff")
    pods.told("absent", "BackOff", f'Back-off pulling image "{absent}"')
    shown = {row.split()[0]: row.split()[2] for row in pods("get", "pods", "--no-headers").splitlines()}
    assert (shown["never"], shown["invalid"]) == ("ErrImageNeverPull", "InvalidImageName")
