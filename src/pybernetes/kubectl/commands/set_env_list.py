"""`kubectl set env --list`: the variables of each container as they are or would be, with `--resolve` their values."""

from __future__ import annotations

from copy import deepcopy

from ..errors import CommandError, StatusFailure
from ..objects.pod_specs import spec_of
from ..objects.settings import containers_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..objects.builder import Collected
    from ..objects.item import Item
    from ..session import Session


def show_each(session: Session, found: Collected, change: Callable[[dict[str, Any]], None]) -> None:
    """Nothing is sent. Objects without a pod spec have nothing to show; Several for what cannot be resolved."""
    read: dict[str, dict[str, Any]] = {}
    for item in found.items:
        after = deepcopy(item.obj)
        spec = spec_of(after)
        if spec is None:
            continue
        try:
            change(after)
        except CommandError as error:
            found.errors.append(CommandError(f"error: {item.resource.name}/{item.name} {error.message}\n"))
            continue
        unresolved: dict[str, list[str]] = {}
        for container in containers_of(spec, session.flags.text("containers")):
            session.print(f"# {item.resource.kind} {item.name}, container {container['name']}")
            for variable in container.get("env") or ():
                _show(session, item, variable, read, unresolved)
        for why, names in unresolved.items():
            text = f"error retrieving reference for {', '.join(sorted(names))}: {why}"
            found.errors.append(CommandError(f"error: {item.resource.name}/{item.name} {text}\n"))
    found.raise_errors()


def _show(
    session: Session,
    item: Item,
    variable: dict[str, Any],
    read: dict[str, dict[str, Any]],
    unresolved: dict[str, list[str]],
) -> None:
    name, source = variable["name"], variable.get("valueFrom")
    if source is None:
        session.print(f"{name}={variable.get('value', '')}")
        return
    if session.flags.on("resolve"):
        try:
            session.print(f"{name}={_value(session, item, source, read)}")
            return
        except (CommandError, StatusFailure) as error:
            unresolved.setdefault(error.message, []).append(name)
    session.print(f"# {name} from {_source(source)}")


def _value(session: Session, item: Item, source: dict[str, Any], read: dict[str, dict[str, Any]]) -> str:
    """What a variable is taken from. CommandError, StatusFailure."""
    for field, kind, noun in (("secretKeyRef", "Secret", "secret"), ("configMapKeyRef", "ConfigMap", "config map")):
        reference = source.get(field)
        if not reference:
            continue
        name, key = reference.get("name", ""), reference.get("key", "")
        resource = session.mapper.builtin("v1", kind)
        path = resource.path(item.namespace or session.namespace, name)
        if path not in read:
            read[path] = session.client.get(path)
        data = read[path].get("data") or {}
        if key not in data:
            raise CommandError(f"key {key} not found in {noun} {name}")
        return _decoded(data[key]) if kind == "Secret" else str(data[key])
    if source.get("fieldRef"):
        return _field(item.obj.get("metadata") or {}, str(source["fieldRef"].get("fieldPath") or ""))
    raise CommandError("invalid valueFrom")


def _decoded(text: str) -> str:
    from binascii import a2b_base64

    return a2b_base64(text).decode("utf-8", "replace")


def _field(metadata: dict[str, Any], path: str) -> str:
    if path in ("metadata.name", "metadata.namespace"):
        return str(metadata.get(path.partition(".")[2]) or "")
    if path in ("metadata.labels", "metadata.annotations"):
        pairs = metadata.get(path.partition(".")[2]) or {}
        return "\n".join(f'{key}="{pairs[key]}"' for key in sorted(pairs))
    raise CommandError(f"unsupported fieldPath: {path}")


def _source(source: dict[str, Any]) -> str:
    if "secretKeyRef" in source:
        return f"secret {source['secretKeyRef']['name']}, key {source['secretKeyRef']['key']}"
    if "configMapKeyRef" in source:
        return f"configmap {source['configMapKeyRef']['name']}, key {source['configMapKeyRef']['key']}"
    if "fieldRef" in source:
        return f"field path {source['fieldRef']['fieldPath']}"
    if "resourceFieldRef" in source:
        reference = source["resourceFieldRef"]
        return (
            f"resource field {reference['resource']}"
            if not reference.get("containerName")
            else (f"resource field {reference['containerName']}/{reference['resource']}")
        )
    return "invalid valueFrom"
