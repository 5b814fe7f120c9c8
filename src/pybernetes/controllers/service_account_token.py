"""Token Secrets: a Secret of type `kubernetes.io/service-account-token` gets the token of the account it names.

    Secret with annotation kubernetes.io/service-account.name ─▶ account exists? yes: token, ca.crt, namespace
                                                                                 no:  the Secret is deleted

Such tokens never expire; they exist for those who ask for one by hand (since v1.24 nobody gets one by default).
"""

import asyncio

import msgspec

from ..api.core import Secret, ServiceAccount
from ..api.status import StatusError, is_not_found
from ..client.view import key_of, split_key
from ..reconcile.controller import Result
from ..reconcile.jws import TokenSigner
from ..reconcile.manager import ControllerContext
from ..reconcile.sources import source

SECRET_TYPE = "kubernetes.io/service-account-token"
ACCOUNT_NAME = "kubernetes.io/service-account.name"
ACCOUNT_UID = "kubernetes.io/service-account.uid"
ISSUER = "kubernetes/serviceaccount"


def claims_for(account: ServiceAccount, secret_name: str) -> dict[str, str]:
    """The claims of a token that is bound to a Secret."""
    namespace, name = account.metadata.namespace or "", account.metadata.name or ""
    prefix = "kubernetes.io/serviceaccount/"
    return {
        "iss": ISSUER,
        "sub": f"system:serviceaccount:{namespace}:{name}",
        prefix + "namespace": namespace,
        prefix + "secret.name": secret_name,
        prefix + "service-account.name": name,
        prefix + "service-account.uid": account.metadata.uid or "",
    }


class ServiceAccountTokenController:
    """See the module docstring. Keys are those of Secrets."""

    def __init__(self, context: ControllerContext) -> None:
        config = context.config
        self._client = context.client
        self._root_ca = config.root_ca
        self._signer = TokenSigner(config.service_account_key) if config.service_account_key else None
        # Only Secrets of this type are watched: the others are of no interest and hold what nobody should cache.
        self._secrets = context.informers.of(Secret, field_selector=f"type={SECRET_TYPE}")
        self._accounts = context.informers.of(ServiceAccount)
        self._controller = context.controller("serviceaccount_tokens_secret", self._reconcile)
        source(self._secrets, self._controller.enqueue, when=lambda old, new: new is not None)
        source(self._accounts, self._controller.enqueue, keys=self._secrets_of, when=_appeared_or_gone)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    def _secrets_of(self, account: ServiceAccount) -> list[str]:
        return [
            key_of(secret)
            for secret in self._secrets.list(account.metadata.namespace or "")
            if (secret.metadata.annotations or {}).get(ACCOUNT_NAME) == account.metadata.name
        ]

    async def _reconcile(self, key: str) -> Result | None:
        namespace, name = split_key(key)
        secret = self._secrets.get(name, namespace)
        if secret is None or secret.metadata.deletion_timestamp is not None:
            return None
        annotations = secret.metadata.annotations or {}
        account = await self._account(annotations.get(ACCOUNT_NAME, ""), namespace)
        wanted_uid = annotations.get(ACCOUNT_UID)
        if account is None or (wanted_uid and wanted_uid != account.metadata.uid):
            await self._delete(secret)
            return None
        if self._signer is not None:
            await self._fill(secret, account, self._signer)
        return None

    async def _account(self, name: str, namespace: str) -> ServiceAccount | None:
        """The account, asked for at the API when the cache does not show it: deleting wants certainty."""
        found = self._accounts.get(name, namespace) if name else None
        if found is not None or not name:
            return found
        try:
            return await self._client.get(ServiceAccount, name, namespace)
        except StatusError as error:
            if is_not_found(error):
                return None
            raise

    async def _fill(self, secret: Secret, account: ServiceAccount, signer: TokenSigner) -> None:
        data = dict(secret.data or {})
        annotations = {**(secret.metadata.annotations or {}), ACCOUNT_UID: account.metadata.uid or ""}
        if self._root_ca:
            data["ca.crt"] = self._root_ca
        data["namespace"] = (account.metadata.namespace or "").encode()
        if not data.get("token"):
            data["token"] = signer.sign(claims_for(account, secret.metadata.name or "")).encode()
        if data == (secret.data or {}) and annotations == secret.metadata.annotations:
            return
        metadata = msgspec.structs.replace(secret.metadata, annotations=annotations)
        await self._client.update(msgspec.structs.replace(secret, metadata=metadata, data=data))

    async def _delete(self, secret: Secret) -> None:
        meta = secret.metadata
        try:
            await self._client.delete(Secret, meta.name or "", meta.namespace or "", uid=meta.uid or "")
        except StatusError as error:
            if not is_not_found(error):
                raise


def _appeared_or_gone(old: ServiceAccount | None, new: ServiceAccount | None) -> bool:
    return old is None or new is None
