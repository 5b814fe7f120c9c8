"""Structured logging: the message is a constant, the variables are key-values, the keys are the same everywhere.

    log = logger(__name__)
    log.info("Pod scheduled", pod="default/web-1", node="n1")

Usual keys: `pod`, `node`, `controller`, `key`, `rv`, `err`. Levels: error = somebody must act; warning = it healed
itself; info = state changed; debug = everything else. An error is logged once, where it is handled.
"""

import contextvars
import logging
import sys
from typing import Any

context: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar("log_context", default=None)
"""Key-values added to every line of the current task (request id, reconcile id)."""


def tag(**fields: Any) -> None:
    """Add these to every line of the current task from now on, and of those that it starts."""
    context.set({**(context.get() or {}), **fields})


class Logger:
    """A thin face over the standard library's logger that takes key-values."""

    __slots__ = ("_log",)

    def __init__(self, name: str) -> None:
        self._log = logging.getLogger(name)

    def _emit(self, level: int, message: str, fields: dict[str, Any], exc_info: bool = False) -> None:
        if self._log.isEnabledFor(level):
            self._log.log(level, message, extra={"fields": fields}, exc_info=exc_info)

    def debug(self, message: str, **fields: Any) -> None:
        self._emit(logging.DEBUG, message, fields)

    def info(self, message: str, **fields: Any) -> None:
        self._emit(logging.INFO, message, fields)

    def warning(self, message: str, **fields: Any) -> None:
        self._emit(logging.WARNING, message, fields)

    def error(self, message: str, **fields: Any) -> None:
        self._emit(logging.ERROR, message, fields)

    def exception(self, message: str, **fields: Any) -> None:
        """An error with the traceback of the exception being handled."""
        self._emit(logging.ERROR, message, fields, exc_info=True)


def logger(name: str) -> Logger:
    """The logger of a module: `log = logger(__name__)`."""
    return Logger(name.removeprefix("pybernetes."))


class LineFormatter(logging.Formatter):
    """`2026-01-02T03:04:05.678 INFO scheduler.cycle Pod scheduled pod=default/web-1 node=n1`."""

    def format(self, record: logging.LogRecord) -> str:
        stamp = self.formatTime(record, "%Y-%m-%dT%H:%M:%S")
        fields: dict[str, Any] = dict(context.get() or {})
        fields.update(getattr(record, "fields", {}))
        tail = "".join(f" {key}={_plain(value)}" for key, value in fields.items())
        line = f"{stamp}.{int(record.msecs):03d} {record.levelname} {record.name} {record.getMessage()}{tail}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def _plain(value: Any) -> str:
    text = str(value)
    return repr(text) if any(c in text for c in ' "\n=') or not text else text


def configure(level: str = "info") -> None:
    """Send log lines of the whole process to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
