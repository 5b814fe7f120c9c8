"""`kubectl cluster-info dump`: nodes, and of some namespaces their workloads, events and logs."""

from __future__ import annotations

import os
from io import StringIO

from ..client import query_of
from ..errors import StatusFailure
from ..output.printers import printer_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

FLAGS = {
    "cluster-info dump": (
        "-A,all-namespaces=false allow-missing-template-keys=true namespaces=[] -o,output='json' output-directory='' "
        "pod-running-timeout=20s show-managed-fields=false template=''"
    )
}
_LISTS = (
    ("events", "v1/events"),
    ("replication-controllers", "v1/replicationcontrollers"),
    ("services", "v1/services"),
    ("daemonsets", "apps/v1/daemonsets"),
    ("deployments", "apps/v1/deployments"),
    ("replicasets", "apps/v1/replicasets"),
    ("pods", "v1/pods"),
)
_METADATA = (
    "name", "generateName", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp",
    "deletionTimestamp", "deletionGracePeriodSeconds", "labels", "annotations", "ownerReferences", "finalizers",
)  # fmt: skip


def run(session: Session) -> int:
    flags = session.flags
    directory = flags.text("output-directory")
    printer = printer_for(session, default="json")
    extension = {"json": ".json", "yaml": ".yaml"}.get(flags.text("output"), ".txt")

    def write(name: str, text: str) -> None:
        if not directory or directory == "-":
            session.out.write(text)
            return
        path = os.path.join(directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def show(name: str, obj: dict[str, Any]) -> None:
        out, session.out = session.out, StringIO()
        try:
            whole = flags.on("show-managed-fields")
            items = [_typed(item, whole=whole) for item in obj.get("items") or ()]
            printer.print({**obj, "items": items or None}, ordered=True)
            text = session.out.getvalue()
        finally:
            session.out = out
        write(name + extension, text)

    show("nodes", session.client.get("/api/v1/nodes"))
    for namespace in _namespaces(session):
        pods: list[dict[str, Any]] = []
        for name, where in _LISTS:
            version, _, resource = where.rpartition("/")
            root = f"/apis/{version}" if "/" in version else f"/api/{version}"
            found = session.client.get(f"{root}/namespaces/{namespace}/{resource}")
            show(os.path.join(namespace, name), found)
            if name == "pods":
                pods = found.get("items") or []
        for pod in pods:
            write(os.path.join(namespace, pod["metadata"]["name"], "logs.txt"), _logs(session, namespace, pod))
    if directory and directory != "-":
        session.print(f"Cluster info dumped to {directory}")
    return 0


def _typed(obj: dict[str, Any], *, whole: bool) -> dict[str, Any]:
    """An item of a list as Go's types print it: without its kind, metadata in the order of the type, maps sorted."""
    given = obj.get("metadata") or {}
    metadata = {key: given[key] for key in _METADATA if key in given} | given
    for key in ("labels", "annotations"):
        if key in metadata:
            metadata[key] = dict(sorted(metadata[key].items()))
    if not whole:
        metadata.pop("managedFields", None)
    rest = {key: obj[key] for key in ("spec", "status") if key in obj} | obj
    template = (obj.get("spec") or {}).get("template")
    if template:
        inner = {"creationTimestamp": None, **(template.get("metadata") or {})}
        rest["spec"] = {**obj["spec"], "template": {**template, "metadata": inner}}
    return {"metadata": metadata, **{key: rest[key] for key in rest if key not in ("kind", "apiVersion", "metadata")}}


def _namespaces(session: Session) -> list[str]:
    flags = session.flags
    if flags.on("all-namespaces"):
        return [str(obj["metadata"]["name"]) for obj in session.client.get("/api/v1/namespaces").get("items") or ()]
    return flags.many("namespaces") or ["kube-system", session.namespace]


def _logs(session: Session, namespace: str, pod: dict[str, Any]) -> str:
    name, parts = pod["metadata"]["name"], []
    for container in pod["spec"].get("containers") or ():
        title = f"container {container['name']} of pod {namespace}/{name}"
        query = query_of((("container", container["name"]),))
        try:
            data = session.client.call("GET", f"/api/v1/namespaces/{namespace}/pods/{name}/log{query}", accept="*/*")
            text = data.decode("utf-8", "replace")
        except StatusFailure as error:
            text = f"Request log error: {error.message}\n"
        parts.append(f"==== START logs for {title} ====\n{text}==== END logs for {title} ====\n")
    return "".join(parts)
