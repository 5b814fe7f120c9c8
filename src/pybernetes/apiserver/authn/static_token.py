"""`--token-auth-file`: lines of `token,user,uid,"group1,group2"`, read once at start."""

import csv
import io
from collections.abc import Sequence

from ...api.user import UserInfo
from .tokens import TokenIdentity


class StaticTokenAuthenticator:
    """Tokens that live as long as the process. ValueError for a line with fewer than three fields or an empty token."""

    def __init__(self, text: str) -> None:
        self._users: dict[str, UserInfo] = {}
        for number, row in enumerate(csv.reader(io.StringIO(text), skipinitialspace=True), start=1):
            fields = [field.strip() for field in row]
            if not any(fields) or fields[0].startswith("#"):
                continue
            if len(fields) < 3:
                raise ValueError(
                    f"token file line {number}: expected token,user,uid[,groups], found {len(fields)} fields"
                )
            if not fields[0]:
                raise ValueError(f"token file line {number}: the token is empty")
            groups = tuple(g.strip() for g in fields[3].split(",")) if len(fields) > 3 and fields[3] else ()
            self._users[fields[0]] = UserInfo(fields[1], uid=fields[2], groups=groups)

    def authenticate_token(self, token: str, audiences: Sequence[str]) -> TokenIdentity | None:
        """See TokenAuthenticator."""
        user = self._users.get(token)
        return TokenIdentity(user) if user is not None else None
