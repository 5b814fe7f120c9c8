"""One handler per connecting subresource, for `Dispatcher.connect`."""

from collections.abc import Awaitable, Callable

from ...base.http.message import Request, Response
from ..authz.authorizer import Authorizer
from ..reader import ObjectReader
from ..request_info import RequestInfo
from .kubelet_dialer import KubeletDialer
from .log import PodLogs
from .proxy import Proxy
from .proxy_targets import may_be_proxied
from .remote_command import PortForward, RemoteCommand

ConnectHandler = Callable[[Request, RequestInfo], Awaitable[Response]]


def build_streams(
    reader: ObjectReader,
    dialer: KubeletDialer,
    authorizer: Authorizer,
    *,
    allow_address: Callable[[str], bool] = may_be_proxied,
) -> dict[tuple[str, str], ConnectHandler]:
    """Handlers by (resource, subresource); all of the core group. `dialer.backends.close()` ends what they opened."""
    command = RemoteCommand(reader, dialer, authorizer)
    proxy = Proxy(reader, dialer, dialer.backends, allow_address=allow_address)
    return {
        ("pods", "log"): PodLogs(reader, dialer),
        ("pods", "exec"): command,
        ("pods", "attach"): command,
        ("pods", "portforward"): PortForward(reader, dialer, authorizer),
        ("pods", "proxy"): proxy,
        ("services", "proxy"): proxy,
        ("nodes", "proxy"): proxy,
    }
