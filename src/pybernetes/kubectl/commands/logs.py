"""`kubectl logs`: of a container, of all containers, of several pods; as they are or as they come."""

from __future__ import annotations

from _thread import allocate_lock

from ..client import query_of
from ..ending import interruptible
from ..errors import CommandError, StatusFailure, UsageError, quoted
from ..objects.builder import NOTHING, collect
from ..objects.item import Item
from ..objects.pods import DEFAULT_CONTAINER, all_names, containers, first_pod, running_timeout, selector_of
from ..session import write_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

FLAGS = (
    "all-containers=false all-pods=false -c,container='' -f,follow=false ignore-errors=false "
    "insecure-skip-tls-verify-backend=false limit-bytes=0 max-log-requests=5 pod-running-timeout=20s prefix=false "
    "-p,previous=false -l,selector='' since=0s since-time='' tail=-1 timestamps=false"
)
_USAGE = (
    "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\n"
    "POD or TYPE/NAME is a required argument for the logs command"
)


class Source:
    """One container's log."""

    __slots__ = ("container", "field", "pod")

    def __init__(self, pod: Item, container: str, field: str = "containers") -> None:
        self.pod = pod
        self.container = container
        self.field = field


def run(session: Session) -> int:
    flags = session.flags
    args = session.args
    if flags.text("selector"):
        if args:
            raise UsageError("only a selector (-l) or a POD name is allowed", "logs")
    elif not args or len(args) > 2:
        raise UsageError(_USAGE, "logs")
    container = flags.text("container")
    if len(args) == 2:
        if container:
            raise UsageError("only one of -c or an inline [CONTAINER] arg is allowed", "logs")
        container = args[1]
    if flags.text("since-time"):
        from ..output.age import check_time

        check_time(flags.text("since-time"))
    running_timeout(session)
    sources = _sources(session, container)
    _check(session, container)
    follow = flags.on("follow")
    if follow and len(sources) > flags.number("max-log-requests"):
        raise CommandError(
            f"you are attempting to follow {len(sources)} log streams, but maximum allowed concurrency is "
            f"{flags.number('max-log-requests')}, use --max-log-requests to increase the limit"
        )
    with interruptible():
        if follow and len(sources) > 1:
            _together(session, sources)
        else:
            for source in sources:
                _copy(session, source)
    return 0


def _check(session: Session, container: str) -> None:
    """Looked at when the pods are known."""
    flags = session.flags
    if flags.text("since-time") and flags.seconds("since"):
        raise CommandError("at most one of `sinceTime` or `sinceSeconds` may be specified")
    if flags.on("all-containers") and container:
        raise CommandError("--all-containers=true should not be specified with container name " + container)
    if flags.number("tail") < -1:
        raise CommandError("--tail must be greater than or equal to -1")
    if flags.seconds("since") < 0:
        raise CommandError("--since must be greater than 0")
    if flags.changed("limit-bytes") and flags.number("limit-bytes") < 1:
        raise CommandError("--limit-bytes must be greater than 0")


def _sources(session: Session, container: str) -> list[Source]:
    flags = session.flags
    if flags.text("selector"):
        found = collect(session, ["pods"], selector=flags.text("selector"))
        found.raise_errors()
        if not found.items:
            session.tell(f"No resources found in {session.namespace} namespace.")
        return [source for item in found.items for source in _of_pod(session, item, container)]
    if not session.args[0]:
        raise CommandError(NOTHING)
    found = collect(session, [session.args[0]], default_resource="pods")
    for error in found.errors:
        if isinstance(error, StatusFailure) and error.reason == "NotFound":
            where = f"in namespace {quoted(session.namespace)}"
            raise CommandError(f"error from server (NotFound): {error.message} {where}")
    found.raise_errors()
    item = found.items[0]
    if item.resource.kind != "Pod":
        if flags.on("all-pods"):
            pods = collect(session, ["pods"], selector=selector_of(item.obj))
            return [source for pod in pods.items for source in _of_pod(session, pod, container)]
        number = len(collect(session, ["pods"], selector=selector_of(item.obj)).items)
        chosen = first_pod(session, item, flags.seconds("pod-running-timeout"))
        if number > 1:
            session.tell(f"Found {number} pods, using pod/{chosen.name}")
        item = chosen
    return _of_pod(session, item, container)


def _of_pod(session: Session, item: Item, container: str) -> list[Source]:
    flags = session.flags
    pod = item.obj
    spec = pod.get("spec") or {}
    if flags.on("all-containers"):
        fields = ("initContainers", "containers", "ephemeralContainers")
        return [Source(item, str(c["name"]), field) for field in fields for c in spec.get(field) or ()]
    if container:
        for field in ("initContainers", "containers", "ephemeralContainers"):
            if any(c["name"] == container for c in spec.get(field) or ()):
                return [Source(item, container, field)]
        raise CommandError(f"container {container} is not valid for pod {item.name} out of: {all_names(pod)}")
    main = spec.get("containers") or []
    annotated = (pod["metadata"].get("annotations") or {}).get(DEFAULT_CONTAINER)
    if annotated and any(c["name"] == annotated for c in main):
        return [Source(item, str(annotated))]
    if len(containers(pod)) > 1:
        session.tell(f'Defaulted container "{main[0]["name"]}" out of: {all_names(pod)}')
    return [Source(item, str(main[0]["name"]))]


def _query(session: Session, source: Source) -> str:
    flags = session.flags
    tail: Any = flags.number("tail")
    if flags.text("selector") and not flags.changed("tail"):
        tail = 10
    since = flags.seconds("since")
    return query_of(
        (
            ("container", source.container),
            ("follow", "true" if flags.on("follow") else ""),
            ("previous", "true" if flags.on("previous") else ""),
            ("timestamps", "true" if flags.on("timestamps") else ""),
            ("sinceSeconds", int(since + 0.999) if since else ""),
            ("sinceTime", flags.text("since-time")),
            ("tailLines", tail if tail >= 0 else ""),
            ("limitBytes", flags.number("limit-bytes") or ""),
            (
                "insecureSkipTLSVerifyBackend",
                "true" if flags.on("insecure-skip-tls-verify-backend") else "",
            ),
        )
    )


def _copy(session: Session, source: Source, lock: Any = None) -> None:
    """One log to standard output, line by line; with --prefix each line tells where it comes from."""
    try:
        response = session.client.stream(source.pod.path("log") + _query(session, source), "*/*")
    except StatusFailure as error:
        if session.flags.on("ignore-errors"):
            session.print(f"error: {error.message}")
            return
        raise
    prefixed = session.flags.on("prefix") or session.flags.on("all-pods")
    prefix = f"[pod/{source.pod.name}/{source.container}] ".encode() if prefixed else b""
    if not prefix and lock is None:
        for data in response.chunks():
            write_bytes(session.out, data)
    else:
        whole_lines, rest = lock or allocate_lock(), b""
        for data in response.chunks():
            *lines, rest = (rest + data).split(b"\n")
            with whole_lines:
                write_bytes(session.out, b"".join(prefix + line + b"\n" for line in lines))
        if rest:
            with whole_lines:
                write_bytes(session.out, prefix + rest + b"\n")
    session.client.release(response.connection)


def _together(session: Session, sources: list[Source]) -> None:
    """Several followed logs, a thread each; lines stay whole."""
    from threading import Lock, Thread

    lock = Lock()
    errors: list[BaseException] = []

    def follow(source: Source) -> None:
        try:
            _copy(session, source, lock)
        except Exception as error:
            errors.append(error)

    threads = [Thread(target=follow, args=(source,), daemon=True) for source in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
