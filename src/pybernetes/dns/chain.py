"""The chain of handlers a query goes through, in order; each answers or passes (the CoreDNS plugin idea).

The order is data: `DnsServer` builds `(kubernetes, cache, forward)`. A handler returns an `Answer`, raw reply bytes (a
forwarded reply, whose identifier is set by the server) or None to pass. Nobody answers: REFUSED.
"""

from typing import Protocol

from .message import REFUSED, Answer, Query

Reply = Answer | bytes


class Handler(Protocol):
    """One part of the chain."""

    async def handle(self, query: Query) -> Reply | None:
        """Answer, or None to pass the query on."""


class Chain:
    """Handlers in order."""

    def __init__(self, handlers: tuple[Handler, ...]) -> None:
        self._handlers = handlers

    async def handle(self, query: Query) -> Reply:
        for handler in self._handlers:
            reply = await handler.handle(query)
            if reply is not None:
                return reply
        return Answer(REFUSED)
