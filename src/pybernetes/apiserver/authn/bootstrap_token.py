"""Bootstrap tokens `ID.SECRET`: what a new node shows before it has a certificate (kubeadm join).

The truth is the Secret `kube-system/bootstrap-token-ID` of type `bootstrap.kubernetes.io/token`. Anything wrong with it
makes the token unknown, never an error, so that nothing about existing tokens leaks.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Sequence
from datetime import datetime

from ...api.resource import resource
from ...api.user import UserInfo
from ...base.clock import SYSTEM_CLOCK, Clock
from ..reader import ObjectReader
from .tokens import TokenIdentity

SECRET_TYPE = "bootstrap.kubernetes.io/token"
SECRET_PREFIX = "bootstrap-token-"
DEFAULT_GROUP = "system:bootstrappers"
_TOKEN = re.compile(r"([a-z0-9]{6})\.([a-z0-9]{16})")
_GROUP = re.compile(r"system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]")


class BootstrapTokenAuthenticator:
    """See the module docstring. The user is `system:bootstrap:ID`."""

    def __init__(self, reader: ObjectReader, clock: Clock = SYSTEM_CLOCK) -> None:
        self._reader = reader
        self._clock = clock

    def authenticate_token(self, token: str, audiences: Sequence[str]) -> TokenIdentity | None:
        """See TokenAuthenticator."""
        match = _TOKEN.fullmatch(token)
        if match is None:
            return None
        token_id, token_secret = match.groups()
        secret = self._reader.get(resource("secrets"), "kube-system", SECRET_PREFIX + token_id)
        if secret is None or secret["metadata"].get("deletionTimestamp") or secret.get("type") != SECRET_TYPE:
            return None
        data = {key: _text(value) for key, value in (secret.get("data") or {}).items()}
        if not hmac.compare_digest(data.get("token-secret", "").encode(), token_secret.encode()):
            return None
        if data.get("token-id") != token_id or data.get("usage-bootstrap-authentication") != "true":
            return None
        if data.get("expiration") and self._expired(data["expiration"]):
            return None
        extra_groups = [g for g in data.get("auth-extra-groups", "").split(",") if g]
        if any(_GROUP.fullmatch(group) is None for group in extra_groups):
            return None
        groups = tuple(dict.fromkeys([*extra_groups, DEFAULT_GROUP]))
        return TokenIdentity(UserInfo(f"system:bootstrap:{token_id}", groups=groups))

    def _expired(self, text: str) -> bool:
        """An expiration nobody can read counts as passed."""
        try:
            instant = datetime.fromisoformat(text.replace("Z", "+00:00"))
        except ValueError:
            return True
        return instant.tzinfo is None or instant <= self._clock.now()


def _text(value: str) -> str:
    try:
        return base64.b64decode(value).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
