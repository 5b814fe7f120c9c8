"""Files that change all at once: how config maps, secrets, tokens and downward API items reach a volume.

    volume/
      ..2026_01_02_03_04_05.123456789/   the files of one moment
      ..data -> ..2026_01_02_03_04_05.123456789
      key -> ..data/key                  what containers open

An update writes a new timestamped directory, then renames a new `..data` link over the old one: a reader sees all old
files or all new ones. Directory order and names are those of upstream's `pkg/volume/util/atomic_writer.go`, on which
watchers of `..data` rely. The files' modes do not depend on the umask.
"""

import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

DATA_LINK = "..data"
NEW_DATA_LINK = "..data_tmp"
MAXIMUM_PATH_LENGTH = 4096


class FileContent(msgspec.Struct, frozen=True):
    """One file: bytes, permission bits and, where it is not root, the owner."""

    data: bytes
    mode: int
    owner: int | None = None


class PayloadError(Exception):
    """A payload path that would leave the volume."""


def check_path(path: str) -> None:
    """PayloadError unless path is relative, short enough and stays below its start."""
    if not path:
        raise PayloadError("invalid path: must not be empty: ")
    if path.startswith("/"):
        raise PayloadError(f"invalid path: must be relative path: {path}")
    if len(path) > MAXIMUM_PATH_LENGTH:
        raise PayloadError(f"invalid path: must be less than or equal to {MAXIMUM_PATH_LENGTH} characters")
    parts = path.split("/")
    if ".." in parts:
        raise PayloadError(f"invalid path: must not contain '..': {path}")
    if parts[0].startswith(".."):
        raise PayloadError(f"invalid path: must not start with '..': {path}")


def _paths_below(directory: str) -> set[str]:
    found: set[str] = set()
    for parent, _, names in os.walk(directory):
        relative = os.path.relpath(parent, directory)
        found.update(os.path.normpath(os.path.join(relative, name)) for name in names)
    return found


def _is_current(directory: str, payload: Mapping[str, FileContent]) -> bool:
    """Whether directory holds exactly the payload."""
    if _paths_below(directory) != set(payload):
        return False
    for path, content in payload.items():
        full = os.path.join(directory, path)
        state = os.lstat(full)
        if state.st_size != len(content.data):
            return False
        with open(full, "rb") as source:
            if source.read() != content.data:
                return False
    return True


def _write_file(path: str, content: FileContent) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, content.mode)
    try:
        rest = memoryview(content.data)
        while rest:
            rest = rest[os.write(handle, rest) :]
        os.fchmod(handle, content.mode)
        if content.owner is not None:
            os.fchown(handle, content.owner, -1)
    finally:
        os.close(handle)


def _make_timestamped(volume: str, now: datetime) -> str:
    while True:
        name = f"..{now:%Y_%m_%d_%H_%M_%S}.{secrets.randbelow(10**10):010d}"
        try:
            os.mkdir(os.path.join(volume, name), 0o755)
        except FileExistsError:
            continue
        os.chmod(os.path.join(volume, name), 0o755)
        return name


def write_payload(
    volume: str,
    payload: Mapping[str, FileContent],
    now: datetime,
    set_ownership: Callable[[str], None] | None = None,
) -> bool:
    """Make volume (an existing directory) hold exactly payload (relative path -> file); True if anything changed.

    set_ownership is called with the volume before what is new in it becomes visible. PayloadError for a bad path."""
    for path in payload:
        check_path(path)
    payload = {os.path.normpath(path): content for path, content in payload.items()}
    data_link = os.path.join(volume, DATA_LINK)
    try:
        old = os.readlink(data_link)
    except FileNotFoundError:
        old = ""
    stale: set[str] = set()
    if old:
        old_directory = os.path.join(volume, old)
        present = _paths_below(old_directory) if os.path.isdir(old_directory) else set()
        stale = {path.split("/")[0] for path in present} - {path.split("/")[0] for path in payload}
        if os.path.isdir(old_directory) and _is_current(old_directory, payload):
            _link_user_paths(volume, payload)
            return False
    new = _make_timestamped(volume, now)
    new_directory = os.path.join(volume, new)
    try:
        for path, content in payload.items():
            full = os.path.join(new_directory, path)
            os.makedirs(os.path.dirname(full), 0o755, exist_ok=True)
            _write_file(full, content)
        if set_ownership is not None:
            set_ownership(volume)
        temporary = os.path.join(volume, NEW_DATA_LINK)
        try:
            os.unlink(temporary)
        except FileNotFoundError:
            pass
        os.symlink(new, temporary)
        os.rename(temporary, data_link)
    except BaseException:
        shutil.rmtree(new_directory, ignore_errors=True)
        raise
    _link_user_paths(volume, payload)
    for name in stale:
        try:
            os.unlink(os.path.join(volume, name))
        except FileNotFoundError:
            continue
    _remove_older(volume, new)
    return True


def _link_user_paths(volume: str, payload: Mapping[str, FileContent]) -> None:
    for name in sorted({path.split("/")[0] for path in payload}):
        try:
            os.symlink(os.path.join(DATA_LINK, name), os.path.join(volume, name))
        except FileExistsError:
            continue


def _remove_older(volume: str, current: str) -> None:
    """Timestamped directories other than the current one: the last one, and any that a crash left half-written."""
    for name in os.listdir(volume):
        if name.startswith("..") and name not in (current, DATA_LINK, NEW_DATA_LINK):
            shutil.rmtree(os.path.join(volume, name), ignore_errors=True)
