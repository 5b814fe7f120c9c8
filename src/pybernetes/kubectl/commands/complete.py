"""`kubectl __complete WORDS…`: what may stand for the last word, one a line, then the directive for the shell.

Commands, flags, types and names of the cluster, contexts, namespaces. Directive 4: no file names; 2: no space.
"""

from __future__ import annotations

from ..errors import CommandError, StatusFailure
from ..flags import GLOBAL, Flag, Values, parse, parse_table
from ..tree import COMMANDS, children, find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..session import Session

FLAGS = {"__complete": "", "__completeNoDesc": ""}
NO_FILES, NO_SPACE, FILTER = 4, 2, 8
_WITH_PODS = ("daemonsets deployments pods jobs replicasets replicationcontrollers services statefulsets").split()
_KINDS = {
    "rollout history": "deployment daemonset statefulset", "rollout status": "deployment daemonset statefulset",
    "rollout undo": "deployment daemonset statefulset", "rollout restart": "deployment daemonset statefulset",
    "rollout pause": "deployment", "rollout resume": "deployment",
    "scale": "deployment replicaset replicationcontroller statefulset", "taint": "node",
    "autoscale": "deployment replicaset replicationcontroller statefulset",
    "expose": "pod service replicationcontroller deployment replicaset",
    "set image": "daemonsets deployments pods cronjobs replicasets replicationcontrollers statefulsets",
}  # fmt: skip
"""What a command is for, in the order in which it is offered."""
_REQUIRED = {
    "scale": ("replicas",), "autoscale": ("max",), "run": ("image",), "create deployment": ("image",),
    "create cronjob": ("image", "schedule"), "create clusterrolebinding": ("clusterrole",),
    "create service externalname": ("external-name",),
}  # fmt: skip
_OF_KUBECONFIG = {
    "use-context": "contexts", "delete-context": "contexts", "rename-context": "contexts", "get-contexts": "contexts",
    "set-context": "contexts", "delete-cluster": "clusters", "delete-user": "users",
}  # fmt: skip
"""Which entries of the kubeconfig a command of `config` takes."""
_BY_NAME = {
    "logs": "pods", "attach": "pods", "exec": "pods", "port-forward": "pods", "cordon": "nodes", "uncordon": "nodes",
    "drain": "nodes", "top node": "nodes", "top pod": "pods", "create token": "sa",
}  # fmt: skip
_TYPED = (
    "get describe delete edit label annotate patch scale autoscale expose wait explain taint set env image resources "
    "selector serviceaccount subject rollout history pause restart resume status undo "
    "view-last-applied edit-last-applied debug"
).split()
_OUTPUTS = "json yaml name go-template go-template-file template templatefile jsonpath jsonpath-as-json jsonpath-file"


def run(session: Session) -> int:
    *given, word = session.args or [""]
    inner: list[Session] = []
    try:
        found, directive = _candidates(session, given, word, inner)
    except (CommandError, StatusFailure, OSError):
        found, directive = [], NO_FILES
    finally:
        for one in inner:
            one.close()
    if word.startswith("--") and "=" in word:
        # The shell has the name of the flag already.
        word = word.partition("=")[2]
    for name, text in found:
        if name.startswith(word):
            plain = session.command.endswith("NoDesc") or not text
            session.print(name if plain else f"{name}\t{text}")
    session.print(f":{directive}")
    names = {NO_SPACE: "NoSpace", NO_FILES: "NoFileComp", FILTER: "FilterFileExt"}
    shown = ", ".join(f"ShellCompDirective{name}" for bit, name in names.items() if directive & bit)
    session.tell(f"Completion ended with directive: {shown or 'ShellCompDirectiveDefault'}")
    return 0


def _candidates(
    session: Session, given: list[str], word: str, opened: list[Session]
) -> tuple[list[tuple[str, str]], int]:
    path, rest = find(given)
    table = _table(path)
    if word.startswith("-") and "=" not in word:
        from ..help_text import FLAGS as TEXTS

        letters = sorted(name for name in table if name.startswith("-"))
        names = sorted(name for name in table if not name.startswith("-"))
        found = [(f"--{name}", TEXTS.get(name, "")) for name in names]
        return found + [(name, TEXTS.get(table[name].name, "")) for name in letters], NO_FILES
    if word.startswith("--") and "=" in word:
        name, _, word = word[2:].partition("=")
        if name not in table:
            return [], 0
        opened.append(_with(session, parse(rest, table)))
        return _values(opened[-1], table[name])
    pending = _pending(given, table)
    if pending is not None:
        opened.append(_with(session, parse(rest[:-1], table)))
        return _values(opened[-1], pending)
    below = [(name, COMMANDS[f"{path} {name}".strip()][2]) for name in children(path) if not name.startswith("__")]
    if below and not rest:
        return below, NO_FILES
    values = parse(rest, table)
    opened.append(_with(session, values))
    missing = [name for name in _REQUIRED.get(path, ()) if not values.changed(name)]
    from ..help_text import FLAGS as TEXTS

    found, directive = _arguments(opened[-1], path, values.args, word)
    return [(f"--{name}", TEXTS.get(name, "")) for name in missing] + found, directive


def _table(path: str) -> dict[str, Flag]:
    from ..main import module_of

    flags = ""
    if path and COMMANDS[path][0]:
        try:
            flags = module_of(path)[1]
        except ImportError:
            flags = ""
    return parse_table(f"{GLOBAL} {flags}")


def _pending(given: list[str], table: dict[str, Flag]) -> Flag | None:
    """The flag whose value comes next."""
    if not given or not given[-1].startswith("-") or "=" in given[-1]:
        return None
    last = given[-1]
    flag = table.get(last[2:]) if last.startswith("--") else table.get("-" + last[-1])
    return flag if flag is not None and flag.without_value() is None else None


def _with(session: Session, values: Values) -> Session:
    """A session for the flags typed so far."""
    from ..session import Session

    return Session("get", values, session.out, session.err, session.stdin)


def _values(session: Session, flag: Flag) -> tuple[list[tuple[str, str]], int]:
    from ..config.files import load

    if flag.name == "namespace":
        return [(name, "") for name in _names(session, "namespaces")], NO_FILES
    if flag.name in ("context", "cluster", "user"):
        config = load(session.flags.text("kubeconfig"))
        return [(name, "") for name in sorted(config.section(flag.name + "s"))], NO_FILES
    if flag.name == "output":
        names = [*_OUTPUTS.split(), "custom-columns", "custom-columns-file", "wide"]
        return [(name, "") for name in names], NO_FILES
    if flag.name == "filename":
        return [("json", ""), ("yaml", ""), ("yml", "")], FILTER
    if flag.name == "container":
        return _containers(session), NO_FILES
    if flag.name == "dry-run":
        return [("none", ""), ("server", ""), ("client", "")], NO_FILES
    return [], 0


def _containers(session: Session) -> list[tuple[str, str]]:
    """Of the pod that is named before the flag."""
    if not session.args:
        return []
    resource = session.mapper.resource("pods")
    pod = session.client.get(f"{resource.path(session.scope(resource))}/{session.args[0]}")
    return [(str(one["name"]), "") for one in (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"])]


def _pod_or_kind(session: Session, word: str) -> tuple[list[tuple[str, str]], int]:
    """Pods by name, or kinds that have pods, whose names come after a slash."""
    if "/" in word:
        kind = word.partition("/")[0]
        return [(f"{kind}/{name}", "") for name in _names(session, kind)], NO_FILES
    names = [(name, "") for name in _names(session, "pods")]
    kinds = [(f"{kind}/", "") for kind in _WITH_PODS]
    return [*names, *kinds], NO_FILES if any(name.startswith(word) for name, _ in names) else NO_FILES | NO_SPACE


def _copied(session: Session, word: str) -> tuple[list[tuple[str, str]], int]:
    """For `cp`: pods, namespaces, local paths."""
    if ":" in word or word.startswith((".", "/")):
        return [], NO_SPACE if ":" in word else 0
    if "/" in word:
        space = word.partition("/")[0]
        resource = session.mapper.resource("pods")
        found = session.client.get(resource.path(space) + "?limit=500").get("items") or ()
        return [(f"{space}/{item['metadata']['name']}:", "") for item in found], NO_SPACE
    pods = [(f"{name}:", "") for name in _names(session, "pods")]
    return [*pods, *((f"{name}/", "") for name in _names(session, "namespaces")), ("./", ""), ("/", "")], NO_SPACE


def _names(session: Session, kind: str) -> list[str]:
    resource = session.mapper.resource(kind)
    found = session.client.get(resource.path(session.scope(resource)) + "?limit=500")
    return [str(item["metadata"]["name"]) for item in found.get("items") or ()]


def _arguments(session: Session, path: str, args: list[str], word: str) -> tuple[list[tuple[str, str]], int]:
    if path == "cp":
        return _copied(session, word)
    if path in ("logs", "attach", "exec", "port-forward"):
        return ([], NO_FILES) if args else _pod_or_kind(session, word)
    if path in _BY_NAME:
        if args and path not in ("cordon", "uncordon", "drain"):
            return [], NO_FILES
        return [(name, "") for name in _names(session, _BY_NAME[path])], NO_FILES
    kinds = _KINDS.get(path, _KINDS.get(path.partition(" ")[0] + " ", ""))
    if kinds and not args and "/" not in word:
        return [(kind, "") for kind in kinds.split()], NO_FILES
    if path == "help" and not args:
        return [(name, COMMANDS[name][2]) for name in children("") if not name.startswith("__")], NO_FILES
    if path.startswith("config "):
        from ..config.files import load

        section = _OF_KUBECONFIG.get(path.partition(" ")[2], "")
        if not section or args:
            return [], NO_FILES if section else 0
        return [(name, "") for name in sorted(load(session.flags.text("kubeconfig")).section(section))], NO_FILES
    if path == "completion" and not args:
        from .completion import SCRIPTS

        return [(name, "") for name in SCRIPTS], NO_FILES
    if path.rpartition(" ")[2] not in _TYPED or path.startswith("create "):
        return [], 0
    if "/" in word:
        kind = word.partition("/")[0]
        return [(f"{kind}/{name}", "") for name in _names(session, kind)], NO_FILES
    if not args and "," in word:
        before = word.rpartition(",")[0]
        found, directive = _arguments(session, path, [], "")
        return [(f"{before},{name}", text) for name, text in found], directive
    if not args:
        from .api_resources import preferred

        known = [resource for resource in preferred(session) if "get" in resource.verbs]
        known.sort(key=lambda resource: (resource.group, resource.name))
        return [(resource.full_name, "") for resource in known], NO_FILES
    if "/" in args[0] and not kinds:
        found, _ = _arguments(session, path, [], "")
        return [(f"{name}/", "") for name, _ in found], NO_FILES | NO_SPACE
    return [(name, "") for name in _names(session, args[0]) if name not in args], NO_FILES
