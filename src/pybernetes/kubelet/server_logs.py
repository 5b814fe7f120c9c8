"""GET /containerLogs/NAMESPACE/POD/CONTAINER: which log to read, and what to say when there is none.

Messages and codes are those `kubectl logs` shows on upstream (`pkg/kubelet/kubelet_pods.go`, `server/server.go`).
"""

import os
from datetime import datetime

from pybernetes.api.core import ContainerStatus, Pod
from pybernetes.base.http.message import Request, Response

from ..base.clock import after
from .cri.messages import ContainerState
from .cri.protocol import ContainerRuntime, RuntimeServiceError
from .host_component import HostComponent
from .host_logs import read_component_log
from .host_pods import HostView
from .logs import LogOptions, instant_of, read_log
from .parts import RuntimeView


class LogsUnavailable(Exception):
    """There is no log to show; the message says why."""


class BadLogOptions(Exception):
    """The query is malformed."""


def _truth(text: str) -> bool:
    if text.lower() in ("", "1", "t", "true"):
        return True
    if text.lower() in ("0", "f", "false"):
        return False
    raise BadLogOptions("Unable to decode query.")


def _number(text: str, least: int) -> int:
    try:
        number = int(text)
    except ValueError:
        raise BadLogOptions("Unable to decode query.") from None
    if number < least:
        raise BadLogOptions("Invalid request.")
    return number


def log_options(params: dict[str, str], now: datetime) -> tuple[LogOptions, bool]:
    """(what to read, whether of the previous run) of the query's PodLogOptions. BadLogOptions."""
    since: datetime | None = None
    if "sinceSeconds" in params and "sinceTime" in params:
        raise BadLogOptions("Invalid request.")
    if params.get("sinceSeconds"):
        since = after(now, -_number(params["sinceSeconds"], 1))
    elif params.get("sinceTime"):
        since = instant_of(params["sinceTime"].encode())
        if since is None:
            raise BadLogOptions("Unable to decode query.")
    stream = params.get("stream") or "All"
    if stream not in ("All", "Stdout", "Stderr"):
        raise BadLogOptions("Invalid request.")
    options = LogOptions(
        follow="follow" in params and _truth(params["follow"]),
        tail_lines=_number(params["tailLines"], 0) if params.get("tailLines") else None,
        limit_bytes=_number(params["limitBytes"], 1) if params.get("limitBytes") else None,
        since=since,
        timestamps="timestamps" in params and _truth(params["timestamps"]),
        stream=stream,
    )
    return options, "previous" in params and _truth(params["previous"])


def status_of(pod: Pod, container_name: str) -> ContainerStatus | None:
    """The status of a container of any sort."""
    status = pod.status
    for statuses in (status.container_statuses, status.init_container_statuses, status.ephemeral_container_statuses):
        for found in statuses or ():
            if found.name == container_name:
                return found
    return None


def has_container(pod: Pod, container_name: str) -> bool:
    """Whether the pod's spec has a container of that name, of any sort."""
    spec = pod.spec
    names = [c.name for c in (*(spec.containers or ()), *(spec.init_containers or ()))]
    names += [c.name for c in spec.ephemeral_containers or ()]
    return container_name in names


def which_run(pod: Pod, container_name: str, previous: bool) -> bool:
    """Whether the run before the newest one is meant; LogsUnavailable when there is no run to show.

    A container that waits to be started again has its newest run as its "previous" one."""
    pod_name = pod.metadata.name
    where = f'container "{container_name}" in pod "{pod_name}"'
    status = status_of(pod, container_name)
    if status is None:
        raise LogsUnavailable(f"{where} is not available")
    state, last = status.state, status.last_state
    ended = last.terminated if last is not None else None
    if previous:
        if ended is None or not ended.container_id:
            raise LogsUnavailable(f'previous terminated container "{container_name}" in pod "{pod_name}" not found')
        return state is None or state.waiting is None
    if state is not None and state.running is not None:
        return False
    if state is not None and state.terminated is not None:
        if not state.terminated.container_id and (ended is None or not ended.container_id):
            raise LogsUnavailable(f"{where} is terminated")
        return False
    if ended is not None:
        if not ended.container_id:
            raise LogsUnavailable(f"{where} is terminated")
        return False
    if state is not None and state.waiting is not None:
        reason = state.waiting.reason or ""
        if reason == "ErrImagePull":
            raise LogsUnavailable(f"{where} is waiting to start: image can't be pulled")
        if reason == "ImagePullBackOff":
            raise LogsUnavailable(f"{where} is waiting to start: trying and failing to pull image")
        raise LogsUnavailable(f"{where} is waiting to start: {reason}")
    raise LogsUnavailable(f"{where} is waiting to start - no logs yet")


async def _runs(cri: ContainerRuntime, container_id: str) -> bool:
    try:
        status = await cri.container_status(container_id)
    except RuntimeServiceError as error:
        return error.code != "NOT_FOUND"
    return status.state in (ContainerState.RUNNING, ContainerState.CREATED)


def _plain(status: int, text: str) -> Response:
    return Response(status, [("content-type", "text/plain")], text.encode())


def _component_logs(component: HostComponent, pod_name: str, options: LogOptions, previous: bool) -> Response:
    if previous:
        why = f'previous terminated container "{component.name}" in pod "{pod_name}" not found'
        return _plain(400, why)
    if not component.log.path or not os.path.exists(component.log.path):
        why = "its process writes to no file; look where its standard error goes"
        return _plain(400, f'container "{component.name}" in pod "{pod_name}" has no log: {why}')
    return Response(200, [("content-type", "text/plain")], read_component_log(component.log, options))


async def container_logs(
    view: RuntimeView, request: Request, path: list[str], now: datetime, host: HostView | None = None
) -> Response:
    """Answer for [namespace, pod, container]."""
    if len(path) < 2 or not path[1]:
        return _plain(400, '{"message": "Missing podID."}')
    if len(path) < 3 or not path[2]:
        return _plain(400, '{"message": "Missing container name."}')
    namespace, name, container_name = path[:3]
    try:
        options, previous = log_options(request.params(), now)
    except BadLogOptions as error:
        return _plain(422 if str(error) == "Invalid request." else 400, f'{{"message": "{error}"}}')
    component = host.component(namespace, name) if host is not None else None
    if component is not None and component.name == container_name:
        return _component_logs(component, name, options, previous)
    pod = view.pod(namespace, name)
    if pod is None:
        return _plain(404, f'pod "{name}" does not exist\n')
    if not has_container(pod, container_name):
        return _plain(404, f'container "{container_name}" not found in pod "{name}"\n')
    try:
        before = which_run(pod, container_name, previous)
    except LogsUnavailable as error:
        return _plain(400, str(error))
    log = view.log_path(pod, container_name, before)
    container_id = view.container_id(pod.metadata.uid or "", container_name)

    async def running() -> bool:
        return not before and container_id is not None and await _runs(view.cri, container_id)

    if log is None or not os.path.exists(log):
        return _plain(400, f'container "{container_name}" in pod "{name}" has no log')
    return Response(200, [("content-type", "text/plain")], read_log(log, options, running))
