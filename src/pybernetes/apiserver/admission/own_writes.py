"""What the API server writes for itself, through its own front door."""

from collections.abc import Awaitable, Callable

import orjson

from ...api.status import StatusError
from ...api.user import SYSTEM_MASTERS, UserInfo
from ...base.http.message import App, Request
from ..reader import Object

Write = Callable[[str, str, Object], Awaitable[Object]]
"""`await write("POST", path, obj)`: the object as stored. StatusError when it is refused."""

USER = UserInfo("system:apiserver", groups=(SYSTEM_MASTERS,))


def writer(app: Callable[[], App]) -> Write:
    """Writes through the server's chain of filters; `app` is asked late, since plugins are made before the chain."""

    async def write(method: str, path: str, obj: Object) -> Object:
        headers = [("content-type", "application/json"), ("user-agent", "kube-apiserver")]
        request = Request(method, path, "", headers, orjson.dumps(obj), context={"user": USER})
        response = await app()(request)
        assert isinstance(response.body, bytes)
        body: Object = orjson.loads(response.body)
        if response.status >= 400:
            raise StatusError.from_status(body, response.status)
        return body

    return write
