"""How the components of this machine reach the API server: in the same process, or over HTTPS with a kubeconfig.

Both give `Client`s; the identity, and with it what RBAC allows, is the same either way.
"""

from collections.abc import Callable
from pathlib import Path

import msgspec

from .. import GIT_VERSION
from ..api.user import AUTHENTICATED, UserInfo, component
from ..base.http.message import App
from ..client import config as rest
from ..client import kubeconfig
from ..client.client import Client
from ..client.in_process import InProcessTransport
from ..client.recent import RecentObjects
from ..client.request_metrics import RequestMetrics
from .config import ClusterConfig
from .endpoint import local_server

MANAGER = "kube-controller-manager"
_SERVICE_ACCOUNTS = "system:serviceaccounts"

_RECENT = RecentObjects()
"""What the components in this process see of the API server in it, each object once."""

_HOST = "in-process"
_METRICS: dict[str, RequestMetrics] = {}
"""The requests of each component in this process."""

ClientFor = Callable[[str], Client]
_AGENTS = {
    "scheduler": "kube-scheduler",
    "proxy": "kube-proxy",
    "cloud-controller-manager": "cloud-controller-manager",
}


class ClientError(Exception):
    """No usable credentials; the message is one line."""


def controller_user(name: str) -> UserInfo:
    """The identity of a controller: its service account in kube-system, or the manager itself."""
    if name == MANAGER:
        return component("system:kube-controller-manager")
    groups = (_SERVICE_ACCOUNTS, f"{_SERVICE_ACCOUNTS}:kube-system", AUTHENTICATED)
    return UserInfo(f"system:serviceaccount:kube-system:{name}", groups=groups)


def node_user(name: str) -> UserInfo:
    """The identity of a kubelet."""
    return component(f"system:node:{name}", "system:nodes")


def in_process(app: App, user: UserInfo) -> Client:
    """A client of an API server in this process."""
    agent = agent_of(user)
    return Client(
        InProcessTransport(app, user),
        headers=[("user-agent", f"{agent}/{GIT_VERSION}")],
        recent=_RECENT,
        metrics=_METRICS.setdefault(agent, RequestMetrics(_HOST)),
    )


def agent_of(user: UserInfo) -> str:
    """The component behind an identity, as `managedFields` names it."""
    name = user.name
    if name.startswith("system:serviceaccount:kube-system:"):
        return MANAGER
    if name.startswith("system:node:"):
        return "kubelet"
    return name.removeprefix("system:") if name.startswith("system:kube-") else "pybernetes"


def from_kubeconfig(path: Path, component_name: str) -> Client:
    """A client over HTTPS. ClientError when the file is missing or of no use."""
    return rest.client(rest_config(path), user_agent=f"{_AGENTS.get(component_name, 'pybernetes')}/{GIT_VERSION}")


def local_admin(config: ClusterConfig, component_name: str) -> Client:
    """The administrator at this machine's API server; the kubeconfig may lead to a load balancer. ClientError."""
    connection = rest_config(config.admin_kubeconfig)
    own = msgspec.structs.replace(connection, server=local_server(config))
    return rest.client(own, user_agent=f"{_AGENTS.get(component_name, 'pybernetes')}/{GIT_VERSION}")


def rest_config(path: Path) -> rest.RestConfig:
    """The connection a kubeconfig describes. ClientError."""
    try:
        return kubeconfig.resolve(kubeconfig.read(path))
    except FileNotFoundError:
        raise ClientError(
            f"{path} does not exist; give the file with --kubeconfig or the directory with --data-dir"
        ) from None
    except (OSError, kubeconfig.KubeconfigError) as error:
        raise ClientError(f"{path} cannot be used: {error}") from None
