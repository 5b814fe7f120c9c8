"""`apply --prune`: delete what an earlier apply made and this one no longer names."""

from __future__ import annotations

from ..client import query_of
from ..errors import CommandError, StatusFailure
from ..objects.deletion import delete_options
from ..objects.item import Item
from ..objects.mutation import LAST_APPLIED, suffix_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..discovery import Resource
    from ..session import Session

_DEFAULT = (
    "v1/ConfigMap v1/Endpoints v1/Namespace v1/PersistentVolumeClaim v1/PersistentVolume v1/Pod "
    "v1/ReplicationController v1/Secret v1/Service batch/v1/Job batch/v1/CronJob networking.k8s.io/v1/Ingress "
    "apps/v1/DaemonSet apps/v1/Deployment apps/v1/ReplicaSet apps/v1/StatefulSet"
).split()


def check(session: Session) -> None:
    """The allowlist must be well formed. CommandError."""
    _kinds(session)


def _kinds(session: Session) -> list[Resource]:
    given = session.flags.many("prune-allowlist")
    found: list[Resource] = []
    for word in given or _DEFAULT:
        parts = word.split("/")
        if given:
            if len(parts) != 3:
                raise CommandError(f"invalid GroupVersionKind format: {word}, please follow <group/version/kind>")
            group, version, kind = ("" if parts[0] == "core" else parts[0]), parts[1], parts[2]
            api_version = f"{group}/{version}" if group else version
        else:
            api_version, kind = "/".join(parts[:-1]), parts[-1]
        from ..mapper import NoKind

        try:
            found.append(session.mapper.kind(api_version, kind))
        except NoKind as error:
            if given:
                raise CommandError(str(error)) from None
    return found


def unnamed(session: Session, applied: list[Item], selector: str = "") -> Iterator[Item]:
    """What an apply made and `applied` does not have: of namespaced kinds in the namespaces touched, then of others."""
    namespaces = sorted({item.namespace for item in applied if item.namespace})
    kept = {str((item.obj.get("metadata") or {}).get("uid")) for item in applied}
    kinds = _kinds(session)
    places = [(kind, namespace) for namespace in namespaces for kind in kinds if kind.namespaced]
    for resource, namespace in [*places, *((kind, "") for kind in kinds if not kind.namespaced)]:
        path = resource.path(namespace) + query_of((("labelSelector", selector),))
        for obj in session.client.get(path).get("items") or ():
            metadata = obj.get("metadata") or {}
            if LAST_APPLIED in (metadata.get("annotations") or {}) and metadata.get("uid") not in kept:
                obj.setdefault("kind", resource.kind)
                obj.setdefault("apiVersion", resource.api_version)
                yield Item(session.client, resource, namespace, metadata["name"], obj)


def prune(session: Session, applied: list[Item], dry_run: str) -> None:
    """Delete what is no longer named, and tell."""
    from ..commands.delete import cascade_of

    flags = session.flags
    for item in unnamed(session, applied, flags.text("selector")):
        if dry_run != "client":
            options = delete_options(flags.number("grace-period"), cascade_of(session))
            if dry_run == "server":
                options["dryRun"] = ["All"]
            try:
                item.delete(options)
            except StatusFailure as error:
                raise CommandError(f"error pruning namespaced object {item.resource.name}: {error.message}") from None
        session.print(f"{item.label()} pruned{suffix_of(dry_run)}")
