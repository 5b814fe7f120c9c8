"""What admission plugins are made from."""

import msgspec

from ...base.clock import SYSTEM_CLOCK, Clock
from ..authz.authorizer import Authorizer
from ..reader import ObjectReader
from .webhook.client import WebhookClient
from .webhook.versions import Versions


class AdmissionContext(msgspec.Struct, kw_only=True):
    """The parts of a server that plugins use."""

    reader: ObjectReader
    authorizer: Authorizer
    versions: Versions
    webhooks: WebhookClient
    clock: Clock = SYSTEM_CLOCK
