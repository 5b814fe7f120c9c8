"""Config maps, secrets, downward API items and tokens as files: relative path -> `FileContent`.

The four volume kinds that show API objects share these functions; a projected volume merges several results. Error
texts are those a user of upstream knows from the FailedMount event.
"""

import os
from collections.abc import Mapping, Sequence
from typing import TypeVar

from pybernetes.api.core import (
    ConfigMap,
    DownwardAPIVolumeFile,
    KeyToPath,
    Pod,
    Secret,
    ServiceAccountTokenProjection,
)
from pybernetes.api.status import StatusError, is_not_found

from ..downward import DownwardError, container_named, field_value, resource_value
from .atomic_writer import FileContent, PayloadError, write_payload
from .ownership import set_group
from .volume import MountContext, SetUpError

T = TypeVar("T")

Payload = dict[str, FileContent]
DEFAULT_MODE = 0o644
PRIVATE_MODE = 0o600
DEFAULT_TOKEN_SECONDS = 3600


async def _fetch(context: MountContext, kind: type[T], word: str, name: str, optional: bool) -> T | None:
    """The object, or None when it is missing and may be."""
    try:
        return await context.objects.get(kind, name, context.namespace)
    except StatusError as error:
        if not is_not_found(error):
            raise SetUpError(error.message) from error
        if optional:
            return None
        raise SetUpError(f'{word} "{name}" not found') from error


def select_keys(
    data: Mapping[str, bytes],
    items: Sequence[KeyToPath] | None,
    default_mode: int,
    *,
    optional: bool,
    missing: str,
) -> Payload:
    """Every key as a file of its name, or the items' keys at the items' paths. SetUpError for a key that is missing."""
    if not items:
        return {key: FileContent(value, default_mode) for key, value in data.items()}
    payload: Payload = {}
    for item in items:
        value = data.get(item.key or "")
        if value is None:
            if optional:
                continue
            raise SetUpError(f"{missing}: {item.key}")
        payload[item.path or ""] = FileContent(value, item.mode if item.mode is not None else default_mode)
    return payload


async def config_map_payload(
    context: MountContext, name: str, items: Sequence[KeyToPath] | None, optional: bool | None, mode: int
) -> Payload:
    """The files of a config map."""
    found = await _fetch(context, ConfigMap, "configmap", name, bool(optional))
    data: dict[str, bytes] = {}
    if found is not None:
        data.update({key: text.encode() for key, text in (found.data or {}).items()})
        data.update(found.binary_data or {})
    missing = "configmap references non-existent config key"
    return select_keys(data, items, mode, optional=bool(optional), missing=missing)


async def secret_payload(
    context: MountContext, name: str, items: Sequence[KeyToPath] | None, optional: bool | None, mode: int
) -> Payload:
    """The files of a secret."""
    found = await _fetch(context, Secret, "secret", name, bool(optional))
    data = dict(found.data or {}) if found is not None else {}
    missing = "references non-existent secret key"
    return select_keys(data, items, mode, optional=bool(optional), missing=missing)


def downward_payload(context: MountContext, items: Sequence[DownwardAPIVolumeFile] | None, mode: int) -> Payload:
    """The files of downward API items."""
    payload: Payload = {}
    try:
        for item in items or ():
            if item.field_ref is not None:
                text = field_value(context.pod, item.field_ref.field_path or "", {"spec.nodeName": context.node_name})
            elif item.resource_field_ref is not None:
                source = item.resource_field_ref
                container = container_named(context.pod, source.container_name or "")
                divisor = source.divisor or ""
                text = resource_value(context.pod, container, source.resource or "", divisor, context.node_allocatable)
            else:
                continue
            payload[item.path or ""] = FileContent(text.encode(), item.mode if item.mode is not None else mode)
    except DownwardError as error:
        raise SetUpError(str(error)) from error
    return payload


def common_user(pod: Pod) -> int | None:
    """The user all containers of the pod run as, None when they differ or some do not say."""
    shared = pod.spec.security_context.run_as_user if pod.spec.security_context is not None else None
    users: set[int | None] = set()
    for container in [*(pod.spec.init_containers or ()), *(pod.spec.containers or ())]:
        own = container.security_context.run_as_user if container.security_context is not None else None
        users.add(own if own is not None else shared)
    return users.pop() if len(users) == 1 else None


async def token_payload(context: MountContext, source: ServiceAccountTokenProjection, mode: int) -> Payload:
    """A service-account token bound to the pod, readable by the user or the group of the pod only (KEP-2451)."""
    seconds = source.expiration_seconds if source.expiration_seconds is not None else DEFAULT_TOKEN_SECONDS
    try:
        token = await context.tokens.token(context.pod, source.audience or "", seconds)
    except StatusError as error:
        raise SetUpError(f"failed to fetch token: {error.message}") from error
    owner = common_user(context.pod)
    if owner is not None or context.fs_group is not None:
        mode = PRIVATE_MODE
    return {source.path or "": FileContent(token.encode(), mode, owner)}


def show(context: MountContext, payload: Payload) -> str:
    """Swap the payload into the volume's directory and give that to the pod's group; the directory.

    The group may read only, as these volumes are not for writing. SetUpError for a path that leaves the volume."""
    try:
        write_payload(
            context.directory,
            payload,
            context.now,
            lambda volume: set_group(volume, context.fs_group, read_only=True),
        )
    except PayloadError as error:
        raise SetUpError(str(error)) from error
    return context.directory


def private_directory(context: MountContext) -> None:
    """The volume's directory on a tmpfs of its own, so that its content never reaches a disk."""
    os.makedirs(context.directory, 0o777, exist_ok=True)
    if not context.kernel.is_mount_point(context.directory):
        context.kernel.mount_tmpfs(context.directory, mode=0o777)


def public_directory(context: MountContext) -> None:
    """The volume's directory on the kubelet's file system."""
    os.makedirs(context.directory, exist_ok=True)
    os.chmod(context.directory, 0o777)
