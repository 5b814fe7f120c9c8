"""Objects and single steps of the suite's tests on one API server."""

from typing import Any

from tests.support.api import Api

CORE = "/api/v1/namespaces/default"
STRATEGIC, MERGE = "application/strategic-merge-patch+json", "application/merge-patch+json"
OPTIONS = {"kind": "DeleteOptions", "apiVersion": "v1"}
Object = dict[str, Any]


def of(kind: str, name: str, group: str = "v1", **fields: Any) -> Object:
    metadata = {"name": name, **fields.pop("metadata", {})}
    return {"kind": kind, "apiVersion": group, "metadata": metadata, **fields}


async def made(api: Api, path: str, obj: Object) -> Object:
    answer = await api.post(path, obj)
    assert answer.code == 201, answer
    found: Object = answer.body
    return found


async def names(api: Api, path: str, labels: str = "", fields: str = "") -> list[str]:
    query = "&".join(f"{key}={value.replace('=', '%3D')}" for key, value in _selectors(labels, fields) if value)
    answer = await api.get(path, query)
    assert answer.code == 200, answer
    return [item["metadata"]["name"] for item in answer.body.get("items") or ()]


def _selectors(labels: str, fields: str) -> list[tuple[str, str]]:
    return [("labelSelector", labels), ("fieldSelector", fields)]


async def gone(api: Api, path: str) -> None:
    answer = await api.get(path)
    assert (answer.code, answer.body["reason"]) == (404, "NotFound")


def without_versions(obj: Object) -> Object:
    metadata = {key: obj["metadata"][key] for key in obj["metadata"] if key not in ("resourceVersion", "managedFields")}
    return {**obj, "metadata": metadata}


def pod(name: str, *, labels: Object | None = None, container: Object | None = None, **spec: Any) -> Object:
    containers = [{"name": "agnhost", "image": "agnhost", **(container or {})}]
    metadata: Object = {"labels": labels} if labels else {}
    return of("Pod", name, metadata=metadata, spec={"containers": containers, **spec})


def pod_template(name: str, **labels: str) -> Object:
    spec = {"containers": [{"name": "nginx", "image": "nginx"}]}
    return of("PodTemplate", name, metadata={"labels": labels}, template={"metadata": {}, "spec": spec})
