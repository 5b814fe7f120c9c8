"""`apply --prune --applyset=PARENT` (KEP-3659): a parent object remembers which kinds and namespaces its members have.

Before applying, the parent is brought to the union of what it remembers and what the files hold; members carry its id
as a label; members that are not applied any more are deleted; then the parent is brought to what there is.
"""

from __future__ import annotations

import os

from ... import KUBERNETES_VERSION
from ..client import query_of
from ..errors import CommandError, StatusFailure, quoted
from ..objects.deletion import delete_options
from ..objects.item import Item
from ..objects.mutation import suffix_of
from ..output.go_json import compact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..discovery import Resource
    from ..session import Session

_PREFIX = "applyset.kubernetes.io/"
_TOOLING, _KINDS = _PREFIX + "tooling", _PREFIX + "contains-group-kinds"
_NAMESPACES, _ID, PART_OF = _PREFIX + "additional-namespaces", _PREFIX + "id", _PREFIX + "part-of"


def check_flags(session: Session) -> None:
    """CommandError for combinations that cannot be."""
    flags = session.flags
    if os.environ.get("KUBECTL_APPLYSET", "").lower() not in ("true", "1"):
        raise CommandError("unknown flag: --applyset\nSee 'kubectl apply --help' for usage.")
    if not flags.on("prune"):
        raise CommandError("--applyset requires --prune")
    for name in ("all", "selector"):
        if flags.changed(name):
            raise CommandError(f"--{name} is incompatible with --applyset")
    if flags.many("prune-allowlist"):
        raise CommandError("--prune-allowlist is incompatible with --applyset")


class ApplySet:
    """The parent and what it remembers."""

    def __init__(self, session: Session) -> None:
        self._session = session
        word, slash, name = session.flags.text("applyset").partition("/")
        resource = session.mapper.resource(word if slash else "secrets")
        if not _may_be_parent(session, resource):
            where = f"{resource.group}/{resource.version}"
            raise CommandError(
                f"resource {quoted(f'{where}, Resource={resource.name}')} is not permitted as an ApplySet parent"
            )
        if resource.namespaced and not session.target.namespace_given:
            raise CommandError("namespace is required to use namespace-scoped ApplySet")
        self._parent = Item(session.client, resource, session.scope(resource), name if slash else word)
        self._namespaces: set[str] = set()
        self._kinds: set[str] = set()
        self.id = self._identity()

    def _identity(self) -> str:
        from binascii import b2a_base64
        from hashlib import sha256

        parent = self._parent
        text = f"{parent.name}.{parent.namespace}.{parent.resource.kind}.{parent.resource.group}"
        digest = b2a_base64(sha256(text.encode()).digest(), newline=False).decode()
        return f"applyset-{digest.translate(str.maketrans('+/', '-_')).rstrip('=')}-v1"

    def read(self) -> None:
        """What the parent remembers, when there is one. CommandError when it is no parent of ours."""
        try:
            metadata = self._parent.get()["metadata"]
        except StatusFailure as error:
            if error.reason != "NotFound":
                raise
            return
        parent = f'"{self._parent.resource.name}.{self._parent.resource.group}/{self._parent.name}"'
        annotations, labels = metadata.get("annotations") or {}, metadata.get("labels") or {}
        head = f"ApplySet parent object {parent} already exists and"
        if _TOOLING not in annotations:
            raise CommandError(f"{head} is missing required annotation {quoted(_TOOLING)}")
        if not annotations[_TOOLING].startswith("kubectl/"):
            raise CommandError(f"{head} tooling is {annotations[_TOOLING]}, not kubectl")
        if labels.get(_ID) != self.id:
            raise CommandError(f"{head} has incorrect value for required label {quoted(_ID)}")
        self._kinds = {kind for kind in annotations.get(_KINDS, "").split(",") if kind}
        self._namespaces = {name for name in annotations.get(_NAMESPACES, "").split(",") if name}

    def adopt(self, items: list[Item]) -> None:
        """Label the members."""
        for item in items:
            metadata = item.obj["metadata"]
            labels = metadata.get("labels") or {}
            if PART_OF in labels:
                raise CommandError(f"ApplySet label {quoted(PART_OF)} already set in input data")
            metadata["labels"] = {**labels, PART_OF: self.id}

    def save(self, items: list[Item], dry_run: str, *, exactly: bool) -> None:
        """Write down kinds and namespaces: of the items, and unless `exactly` of what was remembered."""
        kinds = {_group_kind(item) for item in items} | (set() if exactly else self._kinds)
        namespaces = {item.namespace for item in items if item.namespace} | (set() if exactly else self._namespaces)
        namespaces.discard(self._parent.namespace)
        resource = self._parent.resource
        metadata = {
            "name": self._parent.name,
            "annotations": {
                _TOOLING: f"kubectl/{KUBERNETES_VERSION}",
                _KINDS: ",".join(sorted(kinds)),
                _NAMESPACES: ",".join(sorted(namespaces)),
            },
            "labels": {_ID: self.id},
        }
        if self._parent.namespace:
            metadata["namespace"] = self._parent.namespace
        if dry_run == "client":
            return
        body = compact({"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata})
        query = {"fieldManager": "kubectl-applyset", "force": "true"}
        if dry_run == "server":
            query["dryRun"] = "All"
        self._parent.patch("apply", body.encode(), **query)

    def prune(self, applied: list[Item], dry_run: str) -> None:
        """Delete members that were not applied."""
        from ..commands.delete import cascade_of

        session = self._session
        kept = {str((item.obj.get("metadata") or {}).get("uid")) for item in applied}
        kinds = self._kinds | {_group_kind(item) for item in applied}
        namespaces = self._namespaces | {item.namespace for item in applied if item.namespace}
        namespaces |= {self._parent.namespace} - {""}
        query = query_of((("labelSelector", f"{PART_OF}={self.id}"),))
        for kind in sorted(kinds):
            resource = _resource(session, kind)
            for namespace in sorted(namespaces) if resource.namespaced else [""]:
                for obj in session.client.get(resource.path(namespace) + query).get("items") or ():
                    if obj["metadata"].get("uid") in kept:
                        continue
                    item = Item(session.client, resource, namespace, obj["metadata"]["name"], obj)
                    if dry_run != "client":
                        options = delete_options(session.flags.number("grace-period"), cascade_of(session))
                        item.delete({**options, "dryRun": ["All"]} if dry_run == "server" else options)
                    session.print(f"{item.label()} pruned{suffix_of(dry_run)}")


def _may_be_parent(session: Session, resource: Resource) -> bool:
    """Secrets, config maps, and custom resources whose definition says so."""
    if not resource.group:
        return resource.name in ("secrets", "configmaps")
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{resource.full_name}"
    try:
        definition = session.client.get(path)
    except StatusFailure:
        return False
    return _PREFIX + "is-parent-type" in (definition["metadata"].get("labels") or {})


def _group_kind(item: Item) -> str:
    return f"{item.resource.kind}.{item.resource.group}" if item.resource.group else item.resource.kind


def _resource(session: Session, kind: str) -> Resource:
    name, _, group = kind.partition(".")
    for resource in session.mapper.discovery.resources:
        if resource.kind == name and resource.group == group:
            return resource
    raise CommandError(
        f"could not find mapping for kind in {quoted(_KINDS)} annotation: no matches for kind {quoted(name)}"
    )
