"""Service-account tokens: the claims we sign and what must still be true when one is shown.

A bound token (KEP-1205) names its account and, under `kubernetes.io`, the pod, node or secret it hangs on, each with
its uid. The signature is verified once and remembered by the SHA-256 of the token until `exp`; whether account and
object still exist with that uid is asked from memory on every use, so deleting the pod ends its token
(after a minute's leeway for a graceful deletion, as upstream).

    shown -> issuer ours? -> signature (remembered) -> nbf/exp -> audience -> account -> secret|pod|node -> UserInfo
"""

import base64
import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from ...api.resource import ResourceInfo, resource
from ...api.user import UserInfo
from ...base.clock import SYSTEM_CLOCK, Clock
from ..reader import Object, ObjectReader
from ..service_account_keys import ServiceAccountKeys
from . import jwt
from .tokens import InvalidToken, TokenIdentity

USER_PREFIX = "system:serviceaccount:"
ALL_ACCOUNTS_GROUP = "system:serviceaccounts"
LEGACY_ISSUER = "kubernetes/serviceaccount"
LEEWAY_SECONDS = 60
_REMEMBERED = 8192
_EXTRA = "authentication.kubernetes.io/"


def user_name(namespace: str, name: str) -> str:
    """`system:serviceaccount:NAMESPACE:NAME`."""
    return f"{USER_PREFIX}{namespace}:{name}"


def user_groups(namespace: str) -> tuple[str, ...]:
    """The two groups every account of a namespace is in."""
    return (ALL_ACCOUNTS_GROUP, f"{ALL_ACCOUNTS_GROUP}:{namespace}")


def split_user_name(name: str) -> tuple[str, str] | None:
    """(namespace, name) of a service account's user name, None for any other user."""
    if not name.startswith(USER_PREFIX):
        return None
    namespace, _, account = name.removeprefix(USER_PREFIX).partition(":")
    return (namespace, account) if namespace and account and ":" not in account else None


class Reference(msgspec.Struct, frozen=True):
    """One object named by a token."""

    name: str = ""
    uid: str = ""


class PrivateClaims(msgspec.Struct, frozen=True, rename="lower"):
    """The `kubernetes.io` claim. `warn_after` is in Unix seconds, 0 for never."""

    namespace: str = ""
    service_account: Reference = msgspec.field(default=Reference(), name="serviceaccount")
    pod: Reference | None = None
    node: Reference | None = None
    secret: Reference | None = None
    warn_after: int = msgspec.field(default=0, name="warnafter")

    def encoded(self) -> dict[str, Any]:
        """The claim as it stands in the token: absent references are left out."""
        claim: dict[str, Any] = {
            "namespace": self.namespace,
            "serviceaccount": {"name": self.service_account.name, "uid": self.service_account.uid},
        }
        for key, reference in (("pod", self.pod), ("node", self.node), ("secret", self.secret)):
            if reference is not None:
                claim[key] = {"name": reference.name, "uid": reference.uid}
                if not reference.uid:
                    del claim[key]["uid"]
        if self.warn_after:
            claim["warnafter"] = self.warn_after
        return claim


class Claims(msgspec.Struct, frozen=True):
    """A verified token's claims, ready to be checked. Times are Unix seconds; `expires` 0 means never (legacy)."""

    private: PrivateClaims
    user: UserInfo
    audiences: tuple[str, ...]
    not_before: float
    expires: float
    legacy: bool = False


def issue(
    keys: ServiceAccountKeys,
    private: PrivateClaims,
    audiences: Sequence[str],
    *,
    now: int,
    lifetime_seconds: int,
    token_id: str,
) -> str:
    """A signed bound token. `now` is Unix seconds; `token_id` becomes the `jti`."""
    return keys.signing_key.sign(
        {
            "aud": list(audiences),
            "exp": now + lifetime_seconds,
            "iat": now,
            "iss": keys.issuer,
            "jti": token_id,
            "kubernetes.io": private.encoded(),
            "nbf": now,
            "sub": user_name(private.namespace, private.service_account.name),
        }
    )


def issue_legacy(keys: ServiceAccountKeys, namespace: str, account: Reference, secret_name: str) -> str:
    """The token of a Secret of type `kubernetes.io/service-account-token`: no expiry, no audience."""
    prefix = "kubernetes.io/serviceaccount/"
    return keys.signing_key.sign(
        {
            "iss": LEGACY_ISSUER,
            prefix + "namespace": namespace,
            prefix + "secret.name": secret_name,
            prefix + "service-account.name": account.name,
            prefix + "service-account.uid": account.uid,
            "sub": user_name(namespace, account.name),
        }
    )


class ServiceAccountTokenAuthenticator:
    """See the module docstring."""

    def __init__(self, keys: ServiceAccountKeys, reader: ObjectReader, clock: Clock = SYSTEM_CLOCK) -> None:
        self._keys = keys
        self._reader = reader
        self._clock = clock
        self._verified: dict[bytes, Claims] = {}

    def authenticate_token(self, token: str, audiences: Sequence[str]) -> TokenIdentity | None:
        """See TokenAuthenticator."""
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        claims = self._verified.get(digest)
        if claims is None:
            claims = self._verify(token)
            if claims is None:
                return None
            if len(self._verified) >= _REMEMBERED:
                del self._verified[next(iter(self._verified))]
            self._verified[digest] = claims
        now = self._clock.now().timestamp()
        if claims.expires and now > claims.expires + LEEWAY_SECONDS:
            del self._verified[digest]
            raise InvalidToken("service account token has expired")
        if claims.not_before and now < claims.not_before - LEEWAY_SECONDS:
            raise InvalidToken("service account token is not valid yet")
        if claims.legacy:
            good_for = tuple(a for a in self._keys.api_audiences if not audiences or a in audiences)
        else:
            good_for = tuple(a for a in audiences if a in claims.audiences) if audiences else claims.audiences
        if audiences and not good_for:
            raise InvalidToken(
                f"token audiences {_quoted(claims.audiences)} is invalid for the target audiences {_quoted(audiences)}"
            )
        seen = self._check_objects(claims, now, token)
        warn_after = claims.private.warn_after
        if warn_after and now > warn_after:
            return TokenIdentity(claims.user, good_for, now - warn_after)
        return TokenIdentity(claims.user, good_for, holds=self._holds(claims, seen))

    def _holds(self, claims: Claims, seen: list["_Seen"]) -> Callable[[], bool] | None:
        """Whether the token is still good: the same objects are there, and no instant has passed that changes the
        answer. None while one of the objects is being deleted, since then the time matters."""
        if any("deletionTimestamp" in one.object["metadata"] for one in seen):
            return None
        ends = [claims.expires + LEEWAY_SECONDS] if claims.expires else []
        ends += [claims.private.warn_after] if claims.private.warn_after else []
        end = datetime.fromtimestamp(min(ends), UTC) if ends else datetime.max.replace(tzinfo=UTC)
        now, get = self._clock.now, self._reader.get

        def holds() -> bool:
            for info, namespace, name, found in seen:
                if get(info, namespace, name) is not found:
                    return False
            return now() <= end

        return holds

    def _verify(self, token: str) -> Claims | None:
        """Everything that cannot change later: form, issuer, signature, presence of the claims."""
        try:
            parts = jwt.split(token)
        except jwt.MalformedToken:
            return None
        issuer = parts.claims.get("iss")
        if issuer != LEGACY_ISSUER and issuer not in self._keys.issuers:
            return None
        if not self._keys.verifies(str(parts.header.get("kid", "")), parts.signed, parts.signature):
            raise InvalidToken("invalid bearer token")
        if issuer == LEGACY_ISSUER:
            return _legacy_claims(parts.claims)
        try:
            private = msgspec.convert(parts.claims.get("kubernetes.io") or {}, PrivateClaims)
            expires = float(parts.claims.get("exp") or 0)
            not_before = float(parts.claims.get("nbf") or 0)
        except (msgspec.ValidationError, TypeError, ValueError):
            raise InvalidToken("token claims could not be read") from None
        account = private.service_account
        if not private.namespace or not account.name or not account.uid or not expires:
            raise InvalidToken("token lacks a required claim")
        if parts.claims.get("sub") != user_name(private.namespace, account.name):
            raise InvalidToken("sub claim does not match the service account")
        audience = parts.claims.get("aud") or []
        audiences = (audience,) if isinstance(audience, str) else tuple(str(a) for a in audience)
        user = _user(private, str(parts.claims.get("jti") or ""))
        return Claims(private, user, audiences or self._keys.api_audiences, not_before, expires)

    def _check_objects(self, claims: Claims, now: float, token: str) -> list["_Seen"]:
        """Account and bound object must be there with the uid of the token; a legacy token must be its secret's."""
        private = claims.private
        namespace = private.namespace
        seen = [self._check(now, "service account", "serviceaccounts", namespace, private.service_account)]
        if private.secret is not None:
            seen.append(self._check(now, "service account secret", "secrets", namespace, private.secret))
            shown = base64.b64encode(token.encode()).decode()
            if claims.legacy and (seen[-1].object.get("data") or {}).get("token") != shown:
                raise InvalidToken("service account token has been invalidated")
        if private.pod is not None:
            seen.append(self._check(now, "pod", "pods", namespace, private.pod))
        elif private.node is not None:
            seen.append(self._check(now, "node", "nodes", "", private.node))
        return seen

    def _check(self, now: float, what: str, plural: str, namespace: str, reference: Reference) -> "_Seen":
        info = resource(plural)
        found = self._reader.get(info, namespace, reference.name)
        if found is None:
            raise InvalidToken("service account token has been invalidated")
        metadata = found["metadata"]
        deleted = metadata.get("deletionTimestamp")
        if deleted and datetime.fromisoformat(deleted.replace("Z", "+00:00")).timestamp() < now - LEEWAY_SECONDS:
            raise InvalidToken("service account token has been invalidated")
        if reference.uid and metadata.get("uid") != reference.uid:
            raise InvalidToken(f"{what} UID ({metadata.get('uid')}) does not match claim ({reference.uid})")
        return _Seen(info, namespace, reference.name, found)


class _Seen(NamedTuple):
    """An object a token hangs on, as it was when the token was checked."""

    info: ResourceInfo
    namespace: str
    name: str
    object: Object


def _legacy_claims(claims: dict[str, Any]) -> Claims:
    prefix = "kubernetes.io/serviceaccount/"
    namespace = str(claims.get(prefix + "namespace") or "")
    name = str(claims.get(prefix + "service-account.name") or "")
    uid = str(claims.get(prefix + "service-account.uid") or "")
    secret = str(claims.get(prefix + "secret.name") or "")
    if not namespace or not name or not uid or not secret or claims.get("sub") != user_name(namespace, name):
        raise InvalidToken("token lacks a required claim")
    private = PrivateClaims(namespace, Reference(name, uid), secret=Reference(secret))
    user = UserInfo(user_name(namespace, name), uid, user_groups(namespace))
    return Claims(private, user, (), 0.0, 0.0, legacy=True)


def _user(private: PrivateClaims, token_id: str) -> UserInfo:
    """The identity a bound token stands for, with the pod and node it was given to as `extra`."""
    extra: dict[str, list[str]] = {}
    if private.pod is not None:
        extra[_EXTRA + "pod-name"] = [private.pod.name]
        extra[_EXTRA + "pod-uid"] = [private.pod.uid]
    if private.node is not None:
        extra[_EXTRA + "node-name"] = [private.node.name]
        if private.node.uid:
            extra[_EXTRA + "node-uid"] = [private.node.uid]
    if token_id:
        extra[_EXTRA + "credential-id"] = [f"JTI={token_id}"]
    account = private.service_account
    namespace = private.namespace
    return UserInfo(user_name(namespace, account.name), account.uid, user_groups(namespace), extra)


def _quoted(values: Sequence[str]) -> str:
    return "[" + " ".join(f'"{value}"' for value in values) + "]"
