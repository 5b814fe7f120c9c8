"""`kubectl run`: one pod; attached to it, or gone again when it ends."""

from __future__ import annotations

from ..errors import CommandError, StatusFailure, UsageError, quoted
from ..flags import DRY_RUN, FILES, PRINT
from ..objects.image_name import is_image
from ..objects.item import Item
from ..objects.mutation import LAST_APPLIED, dry_run_of, operation_printer, parameters
from ..objects.pods import running_timeout
from ..objects.recording import recorded
from ..objects.selectors import pairs
from ..objects.struct_order import in_struct_order
from ..output.go_json import compact
from .create_config import wrong_with_variable
from .delete import cascade_of
from .expose import overridden

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..discovery import Resource
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
    if not flags.changed("image"):
        raise CommandError('required flag(s) "image" not set')
    dry_run = dry_run_of(session)
    told = operation_printer(session, "created", dry_run)
    cascade_of(session)
    if not session.args or flags.dash == 0:
        raise UsageError("NAME is required for run", "run")
    name, words = session.args[0], session.args[1:]
    attach = flags.on("attach") if flags.changed("attach") else flags.on("stdin")
    _check(session, dry_run, attach=attach)
    if not name:
        raise CommandError("Parameter: name is required")
    obj = pod(session, name, words)
    if flags.text("overrides"):
        obj = overridden(session, obj, flags.text("overrides"))
    resource = session.mapper.resource("pods")
    made = _created(session, obj, resource, dry_run)
    created = [Item(session.client, resource, session.namespace, name, made)]
    wrong: Exception | None = None
    if flags.on("expose"):
        services = session.mapper.resource("services")
        try:
            service = _created(session, _service(session, name), services, dry_run)
            told.print(service, ordered=True)
            if flags.text("output") == "yaml":
                session.print("---")
            created.append(Item(session.client, services, session.namespace, name, service))
        except (StatusFailure, CommandError) as error:
            wrong = error
    if attach:
        from .run_attached import follow

        return follow(session, created, remove=flags.on("rm"))
    told.print(made, ordered=True)
    if wrong:
        raise wrong
    return 0


def _check(session: Session, dry_run: str, *, attach: bool) -> None:
    """Flags, in the order of the stock client. CommandError, UsageError."""
    flags = session.flags
    running_timeout(session)
    image = flags.text("image")
    if not image:
        raise CommandError("--image is required")
    if not is_image(image):
        raise CommandError(f"Invalid image name {quoted(image)}: invalid reference format")
    if flags.on("tty") and not flags.on("stdin"):
        raise UsageError("-i/--stdin is required for containers with -t/--tty=true", "run")
    if flags.on("expose") and not flags.text("port"):
        raise UsageError("--port must be set when exposing a service", "run")
    if flags.text("restart") not in ("", "Always", "OnFailure", "Never"):
        raise UsageError(f"invalid restart policy: {flags.text('restart')}", "run")
    if flags.on("rm") and not attach:
        raise UsageError("--rm should only be used for attached containers", "run")
    if attach and dry_run != "none":
        raise UsageError(
            "--dry-run=[server|client] can't be used with attached containers options (--attach, --stdin, or --tty)",
            "run",
        )
    policy = flags.text("image-pull-policy")
    if policy not in ("", "Always", "IfNotPresent", "Never"):
        raise UsageError(f"invalid image pull policy: {policy}", "run")


def _created(session: Session, obj: dict[str, Any], resource: Resource, dry_run: str) -> dict[str, Any]:
    """The object as the server has it, or as it would be sent; whatever overrides made of it, it goes to `resource`."""
    obj = recorded(session, obj)
    if dry_run == "client":
        return obj
    if session.flags.on("save-config"):
        text = compact(in_struct_order(obj), ordered=True) + "\n"
        annotations = {**(obj["metadata"].get("annotations") or {}), LAST_APPLIED: text}
        obj = {**obj, "metadata": {**obj["metadata"], "annotations": annotations}}
    item = Item(session.client, resource, session.namespace, str(obj["metadata"].get("name") or ""))
    item.create(obj, **parameters(session, dry_run))
    return in_struct_order(item.obj)


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
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise CommandError(f"invalid annotations format: {text}")
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
    spec = {"containers": [container], "restartPolicy": flags.text("restart") or "Always", "dnsPolicy": "ClusterFirst"}
    return {"kind": "Pod", "apiVersion": "v1", "metadata": meta, "spec": spec, "status": {}}


def _variable(text: str) -> dict[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name or wrong_with_variable(name):
        raise CommandError(f"invalid env: {text}")
    return {"name": name, "value": value} if value else {"name": name}


def _service(session: Session, name: str) -> dict[str, Any]:
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
    return {"kind": "Service", "apiVersion": "v1", "metadata": meta, "spec": spec, "status": status}
