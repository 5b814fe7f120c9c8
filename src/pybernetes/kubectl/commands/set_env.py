"""`kubectl set env`: environment variables of a pod template; `--list`, `--from` a config map or secret."""

from __future__ import annotations

from ..errors import CommandError, quoted
from ..objects.builder import collect, file_flags
from ..objects.mutation import dry_run_of
from ..objects.settings import SET, change_each, containers_of, pod_spec, prepared, selected
from .create_config import wrong_with_variable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

FLAGS = "-c,containers='*' -e,env=[+] from='' keys=[] list=false overwrite=true prefix='' resolve=false " + SET


def run(session: Session) -> int:
    flags = session.flags
    if flags.on("all") and flags.text("selector"):
        raise CommandError("cannot set --all and --selector at the same time")
    names, words = _split(session.args)
    prepared(session, "env updated")
    files, _ = file_flags(session)
    if flags.on("local") and dry_run_of(session) == "server":
        raise CommandError("cannot specify --local and --dry-run=server - did you mean --dry-run=client?")
    if not names and not files:
        # A kustomization alone is not enough for the stock client either.
        raise CommandError("one or more resources must be specified as <resource> <name> or <resource>/<name>")
    if flags.on("list") and flags.text("output"):
        raise CommandError("--list and --output may not be specified together")
    if flags.many("keys") and not flags.text("from"):
        raise CommandError("when specifying --keys, a configmap or secret must be provided with --from")
    variables, removing = _changes(session, flags.many("env") + words)
    if flags.text("from"):
        variables += _from(session)
    variables = [{**one, "name": flags.text("prefix") + one["name"]} for one in variables]
    found = selected(session, names)

    def change(obj: dict[str, Any]) -> None:
        matching = containers_of(pod_spec(obj), flags.text("containers"))
        if not matching:
            session.tell(
                f"Warning: {obj['kind']}/{obj['metadata']['name']} does not have any "
                f"containers matching {quoted(flags.text('containers'))}"
            )
            return
        for container in matching:
            if not flags.on("overwrite"):
                for variable in variables:
                    known = next((one for one in container.get("env") or () if one["name"] == variable["name"]), None)
                    if known and known.get("value", "") != variable.get("value", ""):
                        name, value = known["name"], known.get("value", "")
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


def _split(args: list[str]) -> tuple[list[str], list[str]]:
    """Names of objects, and from the first `A=b`, `A-` or `-` on the variables. CommandError for a name after that."""
    names: list[str] = []
    words: list[str] = []
    for word in args:
        if "=" in word[1:] or word.endswith("-"):
            words.append(word)
        elif words:
            raise CommandError(f"all resources must be specified before environment changes: {' '.join(args)}")
        else:
            names.append(word)
    return names, words


def _changes(session: Session, words: list[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """Variables to set and names to remove; `-` stands for the lines of standard input. CommandError."""
    setting: list[dict[str, Any]] = []
    removing: list[str] = []
    checked = set()
    for word in words:
        name, equals, value = word.partition("=")
        if word == "-":
            lines = [line.partition("#")[0].partition("=") for line in session.read_stdin().splitlines()]
            setting += [{"name": name, "value": value} for name, equals, value in lines if equals]
        elif equals:
            if why := wrong_with_variable(name):
                raise CommandError(f"{quoted(name)} is not a valid key name: {why}")
            checked.add(name)
            setting.append({"name": name, "value": value})
        elif word.endswith("-"):
            removing.append(word[:-1])
        else:
            raise CommandError(f"unknown environment variable: {word}")
    if checked.intersection(removing):
        raise CommandError("can not both modify and remove the same environment variable in the same command")
    return setting, removing


def _updated(env: list[Any], variables: list[dict[str, Any]], removing: list[str]) -> list[Any]:
    """The first of several of one name counts; one that is both set (by standard input) and removed is removed."""
    known = {variable["name"]: variable for variable in env if variable["name"] not in removing}
    new: dict[str, dict[str, Any]] = {}
    for variable in variables:
        if variable["name"] not in removing:
            new.setdefault(variable["name"], variable)
    return list((known | new).values())


def _from(session: Session) -> list[dict[str, Any]]:
    """Variables that refer to the keys of config maps or secrets."""
    flags = session.flags
    wanted = set(flags.many("keys"))
    found: list[dict[str, Any]] = []
    collected = collect(session, [flags.text("from")], selector=flags.text("selector"))
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
            found.append({"name": name, "valueFrom": {kind: {"name": item.name, "key": key}}})
    return found
