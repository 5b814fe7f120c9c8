"""The last words of a container: the file it wrote, or the end of its log.

terminationMessagePath and terminationMessagePolicy, page "Determine the Reason for Pod Failure": at most 4096 bytes of
the file; with FallbackToLogsOnError, after an error and with an empty file, the last 80 lines or 2048 bytes of the log.
"""

import os

from .pod_runtime import ContainerView

MAX_FILE_BYTES = 4096
MAX_LOG_BYTES = 2048
MAX_LOG_LINES = 80
LOG_TAIL_BYTES = 64 << 10


def read_message(container: ContainerView) -> str:
    """The message of an ended container; what the runtime itself said comes after it. Reads files."""
    said = ""
    if container.message_path:
        said = _tail_text(container.message_path, MAX_FILE_BYTES)
    if not said and container.message_from_logs and container.exit_code != 0 and container.log_path:
        said = log_end(_tail_text(container.log_path, LOG_TAIL_BYTES))
    return f"{said}: {container.message}" if said and container.message else said or container.message


def _tail_text(path: str, limit: int) -> str:
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - limit, 0))
            return file.read(limit).decode(errors="replace")
    except OSError:
        return ""


def log_end(text: str) -> str:
    """The end of a CRI log (`TIME STREAM TAG content` lines) without its columns. Pure."""
    pieces: list[str] = []
    lines = 0
    size = 0
    for line in reversed(text.splitlines()):
        columns = line.split(" ", 3)
        if len(columns) < 3 or columns[1] not in ("stdout", "stderr"):
            continue
        content = columns[3] if len(columns) > 3 else ""
        piece = content + ("\n" if columns[2].startswith("F") else "")
        size += len(piece.encode())
        lines += columns[2].startswith("F")
        if size > MAX_LOG_BYTES or lines > MAX_LOG_LINES:
            break
        pieces.append(piece)
    return "".join(reversed(pieces))
