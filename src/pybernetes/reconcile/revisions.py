"""Template hashes and ControllerRevisions: the history of DaemonSets and StatefulSets.

A revision holds the pod template as the patch that restores it (`kubectl rollout undo` applies it). Revisions are
numbered; the one equal to the current template is the newest: an old one that is used again gets the next number.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from ..api.apps import ControllerRevision
from ..api.codec import decode, to_wire
from ..api.core import PodTemplateSpec
from ..api.meta import ObjectMeta
from ..api.status import StatusError, is_already_exists, is_not_found
from ..client.client import Client
from .ownership import controller_reference, is_controlled_by

_SAFE_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""No vowels and no lookalikes: a hash never spells a word (apimachinery `util/rand`)."""
_encode = msgspec.json.Encoder(order="deterministic").encode


def stable_hash(value: Any, collision_count: int = 0) -> str:
    """Ten letters that differ for different values; the same in every process and version of Python."""
    digest = blake2b(_encode(value) + b"\0%d" % collision_count, digest_size=10).digest()
    return "".join(_SAFE_LETTERS[byte % len(_SAFE_LETTERS)] for byte in digest)


def template_patch(template: PodTemplateSpec) -> dict[str, Any]:
    """The patch that makes an owner's template equal to this one.

    Its keys are sorted: clients find the current revision by comparing its bytes with what Go encodes for a map.
    """
    sorted_patch: dict[str, Any] = msgspec.json.decode(
        _encode({"spec": {"template": {**to_wire(template), "$patch": "replace"}}})
    )
    return sorted_patch


def newest_number(revisions: Iterable[ControllerRevision]) -> int:
    """The highest number in use, 0 for none."""
    return max((revision.revision for revision in revisions), default=0)


class Current(msgspec.Struct, frozen=True):
    """The revision of the current template, and how often its hash collided with another template's."""

    revision: ControllerRevision
    collision_count: int


async def current_revision(
    client: Client,
    owner: Any,
    template: PodTemplateSpec,
    revisions: Sequence[ControllerRevision],
    *,
    hash_label: str,
    labels: dict[str, str] | None,
) -> Current:
    """The revision of the owner's current template, created or renumbered as needed.

    StatusError Conflict when the cache was behind: the key comes back.
    """
    data = template_patch(template)
    number = newest_number(revisions) + 1
    collisions = owner.status.collision_count or 0
    equal = [revision for revision in revisions if revision.data == data]
    if equal:
        newest = max(equal, key=lambda revision: revision.revision)
        if newest.revision == number - 1:
            return Current(newest, collisions)
        return Current(await client.update(msgspec.structs.replace(newest, revision=number)), collisions)
    while True:
        fresh = _revision(owner, data, number, stable_hash(data, collisions), hash_label, labels)
        try:
            return Current(await client.create(fresh), collisions)
        except StatusError as error:
            if not is_already_exists(error):
                raise
            existing = await client.get(ControllerRevision, fresh.metadata.name or "", fresh.metadata.namespace or "")
            if is_controlled_by(existing, owner) and existing.data == data:
                return Current(existing, collisions)
            collisions += 1


def template_of(revision: ControllerRevision) -> PodTemplateSpec:
    """The pod template a revision restores."""
    patch: dict[str, Any] = (revision.data or {})["spec"]["template"]
    template = {key: value for key, value in patch.items() if key != "$patch"}
    return decode(PodTemplateSpec, _encode(template))


def _revision(
    owner: Any, data: dict[str, Any], number: int, hashed: str, hash_label: str, labels: dict[str, str] | None
) -> ControllerRevision:
    return ControllerRevision(
        metadata=ObjectMeta(
            name=f"{owner.metadata.name}-{hashed}",
            namespace=owner.metadata.namespace,
            labels={**(labels or {}), hash_label: hashed},
            annotations=dict(owner.metadata.annotations or {}) or None,
            owner_references=[controller_reference(owner)],
        ),
        data=data,
        revision=number,
    )


async def clean_up(
    client: Client, revisions: Sequence[ControllerRevision], in_use: set[str], limit: int | None
) -> None:
    """Delete the oldest revisions beyond the limit; those whose names are in use stay."""
    spare = sorted((r for r in revisions if r.metadata.name not in in_use), key=lambda r: r.revision)
    surplus = len(spare) - (10 if limit is None else limit)
    for revision in spare[: max(0, surplus)]:
        meta = revision.metadata
        try:
            await client.delete(ControllerRevision, meta.name or "", meta.namespace or "", uid=meta.uid or "")
        except StatusError as error:
            if not is_not_found(error):
                raise
