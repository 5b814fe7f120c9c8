"""Objects in files, directories, URLs and standard input: YAML or JSON, several documents, Lists.

`documents(paths)` yields `(object, source)` in order and the first error as a CommandError with kubectl's words.
"""

from __future__ import annotations

import os

from ..errors import CommandError, Several, Unreachable, reason_of
from ..wire.json_read import JsonError, first
from ..wire.yaml_fast import Unusual, quick

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

EXTENSIONS = (".json", ".yaml", ".yml")


def documents(
    paths: list[str],
    *,
    recursive: bool,
    stdin: Callable[[], str],
    kustomize: str = "",
    failed: Callable[[CommandError], None] | None = None,
) -> Iterator[tuple[Any, str]]:
    """Every object of these paths and where it came from. Lists are not yet taken apart.

    CommandError, or Several, when a path is not there. A file that cannot be read is told to `failed`, if given, and
    the next one is read.
    """
    if paths.count("-") > 1:
        raise CommandError("standard input cannot be used for multiple arguments")
    for source, text in list(_sources(paths, recursive, stdin)):
        try:
            yield from _of_text(text(), source)
        except CommandError as error:
            if failed is None:
                raise
            failed(error)
    if kustomize:
        from ..kustomize.build import build

        for obj in build(kustomize):
            yield obj, kustomize


def _sources(paths: list[str], recursive: bool, stdin: Callable[[], str]) -> Iterator[tuple[str, Callable[[], str]]]:
    """What to read and how, all paths looked at first."""
    missing: list[Exception] = []
    for path in paths:
        if path == "-":
            yield "STDIN", stdin
        elif path.startswith(("http://", "https://")):
            yield path, _reader(download, path)
        else:
            try:
                files = _files(path, recursive)
            except CommandError as error:
                missing.append(error)
            else:
                yield from ((file, _reader(_read, file)) for file in files)
    if len(missing) == 1:
        raise missing[0]
    if missing:
        raise Several(missing)


def look(paths: list[str], recursive: bool) -> None:
    """Are all paths there? CommandError, or Several, in the words of reading them."""
    for _ in _sources(paths, recursive, str):
        pass


def is_one_file(paths: list[str], *, recursive: bool) -> bool:
    """Do these paths come to one file or URL? Standard input is none."""
    return paths != ["-"] and len(list(_sources(paths, recursive, str))) == 1


def _reader(read: Callable[[str], str], path: str) -> Callable[[], str]:
    return lambda: read(path)


def _files(path: str, recursive: bool) -> list[str]:
    """The files of a path: itself, or those of a directory with known extensions."""
    expanded = [path]
    if not os.path.exists(path):
        if any(letter in path for letter in "*?["):
            import glob

            expanded = sorted(glob.glob(path))
        if not os.path.exists(path) and (not expanded or expanded == [path]):
            raise CommandError(f'the path "{path}" does not exist')
    found: list[str] = []
    for name in expanded:
        if not os.path.isdir(name):
            found.append(name)
            continue
        found += _below(os.path.normpath(name), recursive)
    if not found:
        raise CommandError(f"error reading [{path}]: recognized file extensions are [{' '.join(EXTENSIONS)}]")
    return found


def _below(directory: str, recursive: bool) -> Iterator[str]:
    """Files with known extensions in the order of their names, those of a directory where its name stands."""
    for name in sorted(os.listdir(directory)):
        path = os.path.join(directory, name) if directory != "." else name
        if os.path.isdir(path) and not os.path.islink(path):
            if recursive:
                yield from _below(path, recursive)
        elif name.endswith(EXTENSIONS):
            yield path


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError as error:
        raise CommandError(f"open {path}: {reason_of(error)}") from None


def download(url: str) -> str:
    """The text behind a URL, redirections followed. CommandError, Unreachable."""
    from ..config.target import Target
    from ..transport.connection import Address, Connection

    for _ in range(10):
        address, target = Address(url), Target()
        target.server = f"{address.scheme}://{address.with_port()}"
        connection = Connection(target)
        path = url.partition("://")[2].partition("/")[2]
        connection.send("GET", f"/{path}", [("Accept", "*/*"), ("User-Agent", "kubectl")], b"")
        response = connection.answer()
        body = response.read()
        connection.close()
        if response.status in (301, 302, 303, 307, 308):
            location = response.header("location")
            url = location if "://" in location else f"{address.scheme}://{address.with_port()}{location}"
            continue
        if response.status != 200:
            raise CommandError(
                f'unable to read URL "{url}", server reported {response.status} {response.reason}, '
                f"status code={response.status}"
            )
        return body.decode("utf-8", "replace")
    raise Unreachable("stopped after 10 redirects")


def _of_text(text: str, source: str) -> Iterator[tuple[Any, str]]:
    if text[:1] == "\ufeff":
        text = text[1:]
    if text.lstrip()[:1] in ("{",):
        yield from _of_json(text, source)
        return
    yield from _of_yaml(documents_of(text), source)


def _of_yaml(documents: Iterable[str], source: str) -> Iterator[tuple[Any, str]]:
    try:
        for document in documents:
            try:
                value = _document(document)
            except ValueError as error:
                # A JSON parser's words have no prefix of their own.
                raise CommandError(f"error parsing {source}: error converting YAML to JSON: {error}") from None
            if value is not None:
                yield value, source
    except BadSeparator as error:
        raise CommandError(f"error parsing {source}: {error}") from None


def _document(text: str) -> Any:
    try:
        return quick(text)
    except Unusual:
        from ..wire.yaml_read import load_one

        return load_one(text)


class BadSeparator(ValueError):
    """Something follows the dashes that separate documents. What is before them is not read either."""


def documents_of(text: str) -> Iterator[str]:
    """Documents end at lines of three dashes, which a comment may follow. BadSeparator."""
    if "\n---" not in text and text[:3] != "---":
        yield text
        return
    lines: list[str] = []
    for line in text.split("\n"):
        if line[:3] == "---":
            rest = line[3:].strip()
            if rest and rest[0] != "#":
                raise BadSeparator(f"invalid Yaml document separator: {rest}")
            yield "\n".join(lines)
            lines = []
        else:
            lines.append(line)
    yield "\n".join(lines)


def _of_json(text: str, source: str) -> Iterator[tuple[Any, str]]:
    position = 0
    while text[position:].strip():
        rest = text[position:].lstrip()
        if rest[:3] == "---":
            yield from _of_text(text[position:].lstrip()[3:], source)
            return
        try:
            value, position = first(text, position)
        except JsonError as error:
            yield from _json_failed(text, position, source, error)
            return
        yield value, source


def _json_failed(text: str, position: int, source: str, error: JsonError) -> Iterator[tuple[Any, str]]:
    """What begins like JSON may be a YAML flow mapping."""
    from ..wire.yaml_read import load_one

    try:
        document, *others = documents_of(text[position:])
        value = load_one(document)
    except ValueError:
        raise CommandError(f"error parsing {source}: {_json_words(text, position, error)}") from None
    if value is not None:
        yield value, source
    yield from _of_yaml(others, source)


def _json_words(text: str, position: int, error: JsonError) -> str:
    """What Go's decoder of a stream says, and after how many bytes."""
    from pybernetes.api.schema.syntax import located_error

    if "end of JSON" in str(error):
        return "unexpected EOF"
    words, at = located_error(text[position:].encode("utf-8", "surrogatepass"))
    if not words:
        return str(error)
    return f"json: offset {len(text[:position].encode('utf-8', 'surrogatepass')) + at}: {words}"
