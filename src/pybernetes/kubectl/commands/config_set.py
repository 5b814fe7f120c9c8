"""`kubectl config set` and `unset`: one value by its dotted path, `users.NAME.token`."""

from __future__ import annotations

from ..config.files import load
from ..config.properties import change
from ..config.writing import save
from ..errors import CommandError
from .config_change import misused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..session import Session

FLAGS = {"config set": "set-raw-bytes=false", "config unset": ""}


def run(session: Session) -> int:
    setting = session.command.endswith(" set")
    if len(session.args) != (2 if setting else 1):
        raise misused(session)
    path, value = session.args[0], session.args[1] if setting else None
    if value == "":
        raise CommandError("you cannot use set to unset a property")
    if not path:
        raise CommandError("you must specify a property")
    config = load(session.flags.text("kubeconfig"), absolute=False, must_exist=False)
    change(config, path, value, raw=setting and session.flags.on("set-raw-bytes"))
    save(config)
    session.print(f'Property "{path}" {"set" if setting else "unset"}.')
    return 0
