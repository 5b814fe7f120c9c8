"""`kubectl diff`: what `apply` would change, through an external diff; 0 nothing, 1 something, more is an error."""

from __future__ import annotations

import os

from ..apply.prune import check, unnamed
from ..client import query_of
from ..errors import CommandError, Several, StatusFailure, UsageError, code_of, text_of
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
    f"-l,selector='' server-side=false show-managed-fields=false show-secrets=false {FILES}"
)


def run(session: Session) -> int:
    """1 means differences, so errors of any kind are 2 or more."""
    try:
        return _diff(session)
    except (CommandError, StatusFailure, Several) as error:
        raise CommandError(text_of(error), max(code_of(error), 2), prefix="") from None


def _diff(session: Session) -> int:
    import shutil

    if session.args:
        raise UsageError(f"Unexpected args: [{' '.join(session.args)}]", "diff")
    require_files(session)
    if session.flags.on("force-conflicts") and not session.flags.on("server-side"):
        raise CommandError("--force-conflicts only works with --server-side")
    if session.flags.on("prune"):
        check(session)
    found = collect(session, [], selector=session.flags.text("selector"))
    if found.errors:
        raise found.errors[0]
    live_dir, merged_dir = _directory("LIVE"), _directory("MERGED")
    try:
        for item in found.items:
            live, merged = _versions(session, item)
            name = _file_name(item)
            secret = item.resource.kind == "Secret" and item.resource.version == "v1"
            if secret and not session.flags.on("show-secrets"):
                live, merged = masked(live, merged)
                if live is None:
                    # As the stock client has it: here it compares with nothing as an object.
                    _write_text(os.path.join(live_dir, name), "null\n")
            if live is not None:
                _write(session, os.path.join(live_dir, name), live)
            _write(session, os.path.join(merged_dir, name), merged)
            item.obj = live or merged
        if session.flags.on("prune"):
            for item in unnamed(session, found.items):
                _write_text(os.path.join(live_dir, _file_name(item)), dump(item.obj))
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


def masked(live: dict[str, Any] | None, merged: dict[str, Any]) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Two versions of a Secret without its values, where it shows which of them differ."""
    before, after = dict((live or {}).get("data") or {}), dict(merged.get("data") or {})
    changed = {key for key in before if key in after and before[key] != after[key]}
    if live and before:
        live = {**live, "data": {key: "*** (before)" if key in changed else "***" for key in before}}
    if after:
        merged = {**merged, "data": {key: "*** (after)" if key in changed else "***" for key in after}}
    return live, merged


def _write(session: Session, path: str, obj: dict[str, Any]) -> None:
    _write_text(path, dump(obj if session.flags.on("show-managed-fields") else without_managed_fields(obj)))


def _write_text(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def _run(session: Session, live: str, merged: str) -> int:
    import subprocess

    program, *options = os.environ.get("KUBECTL_EXTERNAL_DIFF", "").split(" ")
    # No option can name a file or another program.
    options = [word for word in options if word.isascii() and word.replace("-", "0").replace("=", "0").isalnum()]
    words = [program, live, merged, *options] if program else ["diff", "-u", "-N", live, merged]
    try:
        done = subprocess.run(words, capture_output=True, check=False)
    except FileNotFoundError:
        raise CommandError(f'failed to run "{words[0]}": executable file not found in $PATH', 2) from None
    session.out.write(done.stdout.decode("utf-8", "replace"))
    if done.stderr:
        session.tell(done.stderr.decode("utf-8", "replace").rstrip("\n"))
    if done.returncode > 1:
        raise CommandError(f'failed to run "{words[0]}": exit status {done.returncode}', 2)
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
