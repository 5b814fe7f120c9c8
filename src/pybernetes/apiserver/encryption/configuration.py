"""EncryptionConfiguration (apiserver.config.k8s.io/v1): which resources are encrypted how."""

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ...api.duration import parse_seconds
from ...api.resource import resources
from ...base.clock import SYSTEM_CLOCK, Clock
from .providers import AesCbc, AesGcm, Identity, Keyed, Provider, SecretBox

if TYPE_CHECKING:
    from .kms import Kms

Object = dict[str, Any]
_SIZES = {"aescbc": (16, 24, 32), "aesgcm": (16, 24, 32), "secretbox": (32,)}
_KINDS: dict[str, type[Keyed]] = {"aescbc": AesCbc, "aesgcm": AesGcm, "secretbox": SecretBox}
_NEVER = frozenset({"events", "events.events.k8s.io"})
ROOT = "/registry/"


class Encryption:
    """`providers_for(key)` finds the way of a storage key; None when its resource is stored as it is.

    `kms`: the providers that a key management service stands behind, by name.
    """

    kms: "Mapping[str, Kms]" = MappingProxyType({})

    def __init__(self, rows: list[tuple[list[str], list[Provider]]], kms: "Mapping[str, Kms] | None" = None) -> None:
        self._rows = rows
        if kms:
            self.kms = kms
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


def load(path: str, clock: Clock = SYSTEM_CLOCK) -> Encryption:
    """Read a file. ValueError says what is wrong in it, without showing a key; OSError."""
    return parse(Path(path).read_bytes(), path, clock)


def parse(data: bytes, path: str, clock: Clock = SYSTEM_CLOCK) -> Encryption:
    """The content of a file; the path is for messages. ValueError."""
    from ..config_documents import document_of

    document = document_of(data, path, "EncryptionConfiguration")
    rows: list[tuple[list[str], list[Provider]]] = []
    kms: dict[str, Kms] = {}
    for index, row in enumerate(document.get("resources") or ()):
        where = f"resources[{index}]"
        names = [str(name) for name in row.get("resources") or ()]
        if not names:
            raise ValueError(f"{where}.resources: Required value: resources must contain at least one resource")
        entries = enumerate(row.get("providers") or ())
        providers = [_provider(entry, f"{where}.providers[{i}]", kms, clock) for i, entry in entries]
        if not providers:
            raise ValueError(f"{where}.providers: Required value: provider must contain at least one of the providers")
        rows.append((names, providers))
    if not rows:
        raise ValueError(f"{path}: resources: Required value: at least one resource must be configured")
    return Encryption(rows, kms)


def _provider(entry: Object, path: str, kms: "dict[str, Kms]", clock: Clock) -> Provider:
    if len(entry) != 1:
        raise ValueError(f"{path}: Invalid value: more than one provider specified in a single element")
    ((name, config),) = entry.items()
    if name == "identity":
        return Identity()
    if name == "kms":
        made = _kms(config or {}, f"{path}.kms", kms, clock)
        kms[made.name] = made
        return made
    if name not in _KINDS:
        supported = ", ".join((*_KINDS, "kms", "identity"))
        raise ValueError(f'{path}: Unsupported value: "{name}": supported values: {supported}')
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


def _kms(config: Object, path: str, known: "Mapping[str, Kms]", clock: Clock) -> "Kms":
    """A provider of apiVersion v2; v1 is off upstream too."""
    from .kms import Kms
    from .kms_service import KmsService

    name, endpoint = str(config.get("name") or ""), str(config.get("endpoint") or "")
    version = str(config.get("apiVersion") or "v1")
    if not name:
        raise ValueError(f"{path}.name: Required value: name is a mandatory field for a provider")
    if ":" in name:
        words = f"invalid KMS provider name {name}, must not contain ':'"
        raise ValueError(f'{path}.name: Invalid value: "{name}": {words}')
    if name in known:
        words = f"duplicate KMS provider name {name}, names must be unique"
        raise ValueError(f'{path}.name: Invalid value: "{name}": {words}')
    timeout = str(config.get("timeout") or "3s")
    seconds = parse_seconds(timeout)
    if seconds <= 0:
        raise ValueError(f'{path}.timeout: Invalid value: "{timeout}": timeout should be a positive value')
    if not endpoint:
        raise ValueError(f'{path}.endpoint: Invalid value: "": endpoint is a mandatory field for a kms')
    scheme = endpoint.partition(":")[0]
    if scheme != "unix" or not endpoint.startswith("unix:///"):
        words = f'unsupported scheme "{scheme}" for KMS provider, only unix is supported'
        raise ValueError(f'{path}.endpoint: Invalid value: "{endpoint}": {words}')
    if version == "v1":
        words = "KMSv1 is deprecated and will only receive security updates going forward. Use KMSv2 instead."
        raise ValueError(f"{path}.apiVersion: {words}")
    if version != "v2":
        words = "unsupported apiVersion apiVersion for KMS provider, only v1 and v2 are supported"
        raise ValueError(f'{path}.apiVersion: Invalid value: "{version}": {words}')
    if config.get("cachesize") is not None:
        words = "cachesize is not supported in v2"
        raise ValueError(f"{path}.cachesize: Invalid value: {config['cachesize']}: {words}")
    return Kms(name, KmsService(endpoint, seconds), clock)
