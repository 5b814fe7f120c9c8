"""What admission plugins are made from."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from ...api.feature_gates import known_gates
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
    gates: Mapping[str, bool] = {}
    """Feature gates; one that is not named has its default."""
    configuration: dict[str, Any] = {}
    """Settings of single plugins by name, in wire form (`AdmissionConfiguration`)."""

    def settings(self, plugin: str) -> Object:
        """Of one plugin; empty when there are none."""
        found: Object = self.configuration.get(plugin) or {}
        return found

    def enabled(self, gate: str) -> bool:
        """Whether a feature gate is on."""
        return self.gates[gate] if gate in self.gates else known_gates()[gate].default

    @property
    def limited(self) -> list[LimitedResource]:
        """Resources that cannot be used without a quota."""
        rows = self.settings("ResourceQuota").get("limitedResources") or []
        return msgspec.convert(rows, list[LimitedResource])
