"""Events: kept for an hour."""

from .strategy import Strategy


class EventStrategy(Strategy):
    """Stored with a lease; otherwise plain."""

    ttl_seconds = 3600
