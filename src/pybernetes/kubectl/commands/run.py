"""`kubectl run`: one pod; attached to it, or gone again when it ends."""

from __future__ import annotations

from ..errors import CommandError, UsageError, quoted
from ..flags import DRY_RUN, FILES, PRINT
from ..objects.generated import finish
from ..objects.item import Item
from ..objects.mutation import dry_run_of, operation_printer
from ..objects.pods import running_timeout
from ..objects.selectors import pairs
from .delete import cascade_of
from .expose import overridden

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

FLAGS = (
    "annotations=[+] attach=false cascade='background' command=false detach-keys='ctrl-p,ctrl-q' env=[+] expose=false "
    "field-manager='kubectl-run' force=false grace-period=-1 image='' image-pull-policy='' -l,labels='' "
    "leave-stdin-open=false override-type='merge' overrides='' pod-running-timeout=1m0s port='' privileged=false "
    "-q,quiet=false restart='Always' rm=false save-config=false -i,stdin=false timeout=0s -t,tty=false wait=false "
    f"{DRY_RUN}{FILES}{PRINT}"
)


def run(session: Session) -> int:
    flags = session.flags
    if (not session.args or flags.dash == 0) and flags.text("image"):
        raise UsageError("NAME is required for run", "run")
    if not flags.changed("image"):
        raise CommandError('required flag(s) "image" not set')
    name, words = session.args[0], session.args[1:]
    interactive, tty = flags.on("stdin"), flags.on("tty")
    attach = flags.on("attach") if flags.changed("attach") else interactive
    if tty and not interactive:
        raise UsageError("-i/--stdin is required for containers with -t/--tty=true", "run")
    restart = flags.text("restart")
    if restart not in ("Always", "OnFailure", "Never"):
        raise CommandError(f"invalid restart policy: {restart}\nSee 'kubectl run -h' for help and examples")
    policy = flags.text("image-pull-policy")
    if policy not in ("", "Always", "IfNotPresent", "Never"):
        raise CommandError(f"invalid image pull policy: {policy}\nSee 'kubectl run -h' for help and examples")
    remove = flags.on("rm")
    if remove and not attach:
        raise UsageError("--rm should only be used for attached containers", "run")
    if attach and flags.text("dry-run") not in ("none", ""):
        raise UsageError(
            "--dry-run=[server|client] can't be used with attached containers options (--attach, --stdin, or --tty)",
            "run",
        )
    if flags.on("expose") and not flags.text("port"):
        raise CommandError("--port must be set when exposing a service")
    cascade_of(session)
    if attach:
        running_timeout(session)
    image = flags.text("image")
    if not image:
        raise CommandError("--image is required")
    if not _is_image(image):
        raise CommandError(f"Invalid image name {quoted(image)}: invalid reference format")
    told = operation_printer(session, "created", dry_run_of(session))
    printer = _Silent() if attach else told
    obj = pod(session, name, words)
    if flags.text("overrides"):
        obj = overridden(session, obj, flags.text("overrides"))
    if flags.on("expose"):
        _expose(session, name, told)
    made = finish(session, obj, "created", printer)
    if not attach:
        return 0
    from .run_attached import follow

    resource = session.mapper.resource("pods")
    created = [Item(session.client, resource, session.namespace, name, made)]
    if flags.on("expose"):
        created.append(Item(session.client, session.mapper.resource("services"), session.namespace, name))
    return follow(session, created, remove=remove)


class _Silent:
    def print(self, obj: Any, ordered: bool = False) -> None:
        pass


def _is_image(text: str) -> bool:
    """Is it a reference as `registry:5000/path/name:tag@sha256:…`?"""
    import re

    part, path = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?", r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
    host = rf"(?:{part}(?:\.{part})*|\[[0-9a-fA-F:]+\])(?::\d+)?"
    tag, digest = (
        r"(?::\w[\w.-]{0,127})?",
        r"(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?",
    )
    return bool(re.fullmatch(rf"(?:{host}/)?{path}(?:/{path})*{tag}{digest}", text, re.ASCII))


def _labels(session: Session, name: str) -> dict[str, str]:
    """Those of the flag, or the one that every pod of `run` has without it."""
    given = session.flags.text("labels")
    return pairs(given) if given else {"run": name}


def pod(session: Session, name: str, words: list[str]) -> dict[str, Any]:
    """The pod to make, in the order of Go's structs."""
    flags = session.flags
    labels = _labels(session, name)
    meta: dict[str, Any] = {"name": name}
    if session.target.namespace_given:
        meta["namespace"] = session.namespace
    meta |= {"creationTimestamp": None, "labels": labels}
    annotations = {}
    for text in flags.many("annotations"):
        key, _, value = text.partition("=")
        annotations[key] = value
    if annotations:
        meta["annotations"] = annotations
    container: dict[str, Any] = {"name": name, "image": flags.text("image")}
    if words:
        container["command" if flags.on("command") else "args"] = words
    if port := flags.text("port"):
        if not port.lstrip("+-").isdigit():
            raise CommandError(f"strconv.Atoi: parsing {quoted(port)}: invalid syntax")
        container["ports"] = [{"containerPort": int(port)}]
    if flags.many("env"):
        container["env"] = [_variable(text) for text in flags.many("env")]
    container["resources"] = {}
    if flags.text("image-pull-policy"):
        container["imagePullPolicy"] = flags.text("image-pull-policy")
    if flags.on("privileged"):
        container["securityContext"] = {"privileged": True}
    if flags.on("stdin"):
        container["stdin"] = True
        if not flags.on("leave-stdin-open"):
            container["stdinOnce"] = True
    if flags.on("tty"):
        container["tty"] = True
    spec = {"containers": [container], "restartPolicy": flags.text("restart"), "dnsPolicy": "ClusterFirst"}
    return {"kind": "Pod", "apiVersion": "v1", "metadata": meta, "spec": spec, "status": {}}


def _variable(text: str) -> dict[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise CommandError(f"invalid env: {text}")
    return {"name": name, "value": value} if value else {"name": name}


def _expose(session: Session, name: str, printer: Any) -> None:
    labels = _labels(session, name)
    port = int(session.flags.text("port"))
    meta: dict[str, Any] = {"name": name}
    if session.target.namespace_given:
        meta["namespace"] = session.namespace
    meta["creationTimestamp"] = None
    if session.flags.text("labels"):
        meta["labels"] = labels
    spec = {
        "ports": [{"protocol": "TCP", "port": port, "targetPort": port}],
        "selector": labels,
    }
    status: dict[str, Any] = {"loadBalancer": {}}
    service = {"kind": "Service", "apiVersion": "v1", "metadata": meta, "spec": spec, "status": status}
    finish(session, service, "created", printer)
    if session.flags.text("output") == "yaml":
        session.print("---")
