"""Config maps, secrets and the downward API as files: modes, owners, changes, for root, a user and a group."""

from typing import Any

from tests.e2e.objects import SLEEP, pod, shell
from tests.support.pods import Pods
from tests.support.waiting import until


def config_map(name: str, namespace: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}


def secret(name: str, namespace: str, **data: str) -> dict[str, Any]:
    found = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}}
    return {**found, "stringData": data}


ITEMS = [{"key": "b", "path": "path/to/b", "mode": 0o400}]
NAME = {"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}
PARTS = [{"configMap": {"name": "c"}}, {"secret": {"name": "s", "items": ITEMS}}, {"downwardAPI": {"items": [NAME]}}]
SOURCES: dict[str, dict[str, Any]] = {
    "config": {"configMap": {"name": "c"}},
    "again": {"configMap": {"name": "c"}},
    "config-private": {"configMap": {"name": "c", "defaultMode": 0o400}},
    "config-items": {"configMap": {"name": "c", "items": ITEMS}},
    "keys": {"secret": {"secretName": "s"}},
    "keys-private": {"secret": {"secretName": "s", "defaultMode": 0o440}},
    "keys-items": {"secret": {"secretName": "s", "items": ITEMS}},
    "down": {"downwardAPI": {"defaultMode": 0o400, "items": [NAME]}},
    "down-item": {"downwardAPI": {"items": [{**NAME, "mode": 0o400}]}},
    "parts": {"projected": {"sources": PARTS}},
    "parts-private": {"projected": {"defaultMode": 0o400, "sources": PARTS}},
}
FILES = {
    "config/a": 0o644,
    "again/a": 0o644,
    "config-private/a": 0o400,
    "config-items/path/to/b": 0o400,
    "keys/a": 0o644,
    "keys-private/a": 0o440,
    "keys-items/path/to/b": 0o400,
    "down/name": 0o400,
    "down-item/name": 0o400,
    "parts/a": 0o644,
    "parts/path/to/b": 0o400,
    "parts/name": 0o644,
    "parts-private/a": 0o400,
    "parts-private/name": 0o400,
}
"""What each source shows, with its mode before a group is given it."""
LOOK = f"cd /v; stat -L -c '%n %a %u %g' {' '.join(FILES)}; cat config/a keys/a parts/name 2>&1; touch config/x 2>&1"


def viewer(name: str, namespace: str, **security: int) -> dict[str, Any]:
    mounts = [{"name": source, "mountPath": f"/v/{source}"} for source in SOURCES]
    volumes = [{"name": source, **content} for source, content in SOURCES.items()]
    main = shell("c", f"{LOOK}; echo END; {SLEEP}", volumeMounts=mounts)
    return pod(name, namespace, main, volumes=volumes, securityContext=security)


def test_modes_and_owners(pods: Pods, namespace: str) -> None:
    pods.kubectl.apply(
        config_map("c", namespace, a="1", b="2"),
        secret("s", namespace, a="3", b="4"),
        viewer("root", namespace),
        viewer("user", namespace, runAsUser=1000),
        viewer("group", namespace, runAsUser=1000, fsGroup=2000),
    )
    pods.ready("root", "user", "group")
    for name, gid, more in (("root", 0, 0), ("user", 0, 0), ("group", 2000, 0o440)):
        said = pods.said(name, "END")
        assert said[: len(FILES)] == [f"{path} {mode | more:o} 0 {gid}" for path, mode in FILES.items()]
        assert said[len(FILES) :] == [f"13{name}touch: config/x: Read-only file system", "END"]
    assert pods.seen("group", "cat /v/config-private/a /v/keys-private/a /v/parts-private/name") == "13group"
    assert "Permission denied" in pods.seen("user", "cat /v/config-private/a 2>&1; true")


def test_optional_content_comes_changes_and_goes(pods: Pods, namespace: str) -> None:
    kinds = {"map": ("configMap", "name"), "key": ("secret", "secretName")}
    names = [f"{kind}-{change}" for kind in kinds for change in ("goes", "changes", "comes")]
    volumes: list[dict[str, Any]] = []
    for name in names:
        source, field = kinds[name[:3]]
        volumes.append({"name": name, source: {field: name, "optional": True}})
    parts = [{kinds[name[:3]][0]: {"name": name, "optional": True}} for name in names if not name.endswith("changes")]
    volumes.append({"name": "parts", "projected": {"sources": parts}})
    mounts = [{"name": volume["name"], "mountPath": f"/v/{volume['name']}"} for volume in volumes]
    made = {"map": config_map, "key": secret}

    def put(change: str, **data: str) -> None:
        pods.kubectl.apply(*(make(f"{kind}-{change}", namespace, **data) for kind, make in made.items()))

    put("goes", gone="1")
    put("changes", a="1", b="1")
    pods.kubectl.apply(pod("p", namespace, shell("c", SLEEP, volumeMounts=mounts), volumes=volumes))
    pods.ready("p")
    look = "cd /v; for f in */*; do [ -e $f ] && echo $f $(cat $f); done; true"
    before = "key-changes/a 1,key-changes/b 1,key-goes/gone 1,map-changes/a 1,map-changes/b 1,map-goes/gone 1"
    assert pods.seen("p", look).splitlines() == [*before.split(","), "parts/gone 1"]
    pods("delete", "configmap/map-goes", "secret/key-goes")
    pods("patch", "configmap/map-changes", "-p", '{"data": {"a": "2", "b": null}}')
    pods("patch", "secret/key-changes", "-p", '{"stringData": {"a": "2"}, "data": {"b": null}}')
    put("comes", new="3")
    after = "key-changes/a 2,key-comes/new 3,map-changes/a 2,map-comes/new 3,parts/new 3"
    until(lambda: pods.seen("p", look).splitlines() == after.split(","), show=lambda: pods.seen("p", look))


def test_sub_paths_by_expression(pods: Pods, namespace: str) -> None:
    def wants(name: str, expression: str, **more: Any) -> dict[str, Any]:
        mounts = [{"name": "v", "mountPath": "/part", "subPathExpr": expression}, {"name": "v", "mountPath": "/all"}]
        field = {"fieldRef": {"fieldPath": "metadata.annotations['where']"}}
        variables = [
            {"name": "WHERE", "valueFrom": field},
            {"name": "UP", "value": ".."},
            {"name": "TOP", "value": "/a"},
        ]
        main = shell("c", f"echo x > /part/f; {SLEEP}", volumeMounts=mounts, env=variables)
        return pod(name, namespace, main, volumes=[{"name": "v", "emptyDir": {}}], **more)

    pods.kubectl.apply(
        wants("known", "logs/$(WHERE)", annotations={"where": "here"}),
        wants("late", "$(WHERE)"),
        wants("up", "$(UP)"),
        wants("top", "$(TOP)"),
    )
    reason = "CreateContainerConfigError"
    assert pods.waiting("late", reason) == "missing value for WHERE"
    assert pods.waiting("up", reason) == "unable to provision SubPath `..`: must not contain '..'"
    assert pods.waiting("top", reason) == "error SubPath `/a` must not be an absolute path"
    pods("annotate", "pod/late", "where=there")
    pods.ready("known", "late")
    for name, path in (("known", "logs/here"), ("late", "there")):
        assert pods.seen(name, f"until [ -s /all/{path}/f ]; do sleep 0.1; done; find /all -type f") == f"/all/{path}/f"
