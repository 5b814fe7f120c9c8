"""`kubectl drain`: cordon a node and evict its pods, as budgets allow."""

from __future__ import annotations

import time

from ..errors import CommandError, Several, StatusFailure
from ..objects.builder import Options, listed
from ..objects.deletion import wait_until_gone
from ..objects.item import Item
from ..objects.mutation import dry_run_of, suffix_of
from ..output.go_json import compact
from .cordon import cordon, nodes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

FLAGS = (
    "chunk-size=500 delete-emptydir-data=false disable-eviction=false "
    "dry-run='none' force=false "
    "grace-period=-1 ignore-daemonsets=false pod-selector='' -l,selector='' skip-wait-for-delete-timeout=0 timeout=0s"
)
_MIRROR = "kubernetes.io/config.mirror"
_RETRY_SECONDS = 5.0


def run(session: Session) -> int:
    dry_run = dry_run_of(session)
    found = nodes(session)
    if found.errors:
        raise found.errors[0]
    for item in found.items:
        cordon(session, item, wanted=True, dry_run=dry_run)
    failures: dict[str, Several] = {}
    for item in found.items:
        try:
            _drain(session, item, dry_run)
        except Several as error:
            failures[item.name] = error
            session.tell(
                f'error: unable to drain node "{item.name}" due to error: {_joined(error)}, continuing command...'
            )
            continue
        session.print(f"node/{item.name} drained{suffix_of(dry_run)}")
    if failures:
        session.tell("There are pending nodes to be drained:\n" + "\n".join(f" {name}" for name in failures))
        first, *others = failures.values()
        lines = [_joined(one) for one in failures.values()] if others else [str(one) for one in first.errors]
        raise CommandError("\n".join(lines), prefix="")
    return 0


def _joined(several: Several) -> str:
    """Several errors as one text, as Go's aggregates print them."""
    words = list(dict.fromkeys(str(error) for error in several.errors))
    return words[0] if len(words) == 1 else f"[{', '.join(words)}]"


def _drain(session: Session, node: Item, dry_run: str) -> None:
    """Several with all that stands in the way."""
    chosen, errors, warnings = _for_deletion(session, node)
    if errors:
        raise Several(errors)
    if warnings:
        session.tell(f"Warning: {warnings}")
    resource = session.mapper.resource("pods")
    items = [
        Item(session.client, resource, pod["metadata"]["namespace"], pod["metadata"]["name"], pod) for pod in chosen
    ]
    deadline = time.monotonic() + (session.flags.seconds("timeout") or 7 * 24 * 3600)
    if dry_run == "client":
        for item in items:
            session.print(f"evicting pod {item.namespace}/{item.name}{suffix_of(dry_run)}")
        return
    remove = _delete if session.flags.on("disable-eviction") else _evict
    results = session.client.each(lambda item: remove(session, item, deadline, dry_run), items)
    failed = [result for result in results if isinstance(result, Exception)]
    if failed:
        several = Several(failed)
        pending, again, _ = _for_deletion(session, node)
        if pending:
            session.tell(f'There are pending pods in node "{node.name}" when an error occurred: {_joined(several)}')
            session.tell("\n".join(f"pod/{pod['metadata']['name']}" for pod in pending))
        if again:
            session.tell(
                f"Following errors occurred while getting the list of pods to delete:\n{_joined(Several(again))}"
            )
        raise several


def _for_deletion(session: Session, node: Item) -> tuple[list[dict[str, Any]], list[Exception], str]:
    """The pods of a node that may be removed, what forbids it, and what to warn of."""
    flags = session.flags
    options = Options(
        field_selector=f"spec.nodeName={node.name}",
        selector=flags.text("pod-selector"),
        chunk=flags.number("chunk-size"),
    )
    try:
        pods = list(listed(session, session.mapper.resource("pods"), "", options))
    except StatusFailure as error:
        return [], [error], ""
    chosen, warnings, errors = judged(session, pods)
    words = [CommandError(f"cannot delete {why}: {', '.join(names)}") for why, names in errors.items()]
    return chosen, list(words), "; ".join(f"{why}: {', '.join(names)}" for why, names in warnings.items())


_LOCAL = "Pods with local storage (use --delete-emptydir-data to override)"
_DAEMON = "DaemonSet-managed Pods (use --ignore-daemonsets to ignore)"
_BARE = "Pods that declare no controller (use --force to override)"


def judged(
    session: Session, pods: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], dict[str, list[str]], dict[str, list[str]]]:
    """Pods to remove, what to warn of, and what forbids the drain, by reason."""
    flags = session.flags
    chosen: list[dict[str, Any]] = []
    warnings: dict[str, list[str]] = {}
    errors: dict[str, list[str]] = {}
    local_ok = flags.on("delete-emptydir-data")
    skip_seconds = flags.number("skip-wait-for-delete-timeout")
    for pod in pods:
        metadata, spec = pod["metadata"], pod.get("spec") or {}
        name = f"{metadata['namespace']}/{metadata['name']}"
        done = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
        owner = next((o for o in metadata.get("ownerReferences") or () if o.get("controller")), None)
        if _MIRROR in (metadata.get("annotations") or {}):
            continue
        if skip_seconds and metadata.get("deletionTimestamp"):
            from ..output.age import seconds_of

            if time.time() - seconds_of(metadata["deletionTimestamp"]) > skip_seconds:
                continue
        if owner is not None and owner["kind"] == "DaemonSet" and not done:
            failure = _failure(session, metadata["namespace"], owner["name"])
            if failure is not None and failure.reason == "NotFound" and flags.on("force"):
                chosen.append(pod)
            elif failure is not None:
                errors.setdefault(failure.message, []).append(name)
            elif flags.on("ignore-daemonsets"):
                warnings.setdefault("ignoring DaemonSet-managed Pods", []).append(name)
            else:
                errors.setdefault(_DAEMON, []).append(name)
            continue
        holds_data = not done and any("emptyDir" in volume for volume in spec.get("volumes") or ())
        if holds_data and not local_ok:
            errors.setdefault(_LOCAL, []).append(name)
            continue
        if owner is None and not done:
            if not flags.on("force"):
                errors.setdefault(_BARE, []).append(name)
                continue
            warnings.setdefault("deleting Pods that declare no controller", []).append(name)
        chosen.append(pod)
    return chosen, warnings, errors


def _failure(session: Session, namespace: str, name: str) -> StatusFailure | None:
    """What the server says instead of showing a DaemonSet."""
    try:
        session.client.get(f"/apis/apps/v1/namespaces/{namespace}/daemonsets/{name}")
    except StatusFailure as error:
        return error
    return None


def _options(session: Session, dry_run: str) -> dict[str, Any]:
    grace = session.flags.number("grace-period")
    options: dict[str, Any] = {"gracePeriodSeconds": grace} if grace >= 0 else {}
    if dry_run == "server":
        options["dryRun"] = ["All"]
    return options


def _delete(session: Session, item: Item, deadline: float, dry_run: str) -> None:
    """Without asking budgets."""
    try:
        item.delete(_options(session, dry_run))
    except StatusFailure as error:
        if error.reason != "NotFound":
            raise
    if dry_run != "none" or _await_end(session, item, deadline):
        session.print(f"pod/{item.name} deleted{suffix_of(dry_run)}")


def _evict(session: Session, item: Item, deadline: float, dry_run: str) -> None:
    """Again and again while a budget forbids it; then wait until the pod is gone."""
    body = {
        "kind": "Eviction",
        "apiVersion": "policy/v1",
        "metadata": {"name": item.name, "namespace": item.namespace},
        "deleteOptions": _options(session, dry_run),
    }
    about = f'error when evicting pods/"{item.name}" -n "{item.namespace}"'
    while True:
        session.print(f"evicting pod {item.namespace}/{item.name}{suffix_of(dry_run)}")
        session.out.flush()
        if time.monotonic() > deadline:
            raise CommandError(f"{about}: {_timed_out(session)}")
        try:
            session.client.call("POST", item.path("eviction"), body=compact(body).encode())
            break
        except StatusFailure as error:
            if error.reason == "NotFound":
                return
            if error.code != 429:
                raise CommandError(f"{about}: {error.message}") from None
            session.tell(f"{about} (will retry after 5s): {error.message}")
            time.sleep(_RETRY_SECONDS)
    if dry_run == "none":
        try:
            gone = _await_end(session, item, deadline)
        except CommandError as error:
            raise CommandError(
                f'error when waiting for pod "{item.name}" in namespace "{item.namespace}" to terminate: {error}'
            ) from None
        if gone:
            session.print(f"pod/{item.name} evicted")


def _await_end(session: Session, item: Item, deadline: float) -> bool:
    """Is it gone? False when it has been on its way for so long that it is not waited for. CommandError."""
    uid = str(item.obj["metadata"].get("uid") or "")
    skip_seconds = session.flags.number("skip-wait-for-delete-timeout")
    until = min(deadline, time.monotonic() + skip_seconds) if skip_seconds > 0 else deadline
    while True:
        try:
            wait_until_gone(session, item, uid, max(0.01, until - time.monotonic()))
            return True
        except CommandError:
            if time.monotonic() >= deadline or skip_seconds <= 0:
                raise CommandError(_timed_out(session)) from None
        try:
            left = _skipped_in(item.get(), skip_seconds)
        except StatusFailure as error:
            if error.reason != "NotFound":
                raise
            return True
        if left <= 0:
            session.print(f'pod "{item.name}" has DeletionTimestamp older than {skip_seconds} seconds, skipping')
            return False
        until = min(deadline, time.monotonic() + left)


def _skipped_in(pod: dict[str, Any], skip_seconds: int) -> float:
    """The seconds after which a pod that is being deleted is no longer waited for."""
    from ..output.age import seconds_of

    begun = pod["metadata"].get("deletionTimestamp")
    return skip_seconds + 1 - (time.time() - seconds_of(begun) if begun else 0.0)


def _timed_out(session: Session) -> str:
    return f"global timeout reached: {_shown(session.flags.seconds('timeout'))}"


def _shown(seconds: float) -> str:
    from pybernetes.api.duration import format_seconds

    return format_seconds(seconds)
