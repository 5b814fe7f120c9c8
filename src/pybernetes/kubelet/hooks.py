"""Lifecycle hooks: postStart and preStop handlers of a container (exec, httpGet, tcpSocket, sleep).

The core calls `run_hook` and reports FailedPostStartHook or FailedPreStopHook itself. An httpGet hook must be answered;
with which status does not matter, as upstream ignores it too. tcpSocket is in the API for old manifests only and has no
effect there; here a connection is made, and its failure is the hook's.
"""

import asyncio

from pybernetes.api.core import Container, LifecycleHandler, Pod

from .cri.protocol import RuntimeServiceError
from .parts import ExecSync, HookError
from .probes_http import HttpProbeError, http_get, open_tcp
from .probes_prober import ProbeError, port_number, probe_headers, probe_url

USER_AGENT = "kube-lifecycle/1.36"
DEFAULT_TIMEOUT_SECONDS = 30.0


async def run_hook(
    handler: LifecycleHandler,
    pod: Pod,
    container: Container,
    container_id: str,
    pod_ip: str,
    timeout: float,
    exec_sync: ExecSync,
) -> None:
    """Run one handler to its end, for at most timeout seconds (0 = no limit of its own). HookError when it fails."""
    limit = timeout if timeout > 0 else None
    try:
        async with asyncio.timeout(limit):
            if handler.exec is not None:
                await _exec(handler.exec.command or [], container_id, timeout, exec_sync)
            elif handler.http_get is not None:
                url = probe_url(handler.http_get, container, pod_ip)
                seconds = limit or DEFAULT_TIMEOUT_SECONDS
                await http_get(url, probe_headers(handler.http_get), seconds, USER_AGENT)
            elif handler.sleep is not None:
                await asyncio.sleep(handler.sleep.seconds)
            elif handler.tcp_socket is not None:
                host = handler.tcp_socket.host or pod_ip
                _, writer = await open_tcp(host, port_number(handler.tcp_socket.port, container))
                writer.close()
            else:
                raise HookError(f"invalid handler: container {container.name} of pod {pod.metadata.name}")
    except TimeoutError:
        raise HookError(f"the hook did not end within {timeout:g}s") from None
    except (HttpProbeError, ProbeError) as error:
        raise HookError(str(error)) from error


async def _exec(command: list[str], container_id: str, timeout: float, exec_sync: ExecSync) -> None:
    try:
        code, output = await exec_sync(container_id, command, int(timeout))
    except RuntimeServiceError as error:
        raise HookError(str(error)) from error
    if code != 0:
        shown = " ".join(command)
        text = output.decode("utf-8", "replace")
        raise HookError(f"command '{shown}' exited with {code}: {text}")
