"""Pods for tests, written as they are in a manifest."""

from typing import Any

import msgspec

from pybernetes.api.core import Pod


def pod_of(spec: dict[str, Any] | None = None, *, uid: str = "uid-1", name: str = "web", **metadata: Any) -> Pod:
    """A pod in the namespace `default` with one container `web`, unless spec says otherwise."""
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "uid": uid, **metadata},
        "spec": {"containers": [{"name": "web", "image": "i"}], **(spec or {})},
    }
    return msgspec.convert(body, Pod)


def with_resources(*containers: tuple[dict[str, str], dict[str, str]], **spec: Any) -> Pod:
    """A pod whose containers have these (requests, limits)."""
    made = [
        {"name": f"c{index}", "resources": {"requests": requests, "limits": limits}}
        for index, (requests, limits) in enumerate(containers)
    ]
    return pod_of({"containers": made, **spec})
