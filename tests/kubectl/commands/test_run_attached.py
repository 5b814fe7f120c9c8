"""`run --attach` shows what the container said before it was joined, and nothing twice."""

import io
from typing import Any

import pytest

from pybernetes.kubectl.commands import run_attached
from pybernetes.kubectl.errors import CommandError
from pybernetes.kubectl.flags import parse, parse_table
from pybernetes.kubectl.main import module_of

POD = {
    "metadata": {"name": "one", "namespace": "default"},
    "spec": {"containers": [{"name": "a"}]},
    "status": {"phase": "Running"},
}


class Client:
    """Answers each request for a log with the next of its texts; an exception is raised."""

    def __init__(self, *logs: str | Exception) -> None:
        self._logs = list(logs)

    def call(self, method: str, path: str, **more: Any) -> bytes:
        assert (method, path) == ("GET", "/log?container=a")
        log = self._logs.pop(0)
        if isinstance(log, Exception):
            raise log
        return log.encode()


class Item:
    name = "one"
    obj = POD

    def get(self) -> Any:
        return POD

    def path(self, subresource: str) -> str:
        return f"/{subresource}"


class Session:
    def __init__(self, client: Client) -> None:
        self.client, self.out, self.told = client, io.StringIO(), []  # type: ignore[var-annotated]
        self.flags = parse(["one", "--image=a", "--attach"], parse_table(module_of("run")[1]))

    def tell(self, text: str) -> None:
        self.told.append(text)


def followed(monkeypatch: pytest.MonkeyPatch, client: Client, joined: Any) -> Session:
    session = Session(client)
    monkeypatch.setattr(run_attached, "join", lambda *_, **__: joined(session))
    assert run_attached.follow(session, [Item()], remove=False) == 0  # type: ignore[arg-type, list-item]
    return session


def test_what_was_said_before_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def joined(session: Session) -> bool:
        session.out.write("late\n")
        return True

    assert followed(monkeypatch, Client("early\n"), joined).out.getvalue() == "early\nlate\n"


def test_a_log_that_cannot_be_had_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    session = followed(monkeypatch, Client(CommandError("no log")), lambda _: True)
    assert (session.out.getvalue(), session.told) == ("", [])


def test_where_joining_fails_the_log_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: Session) -> bool:
        raise CommandError("no stream")

    session = followed(monkeypatch, Client("early\n", "early\nlate\n"), refused)
    assert session.out.getvalue() == "early\nlate\n"
    assert session.told == ["warning: couldn't attach to pod/one, falling back to streaming logs: no stream"]
