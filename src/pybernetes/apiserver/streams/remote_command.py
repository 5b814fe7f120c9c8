"""`pods/NAME/exec`, `/attach` and `/portforward`: to the kubelet's streaming endpoints.

    WebSocket v5.channel.k8s.io          -> translated to SPDY streams   (kubectl >= 1.30 exec, attach, cp)
    WebSocket SPDY/3.1+portforward...    -> SPDY taken out of the frames (kubectl >= 1.31 port-forward)
    SPDY/3.1, WebSocket v4 and older     -> passed through byte by byte

Since 1.35 a WebSocket (a GET) needs the verb `create` as a POST does.
"""

from urllib.parse import urlencode

import msgspec

from ...api.status import bad_request
from ...api.user import UserInfo
from ...base.http.message import Request, Response
from ..authz.authorizer import Attributes, Authorizer
from ..authz.forbidden import forbidden
from ..parameters import flag
from ..reader import ObjectReader
from ..request_info import RequestInfo
from .kubelet_dialer import KubeletDialer
from .pod_target import choose_container, find_pod, host_of
from .relay import is_upgrade, offered_protocols, relay_upgrade, segment

_REQUIRED = "Upgrade request required"
_TRANSLATED = "v5.channel.k8s.io"
_TUNNELLED = "SPDY/3.1+portforward.k8s.io"


class _Upgrades:
    """What the three handlers share."""

    def __init__(self, reader: ObjectReader, dialer: KubeletDialer, authorizer: Authorizer) -> None:
        self._reader = reader
        self._dialer = dialer
        self._authorizer = authorizer

    async def _check(self, request: Request, info: RequestInfo) -> None:
        """A GET has been authorized as `get` only; running something is `create`."""
        user: UserInfo | None = request.context.get("user")
        if info.verb == "create" or user is None:
            return
        attributes = Attributes(
            user, "create", "", info.version, info.resource, info.subresource, info.namespace, info.name
        )
        decision = await self._authorizer.authorize(attributes)
        if not decision.allowed:
            raise forbidden(attributes, decision.reason)


class RunOptions(msgspec.Struct, frozen=True, kw_only=True):
    """PodExecOptions and PodAttachOptions."""

    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    tty: bool = False
    container: str = ""
    command: tuple[str, ...] = ()

    def kubelet_query(self) -> str:
        """The parameters of the kubelet's `/exec` and `/attach`."""
        flags = (("input", self.stdin), ("output", self.stdout), ("error", self.stderr), ("tty", self.tty))
        query = [(name, "1") for name, value in flags if value]
        return urlencode([*query, *(("command", word) for word in self.command)])


def run_options(request: Request, subresource: str) -> RunOptions:
    """Read and check the query. StatusError 400 in upstream's words."""
    params = request.params()
    options = RunOptions(
        stdin=flag(params, "stdin"),
        stdout=flag(params, "stdout"),
        stderr=flag(params, "stderr"),
        tty=flag(params, "tty"),
        container=params.get("container", ""),
        command=tuple(request.param_all("command")) if subresource == "exec" else (),
    )
    if subresource == "exec" and not options.command:
        raise bad_request("you must specify at least 1 command for the container")
    if not (options.stdin or options.stdout or options.stderr):
        raise bad_request("you must specify at least 1 of stdin, stdout, stderr")
    # A terminal has one output; kubelets drop stderr silently as well.
    return msgspec.structs.replace(options, stderr=False) if options.tty else options


class RemoteCommand(_Upgrades):
    """The handler of pods/exec and pods/attach."""

    async def __call__(self, request: Request, info: RequestInfo) -> Response:
        """GET or POST with an upgrade."""
        await self._check(request, info)
        pod = find_pod(self._reader, info)
        options = run_options(request, info.subresource)
        container = choose_container(pod, options.container)
        node_name = host_of(pod)
        if not is_upgrade(request):
            raise bad_request(_REQUIRED)
        path = f"/{info.subresource}/{segment(info.namespace)}/{segment(info.name)}/{segment(container)}"

        async def send(asked: Request) -> Response:
            return await self._dialer.send(node_name, asked)

        if _TRANSLATED in offered_protocols(request):
            from .stream_translator import Channels, translate

            channels = Channels(options.stdin, options.stdout, options.stderr, options.tty)
            return await translate(request, path, options.kubelet_query(), channels, send)
        return await relay_upgrade(request, path, options.kubelet_query(), send)


class PortForward(_Upgrades):
    """The handler of pods/portforward. `ports` is needed by WebSocket clients only; SPDY names them per stream."""

    async def __call__(self, request: Request, info: RequestInfo) -> Response:
        """GET or POST with an upgrade."""
        await self._check(request, info)
        pod = find_pod(self._reader, info)
        node_name = host_of(pod)
        if not is_upgrade(request):
            raise bad_request(_REQUIRED)
        ports = ",".join(request.param_all("ports"))
        path = f"/portForward/{segment(info.namespace)}/{segment(info.name)}"

        async def send(asked: Request) -> Response:
            return await self._dialer.send(node_name, asked)

        query = urlencode({"port": ports}) if ports else ""
        if _TUNNELLED in offered_protocols(request):
            from .tunnel import tunnel

            return await tunnel(request, path, query, send)
        return await relay_upgrade(request, path, query, send)
