"""`kubectl set env`: environment variables of a pod template; `--list`, `--from` a config map or secret."""

from __future__ import annotations

from ..errors import CommandError, quoted
from ..objects.builder import collect, file_flags
from ..objects.settings import SET, change_each, containers_of, pod_spec, selected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

FLAGS = "-c,containers='*' -e,env=[+] from='' keys=[] list=false overwrite=true prefix='' resolve=false " + SET


def run(session: Session) -> int:
    flags = session.flags
    names = [word for word in session.args if "=" not in word and not word.endswith("-") and word != "-"]
    words = [word for word in session.args if "=" in word or (word.endswith("-") and word != "-")] + flags.many("env")
    if "-" in session.args:
        words += [line for line in session.read_stdin().splitlines() if line and not line.startswith("#")]
    files, _ = file_flags(session)
    if not names and not files:
        # A kustomization alone is not enough for the stock client either.
        raise CommandError("one or more resources must be specified as <resource> <name> or <resource>/<name>")
    setting, removing = _changes(words)
    if flags.many("keys") and not flags.text("from"):
        raise CommandError("when specifying --keys, a configmap or secret must be provided with --from")
    variables = [{"name": name, "value": value} for name, value in setting.items()]
    if flags.text("from"):
        variables += _from(session)
    if flags.on("all") and flags.text("selector"):
        raise CommandError("cannot set --all and --selector at the same time")
    found = selected(session, names)

    def change(obj: dict[str, Any]) -> None:
        matching = containers_of(pod_spec(obj), flags.text("containers"), init=False)
        if not matching:
            session.tell(
                f"Warning: {obj['kind']}/{obj['metadata']['name']} does not have any "
                f"containers matching {quoted(flags.text('containers'))}"
            )
            return
        for container in matching:
            if not flags.on("overwrite"):
                for variable in container.get("env") or ():
                    if variable["name"] in setting:
                        name, value = variable["name"], variable.get("value", "")
                        raise CommandError(f"'{name}' already has a value ({value}), and --overwrite is false")
            env = _updated(container.get("env") or [], variables, removing)
            if env:
                container["env"] = env
            else:
                container.pop("env", None)

    if flags.on("list"):
        from .set_env_list import show_each

        show_each(session, found, change)
    else:
        change_each(session, found, change, "env updated")
    return 0


def _changes(words: list[str]) -> tuple[dict[str, str], list[str]]:
    setting: dict[str, str] = {}
    removing: list[str] = []
    for word in words:
        name, equals, value = word.partition("=")
        if equals:
            if not name:
                raise CommandError(f"environment variables must be of the form key=value, but is {word}")
            setting[name] = value
        elif word.endswith("-"):
            removing.append(word[:-1])
        else:
            raise CommandError(f"environment variables must be of the form key=value and cannot contain {word}")
    for name in removing:
        if name in setting:
            raise CommandError("can not both modify and remove the same environment variable in the same command")
    return setting, removing


def _updated(env: list[Any], variables: list[dict[str, Any]], removing: list[str]) -> list[Any]:
    known = {variable["name"]: variable for variable in env if variable["name"] not in removing}
    for variable in variables:
        known[variable["name"]] = variable
    return list(known.values())


def _from(session: Session) -> list[dict[str, Any]]:
    """Variables that refer to the keys of config maps or secrets."""
    flags = session.flags
    wanted = set(flags.many("keys"))
    found: list[dict[str, Any]] = []
    collected = collect(session, [flags.text("from")])
    collected.raise_errors()
    for item in collected.items:
        kind = {"Secret": "secretKeyRef", "ConfigMap": "configMapKeyRef"}.get(item.resource.kind)
        if kind is None:
            raise CommandError(f"unsupported resource specified in --from: {item.resource.kind}")
        for key in sorted(item.obj.get("data") or {}):
            if wanted and key not in wanted:
                continue
            name = "".join(letter if letter.isalnum() else "_" for letter in key).upper()
            if name != key:
                session.tell(f"Warning: key {key} transferred to {name}")
            name = flags.text("prefix") + name
            found.append({"name": name, "valueFrom": {kind: {"name": item.name, "key": key}}})
    return found
