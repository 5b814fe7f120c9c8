"""`kubectl kustomize DIR`."""

from __future__ import annotations

import os

from ..errors import CommandError, os_text
from ..kustomize.build import build
from ..kustomize.options import Options
from ..kustomize.resource import effective_namespace
from ..output.go_yaml import dump

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ..session import Session

FLAGS = (
    "as-current-user=false enable-alpha-plugins=false enable-helm=false -e,env=[+] helm-api-versions=[] "
    "helm-command='helm' helm-debug=false helm-kube-version='' load-restrictor='LoadRestrictionsRootOnly' mount=[+] "
    "network=false network-name='bridge' -o,output=''"
)


def run(session: Session) -> int:
    if len(session.args) > 1:
        raise CommandError("specify one path to kustomization.yaml")
    flags = session.flags
    options = Options()
    options.warn = session.tell  # type: ignore[assignment]
    options.enable_helm, options.helm_debug = flags.on("enable-helm"), flags.on("helm-debug")
    options.helm_command, options.helm_kube_version = flags.text("helm-command"), flags.text("helm-kube-version")
    options.helm_api_versions = flags.many("helm-api-versions")
    restrictor = flags.text("load-restrictor")
    if restrictor not in ("LoadRestrictionsRootOnly", "LoadRestrictionsNone"):
        raise CommandError(
            f"illegal flag value --load-restrictor {restrictor}; legal values: [LoadRestrictionsRootOnly "
            "LoadRestrictionsNone]"
        )
    options.anywhere = restrictor == "LoadRestrictionsNone"
    objects = build(session.args[0] if session.args else ".", options)
    path = flags.text("output")
    text = "---\n".join(map(dump, objects))
    if not path:
        session.out.write(text)
    elif not os.path.isdir(path):
        _write(path, text)
    else:
        for name, obj in files_of(objects):
            _write(os.path.join(path, name), dump(obj))
    return 0


def files_of(objects: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The file of each object below a directory: its version, kind and name, and its namespace where there are several.

    What names no namespace counts as of `default`, but for cluster-wide kinds.
    """
    placed = []
    for obj in objects:
        group, _, version = obj["apiVersion"].rpartition("/")
        name = "_".join(filter(None, (group, version, obj["kind"], obj["metadata"].get("name") or ""))).lower()
        placed.append((effective_namespace(obj), name, obj))
    several = len({namespace for namespace, _, _ in placed if namespace}) > 1
    for namespace, name, obj in placed:
        yield f"{namespace}_{name}.yaml" if several and namespace else f"{name}.yaml", obj


def _write(path: str, text: str) -> None:
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise CommandError(os_text(error)) from None
