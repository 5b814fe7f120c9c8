"""Completion of a command's arguments: types, names from the cluster and the kubeconfig, pods, ports, paths."""

from __future__ import annotations

import os

from ..tree import find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session
    from .complete import Found

NO_FILES, NO_SPACE = 4, 2
_WITH_PODS = ("daemonsets deployments pods jobs replicasets replicationcontrollers services statefulsets").split()
_ROLLED = "deployment daemonset statefulset"
_KINDS = {
    "rollout history": _ROLLED, "rollout status": _ROLLED, "rollout undo": _ROLLED, "rollout restart": _ROLLED,
    "rollout pause": "deployment", "rollout resume": "deployment", "taint": "node",
    "scale": "deployment replicaset replicationcontroller statefulset",
    "autoscale": "deployment replicaset replicationcontroller statefulset",
    "expose": "pod service replicationcontroller deployment replicaset",
    "set image": "daemonsets deployments pods cronjobs replicasets replicationcontrollers statefulsets",
}  # fmt: skip
"""What a command is for, in the order in which it is offered."""
_ONCE = ("rollout status", "set image")
"""Commands that take one object."""
_TYPED = (
    "get", "describe", "delete", "edit", "label", "annotate", "patch", "debug", "apply view-last-applied",
    "apply edit-last-applied", *_KINDS,
)  # fmt: skip
_OF_KUBECONFIG = {
    "use-context": "contexts", "delete-context": "contexts", "rename-context": "contexts",
    "set-context": "contexts", "delete-cluster": "clusters", "delete-user": "users",
}  # fmt: skip
"""Which entries of the kubeconfig a command of `config` takes."""
_BY_NAME = {
    "cordon": "nodes", "uncordon": "nodes", "drain": "nodes", "top node": "nodes", "top pod": "pods",
    "create token": "sa",
}  # fmt: skip


def arguments(session: Session, path: str, args: list[str], word: str) -> Found:
    """What may be the next argument. CommandError, StatusFailure for what cannot be asked."""
    if path == "cp":
        return _copied(session, args, word)
    if path == "port-forward" and args:
        return (
            [(f"{word or port}:{port}", "") for port in _ports(session, args[0])] if len(args) == 1 else []
        ), NO_FILES
    if path in ("logs", "attach", "exec", "port-forward"):
        return ([], NO_FILES) if args else _pod_or_kind(session, word)
    if path in _BY_NAME:
        return [] if args else [(name, "") for name in names(session, _BY_NAME[path])], NO_FILES
    if path == "help":
        from .complete import commands_below

        found, rest = find(args)
        return [] if rest else commands_below(found), NO_FILES
    if path.startswith("config "):
        from ..config.files import load

        section = _OF_KUBECONFIG.get(path.partition(" ")[2], "")
        if not section or args:
            return [], NO_FILES if section else 0
        return [(name, "") for name in sorted(load(session.flags.text("kubeconfig")).section(section))], NO_FILES
    if path == "completion" and not args:
        from .completion import SCRIPTS

        return [(name, "") for name in SCRIPTS], NO_FILES
    return _typed(session, path, args, word) if path in _TYPED else ([], 0)


def _typed(session: Session, path: str, args: list[str], word: str) -> Found:
    """TYPE NAME… or TYPE/NAME…"""
    kinds = _KINDS.get(path, "").split()
    if path in _ONCE and args and (len(args) == 2 or "/" in args[0]):
        return [], NO_FILES
    if "/" in word:
        kind = word.partition("/")[0]
        return [(f"{kind}/{name}", "") for name in names(session, kind) if f"{kind}/{name}" not in args], NO_FILES
    if not args and "," in word and not kinds:
        before = word.rpartition(",")[0]
        return [(f"{before},{name}", "") for name in _types(session)], NO_FILES
    if not args:
        return [(kind, "") for kind in kinds or _types(session)], NO_FILES
    if "/" in args[0]:
        return [(f"{kind}/", "") for kind in kinds or _types(session)], NO_FILES | NO_SPACE
    found = [name for kind in args[0].split(",") for name in names(session, kind)]
    return [(name, "") for name in found if name not in args], NO_FILES


def _types(session: Session) -> list[str]:
    """All types that can be got."""
    from .api_resources import preferred

    known = [resource for resource in preferred(session) if "get" in resource.verbs]
    known.sort(key=lambda resource: (resource.group, resource.name))
    return [resource.full_name for resource in known]


def names(session: Session, kind: str) -> list[str]:
    """Of the objects of a type."""
    return [str(item["metadata"]["name"]) for item in _items(session, kind)]


def _items(session: Session, kind: str, namespace: str = "") -> list[dict[str, Any]]:
    resource = session.mapper.resource(kind)
    return list(session.client.get(resource.path(session.scope(resource, namespace)) + "?limit=500").get("items") or ())


def containers(session: Session) -> list[tuple[str, str]]:
    """Of the pod that is named before the flag."""
    if not session.args:
        return []
    spec = _one(session, "pods", session.args[0])["spec"]
    return [(str(one["name"]), "") for one in (*spec.get("initContainers", ()), *spec["containers"])]


def _one(session: Session, kind: str, name: str) -> dict[str, Any]:
    resource = session.mapper.resource(kind)
    found: dict[str, Any] = session.client.get(f"{resource.path(session.scope(resource))}/{name}")
    return found


def _ports(session: Session, text: str) -> list[int]:
    """That a pod, a service or what has a template of pods says it listens on."""
    kind, slash, name = text.partition("/")
    spec = _one(session, kind if slash else "pods", name if slash else kind)["spec"]
    if "ports" in spec:
        return [int(port["port"]) for port in spec["ports"]]
    spec = (spec.get("template") or {}).get("spec") or spec
    return [int(port["containerPort"]) for one in spec.get("containers") or () for port in one.get("ports") or ()]


def _pod_or_kind(session: Session, word: str) -> Found:
    """Pods by name, or kinds that have pods, whose names come after a slash."""
    if "/" in word:
        kind = word.partition("/")[0]
        return [(f"{kind}/{name}", "") for name in names(session, kind)], NO_FILES
    found = [(name, "") for name in names(session, "pods")]
    kinds = [(f"{kind}/", "") for kind in _WITH_PODS]
    return [*found, *kinds], NO_FILES if any(name.startswith(word) for name, _ in found) else NO_FILES | NO_SPACE


def _copied(session: Session, args: list[str], word: str) -> Found:
    """For `cp`: namespaces, pods, local paths."""
    if args or ":" in word or word[:1] in ("/", ".", "~"):
        return [], NO_SPACE
    if "/" in word:
        space = word.partition("/")[0]
        return [(f"{space}/{pod['metadata']['name']}:", "") for pod in _items(session, "pods", space)], NO_SPACE
    found = [f"{name}/" for name in names(session, "namespaces")] + [f"{name}:" for name in names(session, "pods")]
    if not word:
        found += ["./", "/"]
    elif any(name.startswith(word) for name in found):
        found += [name + "/" * os.path.isdir(name) for name in sorted(os.listdir("."))]
    return [(name, "") for name in found], NO_SPACE
