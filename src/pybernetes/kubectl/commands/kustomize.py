"""`kubectl kustomize DIR`."""

from __future__ import annotations

import os

from ..errors import CommandError
from ..kustomize.build import build
from ..kustomize.options import Options
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
    text = "---\n".join(dump(obj) for obj in build(session.args[0] if session.args else ".", options))
    path = session.flags.text("output")
    if not path:
        session.out.write(text)
        return 0
    target = os.path.join(path, "kustomization-output.yaml") if os.path.isdir(path) else path
    with open(target, "w", encoding="utf-8") as file:
        file.write(text)
    return 0
