"""`kubectl debug`: an ephemeral container in a pod, a changed copy of a pod, or a pod on a node."""

from __future__ import annotations

from copy import deepcopy

from ..errors import CommandError
from ..objects.builder import collect
from ..objects.item import Item
from ..objects.pods import containers
from ..output.go_json import compact
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
    "share-processes=true -i,stdin=false target='' -t,tty=false kustomize='' recursive=false"
)
_PROFILES = ("legacy", "general", "baseline", "netadmin", "restricted", "sysadmin")


def run(session: Session) -> int:
    flags = session.flags
    names = session.args if flags.dash < 0 else session.args[: flags.dash]
    words = session.args[flags.dash :] if flags.dash >= 0 else []
    _check(session, names)
    found = collect(session, names, default_resource="pods", latest=True)
    found.raise_errors()
    code = 0
    for item in found.items:
        if item.resource.kind == "Node":
            pod, name = _on_node(session, item, words)
        elif item.resource.kind != "Pod":
            raise CommandError(
                f'"{item.resource.full_name}/{item.name}" not supported by debug' if item.resource.kind else ""
            )
        elif flags.text("copy-to"):
            pod, name = _copy(session, item, words)
        else:
            pod, name = _ephemeral(session, item, words)
        attach = flags.on("attach") if flags.changed("attach") else flags.on("stdin")
        if attach and name:
            code = _join(session, pod, name)
    return code


def _check(session: Session, names: list[str]) -> None:
    flags = session.flags
    copying, setting = bool(flags.text("copy-to")), flags.many("set-image")
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
    if flags.on("tty") and not flags.on("stdin"):
        raise CommandError("-i/--stdin is required for containers with -t/--tty=true")
    if flags.text("profile") not in _PROFILES:
        raise CommandError(f"unknown profile: {flags.text('profile')}")


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
    context = security_of(flags.text("profile"))
    if context:
        container["securityContext"] = context
    return container


def security_of(profile: str, *, node: bool = False) -> dict[str, Any]:
    """The security context that a profile gives a debugging container."""
    if profile == "general" and not node:
        return {"capabilities": {"add": ["SYS_PTRACE"]}}
    if profile == "restricted":
        return {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
    if profile == "netadmin":
        return {"capabilities": {"add": ["NET_ADMIN", "NET_RAW"]}}
    return {"privileged": True} if profile == "sysadmin" else {}


def _ephemeral(session: Session, item: Item, words: list[str]) -> tuple[Item, str]:
    flags = session.flags
    name = flags.text("container") or f"debugger-{_suffix()}"
    if any(container["name"] == name for container in containers(item.obj)):
        raise CommandError(f'container "{name}" already exists in pod {item.name}')
    container = _container(session, name, words)
    target = flags.text("target")
    if target:
        if not flags.on("quiet"):
            session.tell(
                f'Targeting container "{target}". If you don\'t see processes from this '
                "container it may be because the "
                "container runtime doesn't support this feature."
            )
        container["targetContainerName"] = target
    if not flags.text("container") and not flags.on("quiet"):
        session.tell(f"Defaulting debug container name to {name}.")
    patch = {"spec": {"ephemeralContainers": [container]}}
    item.patch("strategic", compact(patch).encode(), "ephemeralcontainers")
    return item, name


def _copy(session: Session, item: Item, words: list[str]) -> tuple[Item, str]:
    """The pod again under another name, changed so that it can be looked into."""
    flags = session.flags
    old = item.obj
    spec = deepcopy(old["spec"])
    metadata: dict[str, Any] = {"name": flags.text("copy-to"), "namespace": item.namespace}
    for field in ("labels", "annotations"):
        if flags.on(f"keep-{field}"):
            metadata[field] = old["metadata"].get(field) or {}
    if not flags.on("same-node"):
        spec.pop("nodeName", None)
    for field in ("ephemeralContainers", *(() if flags.on("keep-init-containers") else ("initContainers",))):
        spec.pop(field, None)
    if (flags.on("share-processes") and flags.changed("share-processes")) or flags.on("share-processes"):
        spec["shareProcessNamespace"] = True
    for container in spec["containers"]:
        for probe in ("liveness", "readiness", "startup"):
            if not flags.on(f"keep-{probe}"):
                container.pop(f"{probe}Probe", None)
    name = _changed(session, spec, words)
    if flags.on("replace"):
        item.delete({})
    pod = Item(item.client, item.resource, item.namespace, flags.text("copy-to"))
    pod.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
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
    if known is not None:
        if words:
            known["command"] = words
            known.pop("args", None)
        if flags.text("image"):
            known["image"] = flags.text("image")
        if flags.on("stdin"):
            known["stdin"] = True
        if flags.on("tty"):
            known["tty"] = True
        return name
    if not flags.text("image"):
        return name or str(spec["containers"][0]["name"])
    if not name:
        name = f"debugger-{_suffix()}"
        if not flags.on("quiet"):
            session.tell(f"Defaulting debug container name to {name}.")
    spec["containers"].append(_container(session, name, words))
    return name


def _on_node(session: Session, node: Item, words: list[str]) -> tuple[Item, str]:
    flags = session.flags
    if flags.text("copy-to"):
        raise CommandError("--copy-to may not be used with nodes")
    profile = flags.text("profile")
    name = f"node-debugger-{node.name}-{_suffix()}"
    inner = flags.text("container") or "debugger"
    container = _container(session, inner, words)
    container.pop("securityContext", None)
    context = security_of(profile, node=True)
    if context:
        container["securityContext"] = context
    spec: dict[str, Any] = {
        "containers": [container],
        "nodeName": node.name,
        "restartPolicy": "Never",
        "tolerations": [{"operator": "Exists"}],
    }
    if profile not in ("baseline", "restricted"):
        container["volumeMounts"] = [{"mountPath": "/host", "name": "host-root"}]
        spec["volumes"] = [{"name": "host-root", "hostPath": {"path": "/"}}]
        spec |= {"hostIPC": True, "hostNetwork": True, "hostPID": True}
    if profile == "netadmin":
        spec.pop("volumes")
        container.pop("volumeMounts")
        spec.pop("hostIPC")
    if not flags.on("quiet"):
        session.print(f"Creating debugging pod {name} with container {inner} on node {node.name}.")
    labels = {"app.kubernetes.io/managed-by": "kubectl-debug"}
    pod = Item(session.client, session.mapper.resource("pods"), session.namespace, name)
    metadata = {"name": name, "namespace": session.namespace, "labels": labels}
    pod.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    return pod, inner


def _join(session: Session, pod: Item, name: str) -> int:
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
    return join(session, pod, name, stdin=session.flags.on("stdin"), tty=session.flags.on("tty"))
