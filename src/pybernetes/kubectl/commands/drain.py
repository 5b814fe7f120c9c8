"""`kubectl drain`: cordon a node and evict its pods, as budgets allow."""

from __future__ import annotations

import time

from ..client import query_of
from ..errors import CommandError, StatusFailure
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
    "chunk-size=500 delete-emptydir-data=false delete-local-data=false disable-eviction=false "
    "dry-run='none' force=false "
    "grace-period=-1 ignore-daemonsets=false pod-selector='' -l,selector='' skip-wait-for-delete-timeout=0 timeout=0s "
    "filename=[] kustomize='' recursive=false"
)
_MIRROR = "kubernetes.io/config.mirror"
_RETRY_SECONDS = 5.0


def run(session: Session) -> int:
    dry_run = dry_run_of(session)
    found = nodes(session)
    found.raise_errors()
    for item in found.items:
        cordon(session, item, wanted=True, dry_run=dry_run)
    failures: list[str] = []
    for item in found.items:
        try:
            _drain(session, item, dry_run)
        except (CommandError, StatusFailure) as error:
            session.tell(f"There are pending nodes to be drained:\n {item.name}")
            failures.append(f'unable to drain node "{item.name}" due to error: {error}, continuing command...')
            session.tell(f"error: {failures[-1]}")
            continue
        session.print(f"node/{item.name} drained{suffix_of(dry_run)}")
    if failures:
        raise CommandError("")
    return 0


def _drain(session: Session, node: Item, dry_run: str) -> None:
    """CommandError when pods stand in the way that no flag allows to be removed."""
    flags = session.flags
    query = query_of(
        (
            ("fieldSelector", f"spec.nodeName={node.name}"),
            ("labelSelector", flags.text("pod-selector")),
            ("limit", flags.number("chunk-size") or ""),
        )
    )
    pods = session.client.get(f"/api/v1/pods{query}").get("items") or []
    chosen, warnings, errors = judged(session, pods)
    if errors:
        words = [f"cannot delete {why}: {', '.join(sorted(names))}" for why, names in errors.items()]
        shown = words[0] if len(words) == 1 else f"[{', '.join(words)}]"
        raise CommandError(shown)
    if warnings:
        session.tell("Warning: " + "; ".join(f"{why}: {', '.join(names)}" for why, names in warnings.items()))
    resource = session.mapper.resource("pods")
    items = [
        Item(session.client, resource, pod["metadata"]["namespace"], pod["metadata"]["name"], pod) for pod in chosen
    ]
    deadline = time.monotonic() + (flags.seconds("timeout") or 7 * 24 * 3600)
    if dry_run == "client":
        for item in items:
            session.print(f"evicting pod {item.namespace}/{item.name}{suffix_of(dry_run)}")
        return
    for result in session.client.each(lambda item: _evict(session, item, deadline, dry_run), items):
        if isinstance(result, Exception):
            raise result


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
    local_ok = flags.on("delete-emptydir-data") or flags.on("delete-local-data")
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
        managed = owner is not None and owner["kind"] == "DaemonSet" and not done
        if managed and owner is not None and _exists(session, metadata["namespace"], owner["name"]):
            if flags.on("ignore-daemonsets"):
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


def _exists(session: Session, namespace: str, name: str) -> bool:
    try:
        session.client.get(f"/apis/apps/v1/namespaces/{namespace}/daemonsets/{name}")
    except StatusFailure as error:
        return error.reason != "NotFound"
    return True


def _evict(session: Session, item: Item, deadline: float, dry_run: str) -> None:
    """Again and again while a budget forbids it; then wait until the pod is gone."""
    flags = session.flags
    grace = flags.number("grace-period")
    options: dict[str, Any] = {"gracePeriodSeconds": grace} if grace >= 0 else {}
    if dry_run == "server":
        options["dryRun"] = ["All"]
    uid = str(item.obj["metadata"].get("uid") or "")
    while True:
        session.print(f"evicting pod {item.namespace}/{item.name}{suffix_of(dry_run)}")
        session.out.flush()
        try:
            if flags.on("disable-eviction"):
                item.delete(options)
            else:
                body = {
                    "kind": "Eviction",
                    "apiVersion": "policy/v1",
                    "metadata": {"name": item.name, "namespace": item.namespace},
                    "deleteOptions": options,
                }
                session.client.call("POST", item.path("eviction"), body=compact(body).encode())
            break
        except StatusFailure as error:
            if error.reason == "NotFound":
                break
            if error.code != 429:
                raise CommandError(
                    f'error when evicting pods/"{item.name}" -n "{item.namespace}": {error.message}'
                ) from None
            session.tell(
                f'error when evicting pods/"{item.name}" -n "{item.namespace}" (will retry after 5s): {error.message}'
            )
            if time.monotonic() + _RETRY_SECONDS > deadline:
                raise CommandError(
                    f'error when evicting pods/"{item.name}" -n "{item.namespace}": global timeout reached: '
                    f"{_shown(flags.seconds('timeout'))}"
                ) from None
            time.sleep(_RETRY_SECONDS)
    if dry_run == "none":
        wait_until_gone(session, item, uid, max(0.01, deadline - time.monotonic()))
        session.print(f"pod/{item.name} evicted" if not flags.on("disable-eviction") else f"pod/{item.name} deleted")


def _shown(seconds: float) -> str:
    from pybernetes.api.duration import format_seconds

    return format_seconds(seconds)
