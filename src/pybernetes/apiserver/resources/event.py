"""Events: kept for an hour; who speaks the newer group is held to more."""

from ...api.field import FieldError
from ...api.validation.event import validate_new, validate_new_update
from .strategy import Object, Strategy, Write


class EventStrategy(Strategy):
    """Stored with a lease; otherwise plain."""

    ttl_seconds = 3600

    def validate_create(self, obj: Object, write: Write) -> list[FieldError]:
        return validate_new(obj) if _is_new(write) else super().validate_create(obj, write)

    def validate_update(self, new: Object, old: Object, write: Write) -> list[FieldError]:
        return validate_new_update(new, old) if _is_new(write) else super().validate_update(new, old, write)


def _is_new(write: Write) -> bool:
    return write.served is not None and write.served.group == "events.k8s.io"
