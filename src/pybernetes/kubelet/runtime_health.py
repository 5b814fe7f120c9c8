"""What the container runtime says about itself, as the node's conditions tell it."""

from ..base.log import logger
from .cri.protocol import ContainerRuntime, RuntimeServiceError
from .node_status import NodeHealth

log = logger(__name__)


async def check_runtime(runtime: ContainerRuntime, health: NodeHealth) -> bool | None:
    """Ask the runtime how it is and note it; whether it can give pods a network, None when it does not answer."""
    try:
        if not health.runtime_version:
            version = await runtime.version()
            health.runtime_version = f"{version.runtime_name}://{version.runtime_version}"
        conditions = {c.type: c for c in (await runtime.status()).conditions}
    except RuntimeServiceError as error:
        health.runtime_problem = "container runtime is down"
        log.debug("Runtime status failed", err=error)
        return None
    ready, network = conditions.get("RuntimeReady"), conditions.get("NetworkReady")
    health.runtime_problem = ""
    if ready is None or not ready.status:
        reason = ready.message if ready is not None else "no RuntimeReady condition"
        health.runtime_problem = f"container runtime not ready: {reason}"
    if network is not None and network.status:
        health.network_problem = ""
        return True
    reason, message = (network.reason, network.message) if network is not None else ("", "")
    health.network_problem = f"NetworkReady=false reason:{reason} message:{message}"
    return False
