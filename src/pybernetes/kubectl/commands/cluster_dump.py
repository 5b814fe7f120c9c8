"""`kubectl cluster-info dump`: nodes, and of some namespaces their workloads, events and logs."""

from __future__ import annotations

import os
from io import StringIO

from ..client import query_of
from ..errors import CommandError, StatusFailure
from ..objects.struct_order import in_struct_order
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


_TYPE = ("kind", "apiVersion")
"""Which an item of a typed list does not have."""


def run(session: Session) -> int:
    flags = session.flags
    directory = flags.text("output-directory")
    printer = printer_for(session, default="json")
    if flags.text("output") == "name":
        raise CommandError("list types are not supported by name printing: *v1.NodeList")
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
            shown = in_struct_order(obj)
            items = [{key: item[key] for key in item if key not in _TYPE} for item in shown.get("items") or ()]
            printer.print({**shown, "items": items or None}, ordered=True)
        finally:
            text, session.out = session.out.getvalue(), out
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
