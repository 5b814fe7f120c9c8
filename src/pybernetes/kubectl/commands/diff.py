"""`kubectl diff`: what `apply` would change, through an external diff; 0 nothing, 1 something, more is an error."""

from __future__ import annotations

import os

from ..client import query_of
from ..errors import CommandError, StatusFailure, UsageError, code_of, text_of
from ..flags import FILES
from ..objects.builder import collect, require_files
from ..objects.item import Item
from ..objects.mutation import LAST_APPLIED
from ..output.go_json import compact
from ..output.go_yaml import dump
from ..output.printers import without_managed_fields
from ..wire.json_read import loads
from .apply import patch_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

FLAGS = (
    "concurrency=1 field-manager='kubectl-client-side-apply' force-conflicts=false prune=false prune-allowlist=[+] "
    f"-l,selector='' server-side=false show-managed-fields=false {FILES}"
)


def run(session: Session) -> int:
    """1 means differences, so errors of any kind are 2 or more."""
    try:
        return _diff(session)
    except (CommandError, StatusFailure) as error:
        raise CommandError(text_of(error), max(code_of(error), 2), prefix="") from None


def _diff(session: Session) -> int:
    import shutil

    if session.args:
        raise UsageError(f"Unexpected args: [{' '.join(session.args)}]", "diff")
    require_files(session)
    if session.flags.on("force-conflicts") and not session.flags.on("server-side"):
        raise CommandError("--force-conflicts only works with --server-side")
    found = collect(session, [], selector=session.flags.text("selector"))
    if found.errors:
        found.raise_errors()
    live_dir, merged_dir = _directory("LIVE"), _directory("MERGED")
    try:
        for item in found.items:
            live, merged = _versions(session, item)
            name = _file_name(item)
            if live is not None:
                _write(session, os.path.join(live_dir, name), live)
            _write(session, os.path.join(merged_dir, name), merged)
        return _run(session, live_dir, merged_dir)
    finally:
        shutil.rmtree(live_dir, ignore_errors=True)
        shutil.rmtree(merged_dir, ignore_errors=True)


def _file_name(item: Item) -> str:
    resource = item.resource
    group = f"{resource.group}." if resource.group else ""
    return f"{group}{resource.version}.{resource.kind}.{item.namespace}.{item.name}".replace("/", "_")


def _versions(session: Session, item: Item) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """As it is, and as it would be (by a dry run of the server)."""
    flags = session.flags
    wanted = item.obj
    try:
        live: dict[str, Any] | None = item.client.get(item.path())
    except StatusFailure as error:
        if error.reason != "NotFound":
            raise
        live = None
    manager = flags.text("field-manager")
    if flags.on("server-side"):
        manager = manager if flags.changed("field-manager") else "kubectl"
        query = [
            ("dryRun", "All"),
            ("fieldManager", manager),
            ("force", "true" if flags.on("force-conflicts") else "false"),
        ]
        data = item.client.call(
            "PATCH",
            item.path() + query_of(query),
            body=compact(wanted).encode(),
            content_type="application/apply-patch+yaml",
        )
        return live, loads(data)
    query = [("dryRun", "All"), ("fieldManager", manager)]
    if live is None:
        path = item.resource.path(item.namespace) + query_of(query)
        return None, loads(item.client.call("POST", path, body=compact(wanted).encode()))
    metadata = wanted.get("metadata") or {}
    # That the annotation of apply would change is no difference.
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if key != LAST_APPLIED}
    kind, patch = patch_for({**wanted, "metadata": {**metadata, "annotations": annotations}}, live)
    if not patch:
        return live, live
    merged = item.patch(kind, compact(patch).encode(), **dict(query))
    return live, merged


def _write(session: Session, path: str, obj: dict[str, Any]) -> None:
    shown = obj if session.flags.on("show-managed-fields") else without_managed_fields(obj)
    if shown.get("kind") == "Secret":
        shown = {**shown, "data": dict.fromkeys(shown.get("data") or {}, "***")}
    metadata = {key: value for key, value in (shown.get("metadata") or {}).items() if key != "resourceVersion"}
    with open(path, "w", encoding="utf-8") as file:
        file.write(dump({**shown, "metadata": metadata}))


def _run(session: Session, live: str, merged: str) -> int:
    import subprocess

    given = os.environ.get("KUBECTL_EXTERNAL_DIFF", "")
    words = given.split() if given else ["diff", "-u", "-N"]
    try:
        done = subprocess.run([*words, live, merged], capture_output=True, check=False)
    except FileNotFoundError:
        raise CommandError(f'failed to run "{words[0]}": executable file not found in $PATH', 2) from None
    session.out.write(done.stdout.decode("utf-8", "replace"))
    if done.stderr:
        session.tell(done.stderr.decode("utf-8", "replace").rstrip("\n"))
    if done.returncode > 1:
        raise CommandError(f"exit status {done.returncode}", done.returncode)
    return done.returncode


def _directory(name: str) -> str:
    """A new directory, with a number in its name."""
    import tempfile

    while True:
        path = os.path.join(tempfile.gettempdir(), f"{name}-{int.from_bytes(os.urandom(4), 'big')}")
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            continue
        return path
