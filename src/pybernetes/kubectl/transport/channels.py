"""The streams of a process or of a port in a pod: over a WebSocket, or over SPDY where the server refuses that.

`$KUBECTL_REMOTE_COMMAND_WEBSOCKETS` and `$KUBECTL_PORT_FORWARD_WEBSOCKETS`, if `false`, ask for SPDY at once.
"""

from __future__ import annotations

import os

from ..errors import StatusFailure
from .websocket import ERROR, RESIZE, STDERR, STDIN, STDOUT
from .websocket import connect as connect_websocket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    from ..client import Client

    class Channels(Protocol):
        """What WebSocket and SpdyChannels have in common: messages whose byte 0 is the channel."""

        port_prefix: int

        def send_channel(self, channel: int, data: bytes) -> None: ...
        def end_channel(self, channel: int) -> bool: ...
        def receive(self) -> bytes | None: ...
        def messages(self) -> Iterator[bytes]: ...
        def close(self) -> None: ...


_PROCESS = ("v5.channel.k8s.io", "v4.channel.k8s.io")


def _websockets(variable: str) -> bool:
    return os.environ.get(variable, "").lower() not in ("false", "f", "0")


def open_process(client: Client, path: str, *, stdin: bool, tty: bool) -> Channels:
    """The streams of `exec` or `attach`, the query in the path. StatusFailure when the server refuses both ways."""
    if _websockets("KUBECTL_REMOTE_COMMAND_WEBSOCKETS"):
        try:
            return connect_websocket(client, path, _PROCESS)
        except StatusFailure:
            pass
    from .spdy import connect

    channels = connect(client, path, "v4.channel.k8s.io")
    channels.open(ERROR, [("streamType", "error")])
    if stdin:
        channels.open(STDIN, [("streamType", "stdin")], listen=False)
    channels.open(STDOUT, [("streamType", "stdout")])
    if tty:
        channels.open(RESIZE, [("streamType", "resize")], listen=False)
    else:
        channels.open(STDERR, [("streamType", "stderr")])
    return channels


def open_port(client: Client, path: str, port: int) -> Channels:
    """One connection to a port: channel 0 is data, channel 1 errors. StatusFailure when both ways are refused."""
    if _websockets("KUBECTL_PORT_FORWARD_WEBSOCKETS"):
        try:
            return connect_websocket(client, f"{path}?ports={port}", ("v4.channel.k8s.io",))
        except StatusFailure:
            pass
    from .spdy import connect

    channels = connect(client, path, "portforward.k8s.io")
    common = [("port", str(port)), ("requestID", "0")]
    channels.open(1, [("streamType", "error"), *common])
    channels.end_channel(1)
    channels.open(0, [("streamType", "data"), *common])
    return channels


def open_idle(client: Client, path: str) -> Channels:
    """A connection for ports on which nothing is asked for; it ends when the other side does. StatusFailure."""
    from .spdy import connect

    channels = connect(client, path, "portforward.k8s.io")
    channels.stay()
    return channels
