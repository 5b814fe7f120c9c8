"""The indexes that controllers of pods share on the one informer of pods."""

from collections.abc import Iterable

from ..api.core import Pod
from ..client.informer import Informer
from .ownership import controller_of
from .pods import node_of

CONTROLLER = "controller uid"
ORPHANS = "orphans of namespace"
NODE = "node"


def index_pods(pods: Informer[Pod]) -> None:
    """Index pods by the uid of their controller, orphans by namespace, and all by node."""
    pods.add_index(CONTROLLER, _controller_uid)
    pods.add_index(ORPHANS, _orphan_namespace)
    pods.add_index(NODE, _node)


def _controller_uid(pod: Pod) -> Iterable[str]:
    reference = controller_of(pod)
    return () if reference is None else (reference.uid,)


def _orphan_namespace(pod: Pod) -> Iterable[str]:
    return (pod.metadata.namespace or "",) if controller_of(pod) is None else ()


def _node(pod: Pod) -> Iterable[str]:
    node = node_of(pod)
    return (node,) if node else ()
