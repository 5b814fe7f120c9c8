"""Bootstrap tokens (Authenticating with Bootstrap Tokens): secrets in kube-system that let a new node ask for its
certificate. A token is `id.secret`; the id is public and names the Secret.
"""

import secrets
import string
from base64 import b64decode
from datetime import datetime, timedelta

import msgspec

from ..api.core import Secret
from ..api.meta import ObjectMeta
from ..client.client import Client

SECRET_TYPE = "bootstrap.kubernetes.io/token"
_ALPHABET = string.ascii_lowercase + string.digits
_PREFIX = "bootstrap-token-"
NODE_GROUP = "system:bootstrappers:kubeadm:default-node-token"


class BootstrapToken(msgspec.Struct, frozen=True):
    """One token; `expires` is RFC 3339 text, "" for never."""

    id: str
    secret: str
    expires: str

    def __str__(self) -> str:
        return f"{self.id}.{self.secret}"


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def secret_name(identifier: str) -> str:
    """The Secret of a token."""
    return _PREFIX + identifier


async def create(client: Client, ttl: timedelta, now: datetime, *, groups: str = NODE_GROUP) -> BootstrapToken:
    """Make and store a token whose user is in these groups besides system:bootstrappers (separated by commas).
    StatusError when the API refuses."""
    expires = (now + ttl).strftime("%Y-%m-%dT%H:%M:%SZ")
    token = BootstrapToken(_random(6), _random(16), expires)
    data = {
        "token-id": token.id,
        "token-secret": token.secret,
        "expiration": token.expires,
        "usage-bootstrap-authentication": "true",
        "usage-bootstrap-signing": "true",
        "auth-extra-groups": groups,
        "description": "made by pybernetes token create",
    }
    meta = ObjectMeta(name=secret_name(token.id), namespace="kube-system")
    encoded = {key: value.encode() for key, value in data.items() if value}
    await client.create(Secret(metadata=meta, type=SECRET_TYPE, data=encoded))
    return token


async def listed(client: Client) -> list[BootstrapToken]:
    """The tokens there are, by id."""
    found = await client.list(Secret, "kube-system", field_selector=f"type={SECRET_TYPE}")
    return sorted((_decoded(secret) for secret in found), key=lambda token: token.id)


def _decoded(secret: Secret) -> BootstrapToken:
    data = {key: _text(value) for key, value in (secret.data or {}).items()}
    return BootstrapToken(data.get("token-id", ""), data.get("token-secret", ""), data.get("expiration", ""))


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else b64decode(value).decode()


async def delete(client: Client, identifier: str) -> None:
    """Make a token invalid. StatusError when there is none of that id."""
    await client.delete(Secret, secret_name(identifier), "kube-system")
