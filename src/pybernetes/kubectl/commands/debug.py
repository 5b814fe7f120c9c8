"""`kubectl debug`: an ephemeral container in a pod, a changed copy of a pod, or a pod on a node."""

from __future__ import annotations

from copy import deepcopy

from ..apply.strategic import two_way
from ..errors import CommandError, quoted
from ..objects.builder import collect
from ..objects.item import Item
from ..objects.pods import containers
from ..output.go_json import compact
from . import debug_profiles as profiles
from .attach import join
from .run_attached import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

FLAGS = (
    "arguments-only=false attach=false -c,container='' copy-to='' custom='' env=[+] -f,filename=[] image='' "
    "image-pull-policy='' keep-annotations=false keep-init-containers=true keep-labels=false keep-liveness=false "
    "keep-readiness=false keep-startup=false profile='general' -q,quiet=false replace=false "
    "same-node=false set-image=[] "
    "share-processes=true -i,stdin=false target='' -t,tty=false"
)


def run(session: Session) -> int:
    flags = session.flags
    names = session.args if flags.dash < 0 else session.args[: flags.dash]
    words = session.args[flags.dash :] if flags.dash >= 0 else []
    _check(session, names)
    found = collect(session, names, default_resource="pods", latest=True)
    found.raise_errors()
    for item in found.items:
        if item.resource.kind == "Node":
            pod, name = _on_node(session, item, words)
        elif item.resource.kind != "Pod":
            raise CommandError(f'"{item.resource.api_version}, Kind={item.resource.kind}" not supported by debug')
        elif flags.text("copy-to"):
            pod, name = _copy(session, item, words)
        else:
            pod, name = _ephemeral(session, item, words)
        attach = flags.on("attach") if flags.changed("attach") else flags.on("stdin")
        if attach and name:
            _join(session, pod, name)
    return 0


def _check(session: Session, names: list[str]) -> None:
    flags = session.flags
    copying, setting = bool(flags.text("copy-to")), flags.many("set-image")
    for text in setting:
        if "=" not in text:
            raise CommandError(
                f'invalid argument {quoted(text)} for "--set-image" flag: {text} must be formatted as key=value\n'
                "See 'kubectl debug --help' for usage."
            )
    if flags.text("profile") not in profiles.PROFILES:
        raise CommandError(f"unknown profile: {flags.text('profile')}")
    if flags.text("custom"):
        profiles.custom(flags.text("custom"))
    if not copying and not flags.text("image"):
        raise CommandError("you must specify --image when not using --copy-to.")
    if not names and not flags.many("filename"):
        raise CommandError("NAME or filename is required for debug")
    if copying and not flags.text("image") and not setting and not session.args[1:] and not flags.text("container"):
        raise CommandError("you must specify --image, --set-image or command arguments.")
    if flags.text("target") and copying:
        raise CommandError("--target is incompatible with --copy-to. Use --share-processes instead.")
    if not copying:
        for name in ("replace", "same-node"):
            if flags.on(name):
                raise CommandError(f"--{name} may only be used with --copy-to.")
        if setting:
            raise CommandError("--set-image may only be used with --copy-to.")
    policy = flags.text("image-pull-policy")
    if policy not in ("", "Always", "IfNotPresent", "Never"):
        raise CommandError(f"invalid image pull policy: {policy}")
    target = flags.text("target")
    if target and not flags.on("quiet"):
        session.print(
            f"Targeting container {quoted(target)}. If you don't see processes from this container it may be because "
            "the container runtime doesn't support this feature."
        )
    if flags.on("tty") and not flags.on("stdin"):
        raise CommandError("-i/--stdin is required for containers with -t/--tty=true")
    if flags.text("profile") == "legacy":
        session.tell(profiles.LEGACY)


def _suffix() -> str:
    from random import choice

    return "".join(choice("bcdfghjklmnpqrstvwxz2456789") for _ in range(5))


def _container(session: Session, name: str, words: list[str]) -> dict[str, Any]:
    """The debugging container."""
    flags = session.flags
    container: dict[str, Any] = {"name": name, "image": flags.text("image")}
    if words:
        container["args" if flags.on("arguments-only") else "command"] = words
    if flags.many("env"):
        pairs = (text.partition("=") for text in flags.many("env"))
        container["env"] = [{"name": key, "value": value} for key, _, value in pairs]
    if flags.text("image-pull-policy"):
        container["imagePullPolicy"] = flags.text("image-pull-policy")
    container["terminationMessagePolicy"] = "File"
    if flags.on("stdin"):
        container["stdin"] = True
    if flags.on("tty"):
        container["tty"] = True
    return container


def _finished(session: Session, spec: dict[str, Any], container: dict[str, Any], where: str) -> None:
    """What the profile and `--custom` make of it; a warning where that may not help."""
    profiles.apply(session.flags.text("profile"), spec, container, where)
    if session.flags.text("custom"):
        profiles.lay_over(container, profiles.custom(session.flags.text("custom")))
    if where != "node" and profiles.may_lack_rights(spec, container):
        session.tell(profiles.NOT_ROOT)


def _ephemeral(session: Session, item: Item, words: list[str]) -> tuple[Item, str]:
    flags = session.flags
    name = flags.text("container") or f"debugger-{_suffix()}"
    if any(container["name"] == name for container in containers(item.obj)):
        raise CommandError(f'container "{name}" already exists in pod {item.name}')
    container = _container(session, name, words)
    if flags.text("target"):
        container["targetContainerName"] = flags.text("target")
    if not flags.text("container") and not flags.on("quiet"):
        session.print(f"Defaulting debug container name to {name}.")
    spec = deepcopy(item.obj["spec"])
    _finished(session, spec, container, "ephemeral")
    spec["ephemeralContainers"] = [*(spec.get("ephemeralContainers") or ()), container]
    patch = two_way(item.obj, {**item.obj, "spec": spec})
    item.patch("strategic", compact(patch).encode(), "ephemeralcontainers")
    return item, name


def _copy(session: Session, item: Item, words: list[str]) -> tuple[Item, str]:
    """The pod again under another name, changed so that it can be looked into."""
    flags = session.flags
    old = item.obj
    spec = deepcopy(old["spec"])
    metadata: dict[str, Any] = {"name": flags.text("copy-to"), "namespace": item.namespace}
    legacy = flags.text("profile") == "legacy"
    for field in ("labels", "annotations"):
        if flags.on(f"keep-{field}") or legacy:
            metadata[field] = old["metadata"].get(field) or {}
    if not flags.on("same-node"):
        spec.pop("nodeName", None)
    spec.pop("ephemeralContainers", None)
    if not flags.on("keep-init-containers") and not legacy:
        spec.pop("initContainers", None)
    if flags.changed("share-processes"):
        spec["shareProcessNamespace"] = flags.on("share-processes")
    for container in () if legacy else spec["containers"]:
        for probe in ("liveness", "readiness", "startup"):
            if not flags.on(f"keep-{probe}"):
                container.pop(f"{probe}Probe", None)
    name = _changed(session, spec, words)
    pod = Item(item.client, item.resource, item.namespace, flags.text("copy-to"))
    pod.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    if flags.on("replace"):
        item.delete({"gracePeriodSeconds": 0})
    return pod, name


def _changed(session: Session, spec: dict[str, Any], words: list[str]) -> str:
    """Images replaced, a command replaced, or a container added; the container to join."""
    flags = session.flags
    images = dict(text.split("=", 1) for text in flags.many("set-image"))
    for container in spec["containers"]:
        image = images.get(container["name"], images.get("*"))
        if image:
            container["image"] = image
    name = flags.text("container")
    known = next((container for container in spec["containers"] if container["name"] == name), None)
    if known is None:
        if not flags.text("image"):
            if images:
                return ""
            raise CommandError("you must specify image when creating new container")
        if not name:
            name = f"debugger-{_suffix()}"
            if not flags.on("quiet"):
                session.print(f"Defaulting debug container name to {name}.")
        known = _container(session, name, words)
        spec["containers"].append(known)
    else:
        known |= {key: value for key, value in _container(session, name, words).items() if key not in _KEPT and value}
        if words and not flags.on("arguments-only"):
            known.pop("args", None)
        known["stdin"], known["tty"] = flags.on("stdin"), flags.on("tty")
    _finished(session, spec, known, "copy")
    return name


_KEPT = ("name", "terminationMessagePolicy")
"""What a container that is there keeps."""


def _on_node(session: Session, node: Item, words: list[str]) -> tuple[Item, str]:
    flags = session.flags
    if flags.text("copy-to"):
        raise CommandError("--copy-to may not be used with nodes")
    name = f"node-debugger-{node.name}-{_suffix()}"
    inner = flags.text("container") or "debugger"
    container = _container(session, inner, words)
    spec: dict[str, Any] = {
        "containers": [container],
        "nodeName": node.name,
        "restartPolicy": "Never",
        "tolerations": [{"operator": "Exists"}],
    }
    _finished(session, spec, container, "node")
    if not flags.on("quiet"):
        session.print(f"Creating debugging pod {name} with container {inner} on node {node.name}.")
    labels = {"app.kubernetes.io/managed-by": "kubectl-debug"}
    pod = Item(session.client, session.mapper.resource("pods"), session.namespace, name)
    metadata = {"name": name, "namespace": session.namespace, "labels": labels}
    pod.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    return pod, inner


def _join(session: Session, pod: Item, name: str) -> None:
    """Once the container runs."""

    def started(obj: dict[str, Any]) -> bool:
        status = obj.get("status") or {}
        for field in ("ephemeralContainerStatuses", "initContainerStatuses", "containerStatuses"):
            for one in status.get(field) or ():
                if one["name"] == name:
                    state = one.get("state") or {}
                    return "running" in state or "terminated" in state
        return False

    wait_for(pod, started, 3600.0)
    join(session, pod, name, stdin=session.flags.on("stdin"), tty=session.flags.on("tty"))
