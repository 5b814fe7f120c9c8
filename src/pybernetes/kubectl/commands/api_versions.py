"""`kubectl api-versions`."""

from __future__ import annotations

from ..errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..session import Session

FLAGS = ""


def run(session: Session) -> int:
    if session.args:
        raise UsageError(f"unexpected arguments: [{' '.join(session.args)}]", "api-versions")
    found = {
        f"{group}/{version}" if group else version
        for group, versions in session.mapper.refresh().groups
        for version in versions
    }
    session.print(*sorted(found))
    return 0
