"""A new control plane's way in: made where the cluster is, accepted on the new machine.

    invite:  token ─▶ Secret with the sealed keys, which that token may read ─▶ one line to type in elsewhere
    accept:  CA by its hash ─▶ the Secret by the token ─▶ opened by the certificate key

Nothing is written on the new machine before all of it is there; becoming a member of etcd follows (etcd/membership.py).
"""

import re
from base64 import b64decode
from datetime import datetime, timedelta

import msgspec

from .. import GIT_VERSION
from ..api.core import Secret
from ..api.meta import ObjectMeta, OwnerReference
from ..api.status import StatusError
from ..base.http.client_connection import TransportError
from ..client import config as rest
from ..client.client import Client
from . import bootstrap_tokens, shared_keys
from .addons.apply import apply
from .join import JoinError, trusted_connection
from .shared_keys import Shared, WrongKey

_TOKEN = re.compile(r"[a-z0-9]{6}\.[a-z0-9]{16}")
_AGAIN = "make a new line there with: pybernetes token create --control-plane"


class Invitation(msgspec.Struct, frozen=True):
    """What has to be typed in on the new machine, besides the address and the CA's hash."""

    token: str
    certificate_key: str


async def invite(client: Client, shared: Shared, ttl: timedelta, now: datetime) -> Invitation:
    """Store the keys, sealed, for as long as the new token lives. StatusError."""
    token = await bootstrap_tokens.create(client, ttl, now, groups="")
    found = await client.get(Secret, bootstrap_tokens.secret_name(token.id), shared_keys.NAMESPACE)
    owner = OwnerReference(
        api_version="v1", kind="Secret", name=found.metadata.name or "", uid=found.metadata.uid or ""
    )
    key = shared_keys.new_certificate_key()
    meta = ObjectMeta(name=shared_keys.secret_name(token.id), namespace=shared_keys.NAMESPACE, owner_references=[owner])
    await client.create(Secret(metadata=meta, type="Opaque", data=shared_keys.seal(shared, key)))
    await apply(client, shared_keys.access_objects(token.id, msgspec.to_builtins(owner)))
    return Invitation(str(token), key)


async def accept(server: str, invitation: Invitation, ca_cert_hash: str) -> Shared:
    """The keys and settings of the cluster at that server. JoinError with the next step."""
    if not (invitation.token and ca_cert_hash and invitation.certificate_key):
        flags = "--token, --ca-cert-hash and --certificate-key"
        raise JoinError(f"--join needs {flags}; another control plane prints them with: {_AGAIN.partition(': ')[2]}")
    if not _TOKEN.fullmatch(invitation.token):
        raise JoinError("--token is not of the form abcdef.0123456789abcdef; it is printed whole by token create")
    trusted, _ = await trusted_connection(server, ca_cert_hash)
    connection = msgspec.structs.replace(trusted, token=invitation.token)
    client = rest.client(connection, user_agent=f"pybernetes-join/{GIT_VERSION}")
    name = shared_keys.secret_name(invitation.token.partition(".")[0])
    try:
        data = (await client.get(Secret, name, shared_keys.NAMESPACE)).data or {}
        shared = shared_keys.unseal({key: _bytes(value) for key, value in data.items()}, invitation.certificate_key)
    except StatusError as error:
        raise JoinError(_refused(trusted.server, error)) from None
    except (TransportError, OSError) as error:
        raise JoinError(f"{trusted.server} does not answer any more ({error}); try again") from None
    except WrongKey as error:
        raise JoinError(f"--certificate-key is not the one of this token ({error}); {_AGAIN}") from None
    except (LookupError, ValueError) as error:
        raise JoinError(f"the keys at {trusted.server} are damaged ({error}); {_AGAIN}") from None
    if shared.files["ca.crt"] != trusted.ca_data:
        raise JoinError(f"the keys at {trusted.server} are not of the cluster with {ca_cert_hash}; {_AGAIN}")
    return shared


def _refused(server: str, error: StatusError) -> str:
    if error.code == 401:
        return f"{server} refuses the token, which may have expired; {_AGAIN}"
    if error.code in (403, 404):
        return f"the token gives no access to the keys of control planes at {server}; {_AGAIN}"
    return f"{server} does not hand out the keys: {error}"


def _bytes(value: bytes | str) -> bytes:
    return value if isinstance(value, bytes) else b64decode(value)
