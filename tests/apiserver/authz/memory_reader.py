"""An ObjectReader over a dict, and the clock of these tests."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from pybernetes.api.resource import ResourceInfo, resource_for_kind
from pybernetes.apiserver.reader import Listener, Object


class MemoryReader:
    """`put` and `remove` tell the subscribers, as the watch caches do."""

    def __init__(self, *objects: Object) -> None:
        self._objects: dict[str, dict[tuple[str, str], Object]] = {}
        self._listeners: dict[str, list[Listener]] = {}
        for item in objects:
            self.put(item)

    def put(self, item: Object) -> None:
        info = resource_for_kind(item["apiVersion"], item["kind"])
        key = (item["metadata"].get("namespace", ""), item["metadata"]["name"])
        kept = self._objects.setdefault(info.group_resource, {})
        old = kept.get(key)
        kept[key] = item
        for listener in self._listeners.get(info.group_resource, ()):
            listener(old, item)

    def remove(self, api_version: str, kind: str, namespace: str, name: str) -> None:
        info = resource_for_kind(api_version, kind)
        old = self._objects[info.group_resource].pop((namespace, name))
        for listener in self._listeners.get(info.group_resource, ()):
            listener(old, None)

    def get(self, resource: ResourceInfo, namespace: str, name: str) -> Object | None:
        return self._objects.get(resource.group_resource, {}).get((namespace, name))

    def list(self, resource: ResourceInfo, namespace: str = "") -> Iterable[Object]:
        kept = self._objects.get(resource.group_resource, {})
        return [item for (where, _), item in kept.items() if not namespace or where == namespace]

    def subscribe(self, resource: ResourceInfo, listener: Listener) -> None:
        self._listeners.setdefault(resource.group_resource, []).append(listener)
        for item in self.list(resource):
            listener(None, item)


class FixedClock:
    """A clock that moves only when told."""

    def __init__(self) -> None:
        self.instant = datetime(2026, 5, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.instant

    def monotonic(self) -> float:
        return self.instant.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.instant += timedelta(seconds=seconds)

    def advance(self, seconds: float) -> None:
        self.instant += timedelta(seconds=seconds)


def obj(api_version: str, kind: str, name: str, namespace: str = "", **fields: Any) -> Object:
    """One object in wire form; its uid is derived from its name."""
    metadata = {"name": name, "uid": f"uid-{name}", **fields.pop("metadata", {})}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


RBAC = "rbac.authorization.k8s.io/v1"


def rule(verbs: str, resources: str = "", groups: str = "", names: str = "", urls: str = "") -> dict[str, list[str]]:
    """A PolicyRule from comma separated lists."""
    made = {"verbs": verbs.split(",")}
    if resources:
        made |= {"apiGroups": groups.split(","), "resources": resources.split(",")}
    if names:
        made["resourceNames"] = names.split(",")
    if urls:
        made["nonResourceURLs"] = urls.split(",")
    return made


def role(name: str, *rules: dict[str, list[str]], namespace: str = "", **fields: Any) -> Object:
    """A Role, or a ClusterRole without a namespace."""
    return obj(RBAC, "Role" if namespace else "ClusterRole", name, namespace, rules=list(rules), **fields)


def binding(name: str, ref: str, *subjects: str, namespace: str = "") -> Object:
    """A binding of `ClusterRole/x` or `Role/x` to subjects such as `User/u`, `Group/g`, `ServiceAccount/ns/name`."""
    made = []
    for subject in subjects:
        kind, *rest = subject.split("/")
        if kind == "ServiceAccount":
            account = {"kind": kind, "name": rest[-1]}
            made.append({**account, "namespace": rest[0]} if len(rest) > 1 else account)
        else:
            made.append({"kind": kind, "apiGroup": "rbac.authorization.k8s.io", "name": rest[0]})
    kind, _, ref_name = ref.partition("/")
    role_ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": ref_name}
    which = "RoleBinding" if namespace else "ClusterRoleBinding"
    return obj(RBAC, which, name, namespace, roleRef=role_ref, subjects=made)
