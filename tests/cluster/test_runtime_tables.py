"""Containers and images of a node, as lines."""

import pytest

from pybernetes.cluster import runtime_tables
from pybernetes.kubelet.cri.messages import (
    Container,
    ContainerMetadata,
    Image,
    ImageSpec,
    PodSandbox,
    PodSandboxMetadata,
)

WEB = Image(id="sha256:0123456789abcdef", repo_tags=["localhost/web:1", "localhost/web:2"], size=1_234_567)


def container(name: str, state: int, second: int) -> Container:
    return Container(
        id=f"{name}-0123456789abcdef",
        pod_sandbox_id="s",
        metadata=ContainerMetadata(name=name, attempt=2),
        image=ImageSpec(image=WEB.id),
        state=state,
        created_at=second * 10**9,
    )


def test_containers_are_shown_newest_first_with_their_pods() -> None:
    found = [container("old", 1, 10), container("new", 1, 70), container("over", 2, 20)]
    pods = [PodSandbox(id="s", metadata=PodSandboxMetadata(name="web-0", namespace="shop"))]
    lines = runtime_tables.containers(found, pods, [WEB], now=100.0)
    assert [line.split() for line in lines] == [
        ["CONTAINER", "IMAGE", "AGE", "STATE", "NAME", "ATTEMPT", "POD", "NAMESPACE"],
        ["new-012345678", "localhost/web:1", "30s", "Running", "new", "2", "web-0", "shop"],
        ["old-012345678", "localhost/web:1", "90s", "Running", "old", "2", "web-0", "shop"],
    ]
    every = runtime_tables.containers(found, [], [], now=100.0, ended=True)
    assert [line.split()[:4] for line in every[1:]] == [
        ["new-012345678", WEB.id, "30s", "Running"],
        ["over-01234567", WEB.id, "80s", "Exited"],
        ["old-012345678", WEB.id, "90s", "Running"],
    ]


def test_an_image_has_a_line_for_each_of_its_names() -> None:
    bare = Image(id="sha256:fedcba9876543210", repo_digests=["localhost/a@sha256:1"], size=54_400)
    assert runtime_tables.images([WEB, bare]) == [
        "IMAGE                  ID              SIZE",
        "localhost/a@sha256:1   fedcba9876543   54.4kB",
        "localhost/web:1        0123456789abc   1.23MB",
        "localhost/web:2        0123456789abc   1.23MB",
    ]


@pytest.mark.parametrize(("count", "text"), [(0, "0B"), (999, "999B"), (1000, "1kB"), (2_130_000_000, "2.13GB")])
def test_sizes(count: int, text: str) -> None:
    assert runtime_tables.size(count) == text
