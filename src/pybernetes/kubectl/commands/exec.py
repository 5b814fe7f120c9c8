"""`kubectl exec`: a command in a container."""

from __future__ import annotations

from ..client import query_of
from ..errors import CommandError
from ..objects.builder import collect, file_flags
from ..objects.item import Item
from ..objects.pods import container_for, first_pod, pod_for, running_timeout
from ..streams import Attached, usable_tty
from ..transport.channels import open_process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..session import Session

FLAGS = "-c,container='' -f,filename=[] pod-running-timeout=1m0s -q,quiet=false -i,stdin=false -t,tty=false"


def run(session: Session) -> int:
    flags = session.flags
    args, dash = session.args, flags.dash
    files, _ = file_flags(session)
    if dash < 0 and len(args) > 1 and not files:
        raise CommandError(
            "exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead\n"
            "See 'kubectl exec -h' for help and examples"
        )
    names, command = (args[:dash], args[dash:]) if dash >= 0 else (args, [])
    if names[:1] in ([], [""]) and not files:
        raise CommandError("pod, type/name or --filename must be specified")
    if not command:
        raise CommandError("you must specify at least one command for the container")
    seconds = running_timeout(session)
    if files:
        found = collect(session, [f"pods/{names[0]}"] if names else [], latest=True)
        found.raise_errors()
        item = found.items[0]
        pod = item if item.resource.kind == "Pod" else first_pod(session, item, seconds)
    else:
        pod = pod_for(session, names[0], seconds)
    return execute(session, pod, command)


def execute(session: Session, pod: Item, command: list[str]) -> int:
    """Run it and join the streams; its exit code."""
    flags = session.flags
    phase = (pod.obj.get("status") or {}).get("phase")
    if phase in ("Succeeded", "Failed"):
        raise CommandError(f"cannot exec into a container in a completed pod; current phase is {phase}")
    container = container_for(session, pod.obj, flags.text("container"), quiet=flags.on("quiet"))
    stdin = flags.on("stdin")
    tty = usable_tty(session, stdin=stdin, tty=flags.on("tty"))
    query = [
        ("container", container),
        *(("command", word) for word in command),
        ("stdin", "true" if stdin else ""),
        ("stdout", "true"),
        ("stderr", "" if tty else "true"),
        ("tty", "true" if tty else ""),
    ]
    socket = open_process(session.client, pod.path("exec") + ordered_query(query), stdin=stdin, tty=tty)
    return Attached(session, socket, stdin=stdin, tty=tty).run()


def ordered_query(pairs: list[tuple[str, str]]) -> str:
    """A query that keeps the order of what is repeated, empty words of a command included."""
    parts = [query_of([(name, value)])[1:] or f"{name}=" for name, value in pairs if value or name == "command"]
    return "?" + "&".join(parts)
