"""APIServices: a local one is available from the moment it is made."""

from datetime import UTC, datetime

from .strategy import Object, Strategy, Write, instant

LOCAL = ("True", "Local", "Local APIServices are always available")


class ApiServiceStrategy(Strategy):
    """See the module docstring."""

    def prepare_create(self, obj: Object, write: Write) -> None:
        """See Strategy."""
        super().prepare_create(obj, write)
        if (obj.get("spec") or {}).get("service") is None:
            value, reason, message = LOCAL
            condition = {
                "type": "Available",
                "status": value,
                "lastTransitionTime": instant(datetime.now(UTC)),
                "reason": reason,
                "message": message,
            }
            obj["status"] = {"conditions": [condition]}
