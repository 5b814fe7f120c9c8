"""Carrying out one probe: exec, httpGet, tcpSocket or grpc. What it means is decided in `probes_decision.py`.

An outcome is success, failure or warning (a success with something to say). A probe that could not be carried out at
all, such as an exec into a container that is just going, raises ProbeError and counts as neither.
"""

import asyncio
from typing import Literal

import msgspec

from pybernetes.api.core import Container, HTTPGetAction, Probe

from .cri.protocol import RuntimeServiceError
from .parts import ExecSync
from .probes_grpc import check as grpc_check
from .probes_http import MAXIMUM_BODY_BYTES, HttpProbeError, http_get, join_address, open_tcp

USER_AGENT = "kube-probe/1.36"


class ProbeError(Exception):
    """The probe could not be carried out."""


class Outcome(msgspec.Struct, frozen=True):
    """What one probe found."""

    result: Literal["success", "warning", "failure"]
    message: str = ""


def port_number(port: int | str, container: Container) -> int:
    """A port given by number or by the name of a container port. ProbeError for an unknown name."""
    if isinstance(port, int):
        number = port
    elif port.isdigit():
        number = int(port)
    else:
        number = next((p.container_port for p in container.ports or () if p.name == port), 0)
        if not number:
            raise ProbeError(f'couldn\'t find port: "{port}" in container {container.name}')
    if not 0 < number < 65536:
        raise ProbeError(f"invalid port number: {number}")
    return number


def probe_url(action: HTTPGetAction, container: Container, pod_ip: str) -> str:
    """The URL an httpGet action asks for; the host defaults to the pod's address."""
    path = action.path or "/"
    host = action.host or pod_ip
    address = join_address(host, port_number(action.port, container))
    return f"{(action.scheme or 'http').lower()}://{address}{path if path.startswith('/') else '/' + path}"


def probe_headers(action: HTTPGetAction) -> list[tuple[str, str]]:
    """The extra headers of an httpGet action, in order."""
    return [(header.name, header.value) for header in action.http_headers or ()]


class Prober:
    """Carries probes out; exec_sync runs a command in a container."""

    def __init__(self, exec_sync: ExecSync) -> None:
        self._exec_sync = exec_sync

    async def probe(
        self, probe: Probe, container: Container, container_id: str, pod_ip: str, timeout_seconds: float
    ) -> Outcome:
        """Carry one probe out. ProbeError when that is not possible."""
        if probe.exec is not None:
            return await self._exec(probe.exec.command or [], container_id, timeout_seconds)
        if probe.http_get is not None:
            url = probe_url(probe.http_get, container, pod_ip)
            return await self._http(url, probe_headers(probe.http_get), timeout_seconds)
        if probe.tcp_socket is not None:
            host = probe.tcp_socket.host or pod_ip
            return await self._tcp(host, port_number(probe.tcp_socket.port, container), timeout_seconds)
        if probe.grpc is not None:
            address = join_address(pod_ip, probe.grpc.port)
            healthy, message = await grpc_check(address, probe.grpc.service or "", timeout_seconds, USER_AGENT)
            return Outcome("success" if healthy else "failure", message)
        raise ProbeError(f"missing probe handler for container {container.name}")

    async def _exec(self, command: list[str], container_id: str, timeout_seconds: float) -> Outcome:
        try:
            code, output = await self._exec_sync(container_id, command, max(int(timeout_seconds), 1))
        except RuntimeServiceError as error:
            if error.code == "DEADLINE_EXCEEDED":
                shown = " ".join(command)
                return Outcome("failure", f'command timed out: "{shown}" timed out after {timeout_seconds:g}s')
            raise ProbeError(str(error)) from error
        text = output[:MAXIMUM_BODY_BYTES].decode("utf-8", "replace")
        return Outcome("success" if code == 0 else "failure", text)

    async def _http(self, url: str, headers: list[tuple[str, str]], timeout_seconds: float) -> Outcome:
        try:
            answer = await http_get(url, headers, timeout_seconds, USER_AGENT)
        except HttpProbeError as error:
            return Outcome("failure", str(error))
        body = answer.body.decode("utf-8", "replace")
        if 200 <= answer.status < 300:
            return Outcome("success", body)
        if 300 <= answer.status < 400:
            return Outcome("warning", f"Probe terminated redirects, Response body: {body}")
        return Outcome("failure", f"HTTP probe failed with statuscode: {answer.status}")

    async def _tcp(self, host: str, port: int, timeout_seconds: float) -> Outcome:
        try:
            async with asyncio.timeout(timeout_seconds):
                _, writer = await open_tcp(host, port)
        except TimeoutError:
            return Outcome("failure", f"dial tcp {join_address(host, port)}: i/o timeout")
        except HttpProbeError as error:
            return Outcome("failure", str(error))
        writer.close()
        return Outcome("success")
