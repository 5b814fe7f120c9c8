"""What a command has to hand: its flags, the streams, and — made when first asked for — the server and its
resources.
"""

from __future__ import annotations

import os
import sys

from .. import GIT_VERSION
from ..base.architecture import architecture

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO

    from .client import Client
    from .config.target import Target
    from .discovery import Resource
    from .field_validation import FieldValidation
    from .flags import Values
    from .mapper import Mapper


class Session:
    """One run of one command."""

    def __init__(self, command: str, flags: Values, out: TextIO, err: TextIO, stdin: Any = None) -> None:
        self.command = command
        self.flags = flags
        self.args = flags.args
        self.out = out
        self.err = err
        self.stdin = sys.stdin if stdin is None else stdin
        self.warning_count = 0
        self._warned: set[str] = set()
        self._target: Target | None = None
        self._client: Client | None = None
        self._mapper: Mapper | None = None
        self._field_validation: FieldValidation | None = None

    @property
    def target(self) -> Target:
        if self._target is None:
            from .config.target import target_of

            self._target = target_of(self.flags, self.command)
        return self._target

    @property
    def client(self) -> Client:
        if self._client is None:
            from .client import Client

            if self.target.is_anonymous():
                from .config.prompt import ask

                ask(self.target, self.out, self.stdin)
            self._client = Client(
                self.target,
                self.command,
                verbosity=self.flags.number("v"),
                user_agent=user_agent(),
                whole_paths="raw" in self.flags.table and bool(self.flags.text("raw")),
            )
            self._client.on_warning = self.warn
            if self.flags.on("match-server-version"):
                from .commands.version import must_match

                must_match(self._client)
        return self._client

    @property
    def mapper(self) -> Mapper:
        if self._mapper is None:
            from .mapper import Mapper

            self._mapper = Mapper(self.client, self.cache_dir, lambda text: self.warn(text, counted=False))
        return self._mapper

    @property
    def field_validation(self) -> FieldValidation:
        if self._field_validation is None:
            from .field_validation import FieldValidation

            self._field_validation = FieldValidation(self.client, self.cache_dir)
        return self._field_validation

    @property
    def cache_dir(self) -> str:
        given = self.flags.text("cache-dir") or os.environ.get("KUBECACHEDIR", "")
        return given or os.path.join(os.path.expanduser("~"), ".kube", "cache")

    @property
    def namespace(self) -> str:
        """The namespace of the flag or the context."""
        return self.target.namespace

    def scope(self, resource: Resource, namespace: str = "") -> str:
        """The namespace to look for a resource in; empty for what has none."""
        return (namespace or self.namespace) if resource.namespaced else ""

    def print(self, *lines: str) -> None:
        """Lines on standard output."""
        for line in lines:
            self.out.write(line + "\n")

    def tell(self, *lines: str) -> None:
        """Lines on standard error, after what was printed before."""
        self.out.flush()
        for line in lines:
            self.err.write(line + "\n")
        self.err.flush()

    def warn(self, text: str, *, counted: bool = True) -> None:
        """A warning, once. `counted`: it is the server's, so that it may be taken for an error."""
        if text in self._warned:
            return
        self._warned.add(text)
        self.warning_count += counted
        colour = self.err.isatty() and os.environ.get("TERM", "dumb") != "dumb" and not os.environ.get("NO_COLOR")
        self.tell(f"\x1b[33;1mWarning:\x1b[0m {text}" if colour else f"Warning: {text}")

    def read_stdin(self) -> str:
        """All of standard input; what is no UTF-8 in it becomes U+FFFD, as in files."""
        raw = getattr(self.stdin, "buffer", None)
        return str(self.stdin.read()) if raw is None else str(raw.read(), "utf-8", "replace")

    def close(self) -> None:
        if self._client is not None:
            self._client.close()


def write_bytes(stream: TextIO, data: bytes) -> None:
    """Bytes as they came, at once, after the text written before."""
    stream.flush()
    raw = getattr(stream, "buffer", None)
    if raw is None:
        stream.write(data.decode("utf-8", "replace"))
    else:
        raw.write(data)
        raw.flush()


def user_agent() -> str:
    """How servers see this client."""
    return f"kubectl/{GIT_VERSION} ({sys.platform}/{architecture()}) kubernetes/pybernetes"
