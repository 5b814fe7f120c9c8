"""`kubectl api-versions`."""

from __future__ import annotations

from ..errors import CommandError, StatusFailure, Unreachable, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..session import Session

FLAGS = ""


def run(session: Session) -> int:
    if session.args:
        raise UsageError(f"unexpected arguments: [{' '.join(session.args)}]", "api-versions")
    try:
        discovery = session.mapper.refresh()
    except Unreachable as error:
        if not error.detail:
            raise
        raise CommandError(f"couldn't get available api versions from server: {error.detail}") from None
    except (CommandError, StatusFailure) as error:
        raise CommandError(f"couldn't get available api versions from server: {error.message}") from None
    found = {f"{group}/{version}" if group else version for group, versions in discovery.groups for version in versions}
    # What is announced and did not answer is a version as well.
    found |= {version for version, why in discovery.failed.items() if why}
    session.print(*sorted(found))
    return 0
