"""`kubectl debug`: an ephemeral container in a pod, a changed copy of a pod, or a pod on a node."""

from __future__ import annotations

from copy import deepcopy

from ..apply.strategic import two_way
from ..errors import CommandError, quoted
from ..objects.builder import collect
from ..objects.image_name import is_image
from ..objects.item import Item
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
    if len(names) > 1:
        if "" in names:
            raise CommandError("resource name may not be empty")
        names = [name if "/" in name else f"pods/{name}" for name in names]
    found = collect(session, names, default_resource="pods", latest=True)
    if not found.named:
        found.raise_errors()
    for number, item in enumerate(found.items):
        if found.named and found.named[0][0] <= number:
            break
        if item.resource.kind == "Node":
            pod, name = _on_node(session, item, words)
        elif item.resource.kind != "Pod":
            group_version = f"{item.resource.group}/{item.resource.version}"
            raise CommandError(f'"{group_version}, Kind={item.resource.kind}" not supported by debug')
        elif flags.text("copy-to"):
            pod, name = _copy(session, item, words)
        else:
            pod, name = _ephemeral(session, item, words)
        attach = flags.on("attach") if flags.changed("attach") else flags.on("stdin")
        if attach and name:
            _join(session, pod, name)
    if found.named:
        raise found.named[0][1]
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
    partial = profiles.custom(flags.text("custom")) if flags.text("custom") else {}
    image, container = flags.text("image"), flags.text("container")
    words = session.args[flags.dash :] if flags.dash >= 0 else []
    if flags.on("attach") and not image and not container:
        raise CommandError("you must specify --container or create a new container using --image in order to attach.")
    if copying and not image and not setting and not words:
        raise CommandError("you must specify --image, --set-image or command arguments.")
    if copying and words and not container and not image:
        raise CommandError("you must specify an existing container or a new image when specifying args.")
    if not copying:
        for name in ("replace", "same-node", "set-image"):
            if flags.changed(name) if name == "set-image" else flags.on(name):
                raise CommandError(f"--{name} may only be used with --copy-to.")
        if not image:
            raise CommandError("you must specify --image when not using --copy-to.")
    _check_image(image, "")
    if not names and not flags.many("filename"):
        raise CommandError("NAME or filename is required for debug")
    policy = flags.text("image-pull-policy")
    if policy not in ("", "Always", "IfNotPresent", "Never"):
        raise CommandError(f"invalid image pull policy: {policy}")
    for name, _, new in (text.partition("=") for text in setting):
        _check_image(new, f" for container {quoted(name)}", empty=False)
    target = flags.text("target")
    if target and copying:
        raise CommandError("--target is incompatible with --copy-to. Use --share-processes instead.")
    if target and not flags.on("quiet"):
        session.print(
            f"Targeting container {quoted(target)}. If you don't see processes from this container it may be because "
            "the container runtime doesn't support this feature."
        )
    if flags.on("tty") and not flags.on("stdin"):
        raise CommandError("-i/--stdin is required for containers with -t/--tty=true")
    profiles.check(partial)
    if flags.text("profile") == "legacy":
        session.tell(profiles.LEGACY)


def _check_image(image: str, where: str, *, empty: bool = True) -> None:
    if not (image or not empty) or is_image(image):
        return
    raise CommandError(f"invalid image name {quoted(image)}{where}: invalid reference format")


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
    if any(other["name"] == name for other in item.obj["spec"].get("ephemeralContainers") or ()):
        # The server would take a container like the one that is there for no change at all.
        why = f"Forbidden: existing ephemeral containers {quoted(name)} may not be changed"
        raise CommandError(f"The Pod {quoted(item.name)} is invalid: spec.ephemeralContainers: {why}", prefix="")
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
    for field in ("labels", "annotations"):
        metadata[field] = old["metadata"].get(field) or {}
    if not flags.on("same-node"):
        spec.pop("nodeName", None)
    spec.pop("ephemeralContainers", None)
    if flags.changed("share-processes"):
        spec["shareProcessNamespace"] = flags.on("share-processes")
    name = _changed(session, spec, words)
    if name:
        _thinned(session, metadata, spec)
    pod = Item(item.client, item.resource, item.namespace, flags.text("copy-to"))
    pod.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    if flags.on("replace"):
        item.delete({"gracePeriodSeconds": 0})
    return pod, name


def _thinned(session: Session, metadata: dict[str, Any], spec: dict[str, Any]) -> None:
    """Of the copy that the profile has changed, what no flag keeps goes; `legacy` takes the labels alone, always."""
    flags = session.flags
    if flags.text("profile") == "legacy":
        del metadata["labels"]
        return
    for field in ("labels", "annotations"):
        if not flags.on(f"keep-{field}"):
            del metadata[field]
    if not flags.on("keep-init-containers"):
        spec.pop("initContainers", None)
    for container in spec["containers"]:
        for probe in ("liveness", "readiness", "startup"):
            if not flags.on(f"keep-{probe}"):
                container.pop(f"{probe}Probe", None)


def _changed(session: Session, spec: dict[str, Any], words: list[str]) -> str:
    """Images replaced, a command replaced, or a container added; the container to join."""
    flags = session.flags
    images = dict(text.split("=", 1) for text in flags.many("set-image"))
    for container in spec["containers"]:
        image = images.get(container["name"], images.get("*"))
        if image:
            container["image"] = image
    name = flags.text("container")
    here = [*spec["containers"], *(spec.get("initContainers") or ())]
    known = next((container for container in here if container["name"] == name), None)
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
                    message = (state.get("waiting") or {}).get("message")
                    if message and not session.flags.on("quiet"):
                        session.tell(f"Warning: container {name}: {message}")
                    return "running" in state or "terminated" in state
        return False

    wait_for(pod, started, 3600.0)
    join(session, pod, name, stdin=session.flags.on("stdin"), tty=session.flags.on("tty"))
