"""What admission plugins are made from."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from ...base.clock import SYSTEM_CLOCK, Clock
from ..authz.authorizer import Authorizer
from ..reader import Object, ObjectReader
from .own_writes import Write
from .quota_check import LimitedResource
from .resource_quota import QuotaStore
from .webhook.client import WebhookClient
from .webhook.versions import Versions


class AdmissionContext(msgspec.Struct, kw_only=True):
    """The parts of a server that plugins use."""

    reader: ObjectReader
    authorizer: Authorizer
    versions: Versions
    webhooks: WebhookClient
    quotas: QuotaStore
    write: Write
    refresh: Callable[[], Awaitable[object]]
    """Waits until the reader has everything that was stored before, whichever server wrote it."""
    clock: Clock = SYSTEM_CLOCK
    configuration: dict[str, Any] = {}
    """Settings of single plugins by name, in wire form (`AdmissionConfiguration`)."""

    def settings(self, plugin: str) -> Object:
        """Of one plugin; empty when there are none."""
        found: Object = self.configuration.get(plugin) or {}
        return found

    @property
    def limited(self) -> list[LimitedResource]:
        """Resources that cannot be used without a quota."""
        rows = self.settings("ResourceQuota").get("limitedResources") or []
        return msgspec.convert(rows, list[LimitedResource])
