"""EncryptionConfiguration (apiserver.config.k8s.io/v1): which resources are encrypted how."""

import base64
import binascii
from pathlib import Path
from typing import Any

from ...api.resource import resources
from .providers import AesCbc, AesGcm, Identity, Keyed, Provider, SecretBox

Object = dict[str, Any]
_SIZES = {"aescbc": (16, 24, 32), "aesgcm": (16, 24, 32), "secretbox": (32,)}
_KINDS: dict[str, type[Keyed]] = {"aescbc": AesCbc, "aesgcm": AesGcm, "secretbox": SecretBox}
_NEVER = frozenset({"events", "events.events.k8s.io"})
ROOT = "/registry/"


class Encryption:
    """`providers_for(key)` finds the way of a storage key; None when its resource is stored as it is."""

    def __init__(self, rows: list[tuple[list[str], list[Provider]]]) -> None:
        self._rows = rows
        self._known: dict[str, list[Provider] | None] = {}
        self._built_in = {info.storage_prefix: info.group_resource for info in resources().values()}

    def providers_for(self, key: str) -> list[Provider] | None:
        """In order: the first writes, all read."""
        parts = key.split("/", 4)
        short, long = "/".join(parts[:3]), "/".join(parts[:4])
        prefix = short if short in self._built_in else long
        if prefix not in self._known:
            if prefix in self._built_in:
                name = self._built_in[prefix]
            else:
                name = f"{parts[3]}.{parts[2]}" if len(parts) > 3 else ""
            self._known[prefix] = self._find(name)
        return self._known[prefix]

    def _find(self, group_resource: str) -> list[Provider] | None:
        if group_resource in _NEVER:
            return None
        plural, _, group = group_resource.partition(".")
        for names, providers in self._rows:
            if group_resource in names or f"*.{group}" in names or "*.*" in names or (plural in names and not group):
                return providers
        return None


def load(path: str) -> Encryption:
    """Read a file. ValueError says what is wrong in it, without showing a key; OSError."""
    from ..yaml_body import load as load_yaml

    document = load_yaml(Path(path).read_bytes())
    if not isinstance(document, dict) or document.get("kind") != "EncryptionConfiguration":
        raise ValueError(f"{path}: expected an EncryptionConfiguration")
    rows: list[tuple[list[str], list[Provider]]] = []
    for index, row in enumerate(document.get("resources") or ()):
        where = f"resources[{index}]"
        names = [str(name) for name in row.get("resources") or ()]
        if not names:
            raise ValueError(f"{where}.resources: Required value: resources must contain at least one resource")
        providers = [_provider(entry, f"{where}.providers[{i}]") for i, entry in enumerate(row.get("providers") or ())]
        if not providers:
            raise ValueError(f"{where}.providers: Required value: provider must contain at least one of the providers")
        rows.append((names, providers))
    if not rows:
        raise ValueError(f"{path}: resources: Required value: at least one resource must be configured")
    return Encryption(rows)


def _provider(entry: Object, path: str) -> Provider:
    if len(entry) != 1:
        raise ValueError(f"{path}: Invalid value: more than one provider specified in a single element")
    ((name, config),) = entry.items()
    if name == "identity":
        return Identity()
    if name not in _KINDS:
        raise ValueError(f'{path}: Unsupported value: "{name}": supported values: {", ".join((*_KINDS, "identity"))}')
    keys: list[tuple[str, bytes]] = []
    for index, row in enumerate((config or {}).get("keys") or ()):
        here = f"{path}.{name}.keys[{index}]"
        key_name = str(row.get("name") or "")
        if not key_name or ":" in key_name:
            raise ValueError(f"{here}.name: Required value: a name without a colon must be set")
        try:
            secret = base64.b64decode(str(row.get("secret") or ""), validate=True)
        except binascii.Error:
            raise ValueError(f"{here}.secret: Invalid value: secrets must be base64 encoded") from None
        if len(secret) not in _SIZES[name]:
            shown = " ".join(map(str, _SIZES[name]))
            words = f"secret is not of the expected length, got {len(secret)}, expected one of [{shown}]"
            raise ValueError(f"{here}.secret: Invalid value: {words}")
        keys.append((key_name, secret))
    if not keys:
        raise ValueError(f"{path}.{name}.keys: Required value: at least one key must be set")
    return _KINDS[name](keys)
