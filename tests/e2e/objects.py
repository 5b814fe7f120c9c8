"""Objects for end-to-end tests, in wire form."""

from typing import Any

IMAGE = "localhost/pybernetes/sample-web:1"


def container(name: str = "c", *command: str, **more: Any) -> dict[str, Any]:
    """A container of the sample image; without a command it serves HTTP on 8080."""
    found: dict[str, Any] = {"name": name, "image": IMAGE, "imagePullPolicy": "IfNotPresent", **more}
    if command:
        found["command"] = list(command)
    return found


def shell(name: str, script: str, **more: Any) -> dict[str, Any]:
    """A container that runs a shell script, ending at once on SIGTERM."""
    return container(name, "sh", "-c", f"trap 'exit 0' TERM; {script}", **more)


SLEEP = "while true; do sleep 0.2; done"


def pod(name: str, namespace: str, *containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A pod; without containers one that serves HTTP. `labels` goes to the metadata."""
    labels = spec.pop("labels", {"app": name})
    annotations = spec.pop("annotations", None)
    metadata: dict[str, Any] = {"name": name, "namespace": namespace, "labels": labels}
    if annotations:
        metadata["annotations"] = annotations
    body = {"terminationGracePeriodSeconds": 2, "containers": list(containers) or [container()], **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": body}


def deployment(
    name: str, namespace: str, replicas: int = 2, *containers: dict[str, Any], **spec: Any
) -> dict[str, Any]:
    """A deployment of pods that serve HTTP on 8080 and become ready when they do."""
    labels = {"app": name}
    probe = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1, "timeoutSeconds": 5}
    default = [container("web", readinessProbe=probe, ports=[{"containerPort": 8080}])]
    template = {
        "metadata": {"labels": labels},
        "spec": {"terminationGracePeriodSeconds": 2, "containers": list(containers) or default},
    }
    body = {"replicas": replicas, "selector": {"matchLabels": dict(labels)}, "template": template, **spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels)},
        "spec": body,
    }


def service(name: str, namespace: str, port: int = 80, target: int | str = 8080, **spec: Any) -> dict[str, Any]:
    """A service for the pods labelled app=name."""
    selector = spec.pop("selector", {"app": name})
    ports = spec.pop("ports", [{"name": "http", "port": port, "targetPort": target}])
    body: dict[str, Any] = {"ports": ports, **spec}
    if selector:
        body["selector"] = selector
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": body,
    }
