"""The legacy token cleaner: Secrets with service account tokens made long ago and used by nobody (KEP-2799).

    made automatically, mounted by no pod, not used for a year   ─▶ label `legacy-token-invalid-since`
    invalid for a year                                           ─▶ deleted

Looks once a day. What counts as unused is only known from a year after the API server began to track uses (the date in
config map `kube-apiserver-legacy-service-account-token-tracking`).
"""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from ..api.core import ConfigMap, Pod, Secret, ServiceAccount
from ..api.status import StatusError, is_conflict, is_not_found
from ..reconcile.manager import ControllerContext

TRACKING = "kube-apiserver-legacy-service-account-token-tracking"
LAST_USED = "kubernetes.io/legacy-token-last-used"
INVALID_SINCE = "kubernetes.io/legacy-token-invalid-since"
TOKEN_TYPE = "kubernetes.io/service-account-token"
ACCOUNT = "kubernetes.io/service-account.name"
ACCOUNT_UID = "kubernetes.io/service-account.uid"
PERIOD = timedelta(days=365)
INTERVAL_SECONDS = 24 * 3600.0


def day(text: str | None) -> datetime | None:
    """A date label as an instant; None when it is none."""
    try:
        return datetime.strptime(text or "", "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None


def mounted_secrets(pods: Iterable[Pod]) -> set[tuple[str, str]]:
    """(namespace, name) of every Secret that pods mount as a volume."""
    return {
        (pod.metadata.namespace or "", volume.secret.secret_name or "")
        for pod in pods
        for volume in pod.spec.volumes or ()
        if volume.secret is not None
    }


def last_used(secret: Secret, since: datetime) -> datetime:
    """When the token was last used: by its label, or not since it was made or tracking began."""
    used = day((secret.metadata.labels or {}).get(LAST_USED))
    return used or max(since, secret.metadata.creation_timestamp or since)


class LegacyTokenCleaner:
    """See the module docstring."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._clock = context.clock
        self._secrets = context.informers.of(Secret)
        self._accounts = context.informers.of(ServiceAccount)
        self._pods = context.informers.of(Pod)
        self._controller = context.controller("legacy_service_account_token_cleaner", self._reconcile, workers=1)

    async def serve(self, ready: asyncio.Event) -> None:
        self._controller.enqueue_after("all", INTERVAL_SECONDS)
        await self._controller.serve(ready)

    async def _reconcile(self, key: str) -> None:
        now = self._clock.now()
        since = await self._tracked_since()
        if since is not None and since + PERIOD < now:
            in_use = mounted_secrets(self._pods.list())
            for secret in self._secrets.list():
                where = (secret.metadata.namespace or "", secret.metadata.name or "")
                if self._is_generated(secret) and where not in in_use and last_used(secret, since) + PERIOD < now:
                    await self._clean(secret, now)
        self._controller.enqueue_after(key, INTERVAL_SECONDS)

    async def _tracked_since(self) -> datetime | None:
        try:
            found = await self._client.get(ConfigMap, TRACKING, "kube-system")
        except StatusError as error:
            if is_not_found(error):
                return None
            raise
        return day((found.data or {}).get("since"))

    def _is_generated(self, secret: Secret) -> bool:
        """Whether it is the token of an account that lists it: made automatically, not by a user."""
        if secret.type != TOKEN_TYPE:
            return False
        annotations = secret.metadata.annotations or {}
        account = self._accounts.get(annotations.get(ACCOUNT, ""), secret.metadata.namespace or "")
        if account is None or account.metadata.uid != annotations.get(ACCOUNT_UID):
            return False
        return any(reference.name == secret.metadata.name for reference in account.secrets or ())

    async def _clean(self, secret: Secret, now: datetime) -> None:
        meta = secret.metadata
        invalid_since = day((meta.labels or {}).get(INVALID_SINCE))
        try:
            if invalid_since is None:
                labels = {INVALID_SINCE: now.strftime("%Y-%m-%d")}
                body = {"metadata": {"resourceVersion": meta.resource_version, "labels": labels}}
                await self._client.patch(Secret, meta.name or "", meta.namespace or "", body=body)
            elif invalid_since + PERIOD < now:
                await self._client.delete(
                    Secret,
                    meta.name or "",
                    meta.namespace or "",
                    uid=meta.uid or "",
                    resource_version=meta.resource_version or "",
                )
        except StatusError as error:
            if not (is_not_found(error) or is_conflict(error)):
                raise
