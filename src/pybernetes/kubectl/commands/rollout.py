"""`kubectl rollout pause|resume|restart`: small changes of a workload's template."""

from __future__ import annotations

from copy import deepcopy

from ..errors import CommandError, StatusFailure
from ..flags import FILES, PRINT
from ..objects.builder import NOTHING, collect, file_flags
from ..objects.mutation import operation_printer, parameters
from ..objects.pod_specs import with_times
from ..objects.struct_order import in_struct_order
from ..output.go_json import compact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

_SAME = f"field-manager='kubectl-rollout' -l,selector='' {FILES}{PRINT}"
FLAGS = {"rollout pause": _SAME, "rollout resume": _SAME, "rollout restart": _SAME}
_DONE = {"pause": "paused", "resume": "resumed", "restart": "restarted"}
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"


def run(session: Session) -> int:
    verb = session.command.rpartition(" ")[2]
    files, kustomize = file_flags(session)
    if not session.args and not files and not kustomize:
        raise CommandError("required resource not specified" if verb != "" else NOTHING)
    found = collect(session, selector=session.flags.text("selector"), latest=True, select_all=True)
    printer = operation_printer(session, _DONE[verb])
    changes = {"pause": _pause, "resume": _resume, "restart": _restart}
    if not found.items and not found.errors:
        session.tell(f"No resources found in {session.namespace} namespace.")
    for item in found.items:
        try:
            after = deepcopy(item.obj)
            patch = changes[verb](after)
            if not patch:
                raise CommandError(f"{item.resource.full_name} {quoted_name(item.name)} is already {_DONE[verb]}")
            body = compact(patch).encode()
            changed = item.patch("strategic", body, **parameters(session, validate=False))
            printer.print(in_struct_order(with_times(changed)), ordered=True)
        except StatusFailure as error:
            found.errors.append(CommandError(f"failed to patch: {error.message}"))
        except CommandError as error:
            words = error.message
            found.errors.append(CommandError(words if words.startswith("failed to") else f"error: {words}"))
    found.raise_errors(bare=True, own_last=True)
    return 0


def quoted_name(name: str) -> str:
    return f'"{name}"'


def _pause(obj: dict[str, Any]) -> dict[str, Any]:
    if obj["kind"] != "Deployment":
        raise CommandError(f"{_plural(obj)} {quoted_name(obj['metadata']['name'])} pausing is not supported")
    if (obj.get("spec") or {}).get("paused"):
        raise CommandError(f"{_plural(obj)} {quoted_name(obj['metadata']['name'])} is already paused")
    return {"spec": {"paused": True}}


def _resume(obj: dict[str, Any]) -> dict[str, Any]:
    if obj["kind"] != "Deployment":
        raise CommandError(f"{_plural(obj)} {quoted_name(obj['metadata']['name'])} resuming is not supported")
    if not (obj.get("spec") or {}).get("paused"):
        raise CommandError(f"{_plural(obj)} {quoted_name(obj['metadata']['name'])} is not paused")
    return {"spec": {"paused": None}}


def _plural(obj: dict[str, Any]) -> str:
    group, slash, _ = str(obj.get("apiVersion", "")).partition("/")
    return f"{obj['kind'].lower()}s.{group}" if slash else f"{obj['kind'].lower()}s"


def _restart(obj: dict[str, Any]) -> dict[str, Any]:
    name = quoted_name(obj["metadata"]["name"])
    if obj["kind"] not in ("Deployment", "DaemonSet", "StatefulSet"):
        raise CommandError(f"{_plural(obj)} {name} restarting is not supported")
    if obj["kind"] == "Deployment" and (obj.get("spec") or {}).get("paused"):
        raise CommandError(f"{_plural(obj)} {name} can't restart paused deployment (run rollout resume first)")
    import time

    now = time.localtime()
    zone = time.strftime("%z", now)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", now) + ("Z" if zone == "+0000" else f"{zone[:3]}:{zone[3:]}")
    template = (obj.get("spec") or {}).get("template") or {}
    if ((template.get("metadata") or {}).get("annotations") or {}).get(RESTARTED_AT) == stamp:
        raise CommandError(
            f"failed to create patch for {obj['metadata']['name']}: if restart has already been triggered within the "
            "past second, please wait before attempting to trigger another"
        )
    return {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: stamp}}}}}
