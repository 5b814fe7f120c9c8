"""`serviceaccounts/NAME/token`: a new token for an account, bound to a pod, node or secret if asked (KEP-1205, 4193).

Kubelets ask this for every pod. The API server signs; nothing is stored, the token ends with what it is bound to.
"""

import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import msgspec

from ..api import field
from ..api.resource import resource
from ..api.status import bad_request, conflict, invalid, not_found
from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.http.message import Request
from .audit import annotate
from .authn.service_account import PrivateClaims, Reference, issue
from .reader import Object, ObjectReader
from .request_info import RequestInfo
from .service_account_keys import ServiceAccountKeys

DEFAULT_LIFETIME_SECONDS = 3600
_GROUP = "authentication.k8s.io"
_MINIMUM_SECONDS = 600
_MAXIMUM_SECONDS = 1 << 32
_WARN_LIFETIME_SECONDS = 3607
"""What kubelets ask for the projected token of every pod: such a token lives a year and warns after this time."""
_EXTENDED_LIFETIME_SECONDS = 365 * 24 * 3600
_BINDABLE = {("v1", "Pod"): "pods", ("v1", "Secret"): "secrets", ("v1", "Node"): "nodes"}


class TokenRequests:
    """The handler; `extend_expiration` is `--service-account-extend-token-expiration`.

    `refresh` waits until the reader has caught up with the store: what is not found is looked up once more after it, so
    that an account may be used as soon as its creation was answered.
    """

    def __init__(
        self,
        reader: ObjectReader,
        keys: ServiceAccountKeys,
        *,
        clock: Clock = SYSTEM_CLOCK,
        max_expiration_seconds: int = 0,
        extend_expiration: bool = True,
        refresh: Callable[[], Awaitable[object]] | None = None,
        checks_uid: bool = True,
    ) -> None:
        """`checks_uid` is the gate TokenRequestServiceAccountUIDValidation."""
        self._checks_uid = checks_uid
        self._refresh = refresh
        self._reader = reader
        self._keys = keys
        self._clock = clock
        self._max_expiration_seconds = max_expiration_seconds
        self._extend_expiration = extend_expiration

    async def __call__(self, review: Object, request: Request) -> Object:
        """Answer one TokenRequest (wire form) for the account named by the path."""
        info: RequestInfo = request.context["info"]
        account = await self._find("serviceaccounts", info.namespace, info.name)
        uid = account["metadata"]["uid"]
        self._check_names(review.get("metadata") or {}, info, uid)
        spec = dict(review.get("spec") or {})
        spec["audiences"] = list(spec.get("audiences") or self._keys.api_audiences)
        lifetime = spec.get("expirationSeconds")
        lifetime = DEFAULT_LIFETIME_SECONDS if lifetime is None else int(lifetime)
        errors = _lifetime_errors(lifetime)
        if errors:
            raise invalid(_GROUP, "TokenRequest", "", errors)
        if 0 < self._max_expiration_seconds < lifetime:
            shortened = (
                f"requested expiration of {lifetime} seconds shortened to {self._max_expiration_seconds} seconds"
            )
            request.context.setdefault("warnings", []).append(shortened)
            lifetime = self._max_expiration_seconds
        spec["expirationSeconds"] = lifetime
        private = PrivateClaims(info.namespace, Reference(info.name, uid))
        if spec.get("boundObjectRef"):
            private = await self._bound(private, spec["boundObjectRef"])
        now = self._clock.now().replace(microsecond=0)
        seconds = int(now.timestamp())
        signed_lifetime = lifetime
        if self._extends(private, lifetime, spec["audiences"]):
            signed_lifetime = _EXTENDED_LIFETIME_SECONDS
            private = msgspec.structs.replace(private, warn_after=seconds + lifetime)
        token = issue(
            self._keys,
            private,
            spec["audiences"],
            now=seconds,
            lifetime_seconds=signed_lifetime,
            token_id=str(uuid.uuid4()),
        )
        expires = (now + timedelta(seconds=lifetime)).strftime("%Y-%m-%dT%H:%M:%SZ")
        metadata = {
            **(review.get("metadata") or {}),
            "name": info.name,
            "namespace": info.namespace,
            "uid": uid,
            "creationTimestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return {
            **review,
            "metadata": metadata,
            "spec": spec,
            "status": {"token": token, "expirationTimestamp": expires},
        }

    def _check_names(self, metadata: Object, info: RequestInfo, uid: str) -> None:
        """What a request says of its account must be true. StatusError 422, 409."""
        for key, wanted in (("name", info.name), ("namespace", info.namespace)):
            given = metadata.get(key)
            if given and given != wanted:
                words = f"must match the service account {key} if specified"
                raise invalid(_GROUP, "TokenRequest", info.name, [field.invalid(f"metadata.{key}", given, words)])
        given = metadata.get("uid")
        if given and given != uid:
            words = f"the UID in the token request ({given}) does not match the UID of the service account ({uid})"
            if self._checks_uid:
                raise conflict(_GROUP, "TokenRequest", info.name, words)
            annotate("authentication.k8s.io/token-request-uid-mismatch", words)

    def _extends(self, private: PrivateClaims, lifetime: int, audiences: list[str]) -> bool:
        known = self._keys.api_audiences
        return (
            self._extend_expiration
            and private.pod is not None
            and lifetime == _WARN_LIFETIME_SECONDS
            and all(audience in known for audience in audiences)
        )

    async def _find(self, plural: str, namespace: str, name: str) -> Object:
        """The object; StatusError 404 when there is none."""
        found = self._reader.get(resource(plural), namespace, name)
        if found is None and self._refresh is not None:
            await self._refresh()
            found = self._reader.get(resource(plural), namespace, name)
        if found is None:
            raise not_found("", plural, name)
        return found

    async def _bound(self, private: PrivateClaims, reference: dict[str, Any]) -> PrivateClaims:
        """The claims with the object the token is bound to; of a pod also its node."""
        api_version, kind, name = reference.get("apiVersion", ""), reference.get("kind", ""), reference.get("name", "")
        plural = _BINDABLE.get((api_version, kind))
        if plural is None:
            group, _, version = api_version.rpartition("/")
            raise bad_request(f"cannot bind token to object of type {group}/{version}, Kind={kind}")
        found = await self._find(plural, "" if kind == "Node" else private.namespace, name)
        account = private.service_account.name
        if kind == "Pod" and found["spec"].get("serviceAccountName", "") != account:
            raise bad_request(
                f'cannot bind token for serviceaccount "{account}" to pod running with different serviceaccount name.'
            )
        uid = found["metadata"]["uid"]
        asked_uid = reference.get("uid") or ""
        if asked_uid and asked_uid != uid:
            why = (
                f"the UID in the bound object reference ({asked_uid}) does not match the UID in record. "
                "The object might have been deleted and then recreated"
            )
            raise conflict("", kind, name, why)
        bound = Reference(name, uid)
        if kind == "Secret":
            return msgspec.structs.replace(private, secret=bound)
        if kind == "Node":
            return msgspec.structs.replace(private, node=bound)
        node_name = found["spec"].get("nodeName", "")
        if not node_name:
            return msgspec.structs.replace(private, pod=bound)
        node = self._reader.get(resource("nodes"), "", node_name)
        node_uid = node["metadata"]["uid"] if node is not None else ""
        return msgspec.structs.replace(private, pod=bound, node=Reference(node_name, node_uid))


def _lifetime_errors(seconds: int) -> list[field.FieldError]:
    if seconds < _MINIMUM_SECONDS:
        detail = "may not specify a duration less than 10 minutes"
        return [field.invalid("spec.expirationSeconds", seconds, detail)]
    if seconds > _MAXIMUM_SECONDS:
        detail = "may not specify a duration larger than 2^32 seconds"
        return [field.invalid("spec.expirationSeconds", seconds, detail)]
    return []
