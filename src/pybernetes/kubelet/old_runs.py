"""Runs of a container that have ended, and their logs: two of each are kept, for `logs --previous`."""

import os

from ..base.log import logger
from .container_config import log_name
from .cri.protocol import ContainerRuntime, RuntimeServiceError, is_runtime_not_found
from .pod_runtime import ContainerView, PodRuntime

log = logger(__name__)

KEPT_RUNS = 2
"""Of each container: the newest run and the one before it."""


async def remove_run(runtime: ContainerRuntime, logs_directory: str, run: ContainerView) -> None:
    """Remove one run and its log. RuntimeServiceError, unless it is gone already."""
    try:
        await runtime.remove_container(run.id)
    except RuntimeServiceError as error:
        if not is_runtime_not_found(error):
            raise
    path = os.path.join(logs_directory, log_name(run.name, run.restarts))
    if os.path.exists(path):
        os.unlink(path)


async def remove_old_runs(runtime: ContainerRuntime, logs_directory: str, pod: PodRuntime) -> None:
    """Keep KEPT_RUNS of each container; what cannot be removed is tried again with the next run."""
    for name in {c.name for c in pod.containers}:
        for old in pod.runs(name)[KEPT_RUNS:]:
            if old.state == "exited":
                try:
                    await remove_run(runtime, logs_directory, old)
                except RuntimeServiceError as error:
                    log.warning("Old container was not removed", container=old.id, err=error)
