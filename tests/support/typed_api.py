"""An `Api` that speaks as Go's typed clients do: bodies and answers are protobuf, patches are JSON."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from tests.support.api import Answer, Api

from pybernetes.api.protobuf import MEDIA_TYPE, decode, encode
from pybernetes.testing import api_server

ACCEPT = f"{MEDIA_TYPE},application/json"


class TypedAnswer(Answer):
    """An answer in either encoding."""

    @property
    def body(self) -> Any:
        return decode(self.raw) if self.header("content-type") == [MEDIA_TYPE] else orjson.loads(self.raw)


class TypedApi(Api):
    """Bodies must name their kind and apiVersion."""

    async def call(
        self, method: str, path: str, obj: Any = None, *, media: str = "", accept: str = "", query: str = ""
    ) -> Answer:
        if isinstance(obj, dict) and not media:
            obj, media = encode(obj), MEDIA_TYPE
        answer = await super().call(method, path, obj, media=media, accept=accept or ACCEPT, query=query)
        found = TypedAnswer.__new__(TypedAnswer)
        found.__dict__.update(answer.__dict__)
        return found


@asynccontextmanager
async def typed_api(**config: Any) -> AsyncIterator[TypedApi]:
    """A `TypedApi` at a server of its own."""
    async with api_server(**config) as server:
        yield TypedApi(server)
