"""Which container of which pod on which node a request for logs, exec, attach or port-forward means."""

from ...api.resource import resource
from ...api.status import bad_request, not_found
from ..reader import Object, ObjectReader
from ..request_info import RequestInfo


def find_pod(reader: ObjectReader, info: RequestInfo) -> Object:
    """The pod of the path. StatusError 404."""
    pod = reader.get(resource("pods"), info.namespace, info.name)
    if pod is None:
        raise not_found("", "pods", info.name)
    return pod


def choose_container(pod: Object, asked: str) -> str:
    """The asked container, or the only one. StatusError 400 listing the choices otherwise."""
    name = pod["metadata"]["name"]
    containers = _names(pod, "containers")
    if not asked:
        if len(containers) == 1:
            return containers[0]
        if not containers:
            raise bad_request(f"a container name must be specified for pod {name}")
        text = f"a container name must be specified for pod {name}, choose one of: [{' '.join(containers)}]"
        if init := _names(pod, "initContainers"):
            text += f" or one of the init containers: [{' '.join(init)}]"
        if ephemeral := _names(pod, "ephemeralContainers"):
            text += f" or one of the ephemeral containers: [{' '.join(ephemeral)}]"
        raise bad_request(text)
    if asked not in (*containers, *_names(pod, "initContainers"), *_names(pod, "ephemeralContainers")):
        raise bad_request(f"container {asked} is not valid for pod {name}")
    return asked


def host_of(pod: Object) -> str:
    """The node the pod runs on. StatusError 400 while it has none."""
    node_name: str = pod["spec"].get("nodeName", "")
    if not node_name:
        raise bad_request(f"pod {pod['metadata']['name']} does not have a host assigned")
    return node_name


def _names(pod: Object, key: str) -> list[str]:
    return [container["name"] for container in pod["spec"].get(key) or ()]
