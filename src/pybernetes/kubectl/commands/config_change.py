"""`kubectl config use-context|rename-context|delete-context|delete-cluster|delete-user`."""

from __future__ import annotations

from ..config.files import Kubeconfig, load
from ..config.writing import default_file, save
from ..errors import CommandError, UsageError, quoted
from ..help import write_help

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..session import Session

FLAGS = {
    "config use-context": "",
    "config rename-context": "",
    "config delete-context": "",
    "config delete-cluster": "",
    "config delete-user": "",
}


def run(session: Session) -> int:
    verb = session.command.rpartition(" ")[2]
    config = load(session.flags.text("kubeconfig"), absolute=False, must_exist=False)
    if verb == "use-context":
        _use(session, config)
    elif verb == "rename-context":
        _rename(session, config)
    else:
        _delete(session, config, verb.removeprefix("delete-"))
    return 0


def misused(session: Session, words: str = "Unexpected args") -> CommandError:
    """What to raise for a wrong number of arguments, once the help is shown."""
    write_help(session.command, session.out)
    return CommandError(f"{words}: [{' '.join(session.args)}]")


def _use(session: Session, config: Kubeconfig) -> None:
    if len(session.args) != 1:
        raise misused(session)
    name = session.args[0]
    if not name:
        raise CommandError("empty context names are not allowed")
    if name not in config.contexts:
        raise CommandError(f"no context exists with the name: {quoted(name)}")
    config.current_context = name
    save(config)
    session.print(f'Switched to context "{name}".')


def _rename(session: Session, config: Kubeconfig) -> None:
    if len(session.args) != 2:
        raise misused(session)
    old, new = session.args
    if not new:
        raise CommandError("You must specify a new non-empty context name")
    if old not in config.contexts:
        raise CommandError(f'cannot rename the context "{old}", it\'s not in {default_file(config)}')
    if new in config.contexts:
        raise CommandError(
            f'cannot rename the context "{old}", the context "{new}" already exists in {default_file(config)}'
        )
    config.contexts[new] = config.contexts.pop(old)
    config.origins["contexts", new] = config.origins["contexts", old]
    if config.current_context == old:
        config.current_context = new
    save(config)
    session.print(f'Context "{old}" renamed to "{new}".')


def _delete(session: Session, config: Kubeconfig, kind: str) -> None:
    section = f"{kind}s"
    if len(session.args) != 1:
        if kind == "user":
            raise UsageError("user to delete is required", session.command)
        write_help(session.command, session.out)
        return
    name = session.args[0]
    path = default_file(config)
    if name not in config.section(section):
        raise CommandError(f"cannot delete {kind} {name}, not in {path}")
    if kind == "context" and config.current_context == name:
        session.tell(
            'warning: this removed your active context, use "kubectl config use-context" to select a different one'
        )
    del config.section(section)[name]
    save(config)
    session.print(f"deleted {kind} {name} from {path}")
