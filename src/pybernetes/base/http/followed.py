"""A response body on its way through: whoever handed it on learns when it is over."""

from collections.abc import AsyncIterator, Callable


class FollowedBody:
    """A pulled body that calls `over` once: at its end, at a failure, or when it is closed. A class and no generator,
    so that closing it unread works too."""

    def __init__(self, body: AsyncIterator[bytes], over: Callable[[], None]) -> None:
        self._body = body
        self._over: Callable[[], None] | None = over

    def __aiter__(self) -> "FollowedBody":
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._body)
        except BaseException:
            self._end()
            raise

    async def aclose(self) -> None:
        """End it early."""
        self._end()
        close = getattr(self._body, "aclose", None)
        if close is not None:
            await close()

    def _end(self) -> None:
        over, self._over = self._over, None
        if over is not None:
            over()
