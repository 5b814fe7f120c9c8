"""`kubectl create deployment|job|cronjob`."""

from __future__ import annotations

from ..errors import CommandError
from ..objects.generated import GENERATOR, finish, metadata, name_of, require

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

FLAGS = {
    "create deployment": f"image=[] port=-1i32 -r,replicas=1i32 {GENERATOR}",
    "create job": f"from='' image='' {GENERATOR}",
    "create cronjob": f"image='' restart='' schedule='' {GENERATOR}",
}


def run(session: Session) -> int:
    kind = session.command.rpartition(" ")[2]
    if kind == "deployment":
        require(session, "image")
        _deployment(session, name_of(session))
    elif kind == "job":
        _job(session, name_of(session))
    else:
        require(session, *(name for name in ("image", "schedule") if not session.flags.changed(name)))
        _cron_job(session, name_of(session))
    return 0


def _command(session: Session) -> list[str]:
    return session.args[session.flags.dash :] if session.flags.dash >= 0 else []


def container_name(image: str) -> str:
    """The last part of an image's name, without tag and digest; of its own where some letters cannot stay."""
    name = image.rpartition("/")[2].partition(":")[0].partition("@")[0]
    return f"{name.replace('_', '-').replace('.', '-')}-{_suffix()}" if "_" in name or "." in name else name


def _deployment(session: Session, name: str) -> None:
    flags = session.flags
    images, command = flags.many("image"), _command(session)
    if len(images) > 1 and command:
        raise CommandError("cannot specify multiple --image options and command")
    labels = {"app": name}
    containers: list[dict[str, Any]] = []
    for image in images:
        container: dict[str, Any] = {"name": container_name(image), "image": image}
        if command:
            container["command"] = command
        container["resources"] = {}
        containers.append(container)
    if flags.number("port") >= 0 and containers:
        containers[0] = _inserted(containers[0], "ports", [{"containerPort": flags.number("port")}])
    template = {"metadata": {"creationTimestamp": None, "labels": labels}, "spec": {"containers": containers}}
    spec = {
        "replicas": flags.number("replicas"),
        "selector": {"matchLabels": labels},
        "template": template,
        "strategy": {},
    }
    meta = metadata(session, name, labels=labels)
    finish(session, {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": meta, "spec": spec, "status": {}})


def _suffix() -> str:
    from random import choice

    return "".join(choice("bcdfghjklmnpqrstvwxz2456789") for _ in range(5))


def _inserted(container: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """Before `resources`, where Go's struct has it."""
    resources = container.pop("resources")
    return {**container, key: value, "resources": resources}


def _container(name: str, image: str, command: list[str]) -> dict[str, Any]:
    container: dict[str, Any] = {"name": name, "image": image}
    if command:
        container["command"] = command
    container["resources"] = {}
    return container


def _job(session: Session, name: str) -> None:
    flags = session.flags
    image, source = flags.text("image"), flags.text("from")
    command = _command(session)
    if not image and not source:
        raise CommandError("either --image or --from must be specified")
    if image and source:
        raise CommandError("either --image or --from must be specified")
    if source and command:
        raise CommandError("cannot specify --from and command")
    if source:
        finish(session, _job_from(session, name, source))
        return
    pod = {"containers": [_container(name, image, command)], "restartPolicy": "Never"}
    spec = {"template": {"metadata": {"creationTimestamp": None}, "spec": pod}}
    finish(
        session,
        {"kind": "Job", "apiVersion": "batch/v1", "metadata": metadata(session, name), "spec": spec, "status": {}},
    )


def _job_from(session: Session, name: str, source: str) -> dict[str, Any]:
    from ..objects.builder import collect

    found = collect(session, [source])
    found.raise_errors()
    cron = found.items[0].obj
    if cron.get("kind") != "CronJob":
        version = cron["apiVersion"].rpartition("/")[2]
        raise CommandError(f"unknown object type *{version}.{cron['kind']}")
    template = cron["spec"]["jobTemplate"]
    inner = template.get("metadata") or {}
    annotations = {"cronjob.kubernetes.io/instantiate": "manual", **(inner.get("annotations") or {})}
    owner = {
        "apiVersion": cron["apiVersion"],
        "kind": "CronJob",
        "name": cron["metadata"]["name"],
        "uid": cron["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": None,
    }
    del owner["blockOwnerDeletion"]
    meta = metadata(session, name, labels=inner.get("labels"), annotations=annotations, ownerReferences=[owner])
    return {
        "kind": "Job",
        "apiVersion": "batch/v1",
        "metadata": meta,
        "spec": _typed(template.get("spec") or {}),
        "status": {},
    }


def _typed(spec: dict[str, Any]) -> dict[str, Any]:
    """As a typed client would send it: a pod template's metadata has its empty time."""
    inner = (spec.get("template") or {}).get("metadata") or {}
    return {**spec, "template": {**spec["template"], "metadata": {"creationTimestamp": None, **inner}}}


def _cron_job(session: Session, name: str) -> None:
    flags = session.flags
    pod = {
        "containers": [_container(name, flags.text("image"), _command(session))],
        "restartPolicy": flags.text("restart") or "OnFailure",
    }
    job = {"template": {"metadata": {"creationTimestamp": None}, "spec": pod}}
    template = {"metadata": ({"name": name} if name else {}) | {"creationTimestamp": None}, "spec": job}
    spec = {"schedule": flags.text("schedule"), "jobTemplate": template}
    finish(
        session,
        {"kind": "CronJob", "apiVersion": "batch/v1", "metadata": metadata(session, name), "spec": spec, "status": {}},
    )
