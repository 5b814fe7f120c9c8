"""`kubectl kustomize DIR`."""

from __future__ import annotations

import os

from ..errors import CommandError
from ..kustomize.build import build
from ..output.go_yaml import dump

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..session import Session

FLAGS = (
    "as-current-user=false enable-alpha-plugins=false enable-helm=false -e,env=[+] helm-api-versions=[] "
    "helm-command='helm' helm-debug=false helm-kube-version='' load-restrictor='LoadRestrictionsRootOnly' mount=[+] "
    "network=false network-name='bridge' -o,output=''"
)


def run(session: Session) -> int:
    if len(session.args) > 1:
        raise CommandError("specify one path to kustomization.yaml")
    text = "---\n".join(dump(obj) for obj in build(session.args[0] if session.args else "."))
    path = session.flags.text("output")
    if not path:
        session.out.write(text)
        return 0
    target = os.path.join(path, "kustomization-output.yaml") if os.path.isdir(path) else path
    with open(target, "w", encoding="utf-8") as file:
        file.write(text)
    return 0
