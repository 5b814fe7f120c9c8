"""`kubectl create configmap` and `create secret generic|docker-registry|tls`: data from literals and files."""

from __future__ import annotations

import os

from ..errors import CommandError, quoted, reason_of
from ..objects.generated import GENERATOR, finish, metadata, name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

_DATA = f"append-hash=false from-env-file=[] from-file=[] from-literal=[+] {GENERATOR}"
FLAGS = {
    "create configmap": _DATA,
    "create secret generic": f"type='' {_DATA}",
    "create secret docker-registry": (
        "append-hash=false docker-email='' docker-password='' docker-server='https://index.docker.io/v1/' "
        f"docker-username='' from-file=[] {GENERATOR}"
    ),
    "create secret tls": f"append-hash=false cert='' key='' {GENERATOR}",
}


def run(session: Session) -> int:
    name = name_of(session)
    kind = session.command.rpartition(" ")[2]
    if kind == "configmap":
        obj = _config_map(session, name)
    elif kind == "generic":
        obj = _secret(session, name, session.flags.text("type"), _data(session))
    elif kind == "tls":
        obj = _secret(session, name, "kubernetes.io/tls", _pair(session))
    else:
        obj = _secret(session, name, "kubernetes.io/dockerconfigjson", _registry(session))
    if session.flags.on("append-hash"):
        from ..kustomize.hashes import hash_of

        obj["metadata"]["name"] += "-" + hash_of(obj, name)
    finish(session, obj)
    return 0


def _config_map(session: Session, name: str) -> dict[str, Any]:
    plain: dict[str, str] = {}
    binary: dict[str, str] = {}
    for key, value in _data(session).items():
        try:
            plain[key] = value.decode()
        except UnicodeDecodeError:
            binary[key] = _base64(value)
    obj: dict[str, Any] = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata(session, name)}
    if plain:
        obj["data"] = dict(sorted(plain.items()))
    if binary:
        obj["binaryData"] = dict(sorted(binary.items()))
    return obj


def _secret(session: Session, name: str, kind: str, data: dict[str, bytes]) -> dict[str, Any]:
    obj: dict[str, Any] = {"kind": "Secret", "apiVersion": "v1", "metadata": metadata(session, name)}
    if data:
        obj["data"] = {key: _base64(value) for key, value in sorted(data.items())}
    if kind:
        obj["type"] = kind
    return obj


def _base64(value: bytes) -> str:
    from binascii import b2a_base64

    return b2a_base64(value, newline=False).decode()


def _data(session: Session) -> dict[str, bytes]:
    """What --from-file, --from-literal and --from-env-file say. CommandError."""
    flags = session.flags
    files, literals, environments = flags.many("from-file"), flags.many("from-literal"), flags.many("from-env-file")
    if environments and (files or literals):
        raise CommandError("from-env-file cannot be combined with from-file or from-literal")
    kind = "ConfigMap" if session.command.endswith("configmap") else "Secret"
    name = session.args[0]
    found: dict[str, bytes] = {}
    for file in files:
        for key, path in _sources(file):
            _add(found, key, _read(path), kind, name)
    for literal in literals:
        key, equals, value = literal.partition("=")
        if not equals or not key:
            raise CommandError(f"invalid literal source {literal}, expected key=value")
        _add(found, key, value.encode("utf-8", "surrogateescape"), kind, name)
    for path in environments:
        for key, value in _environment(path, "config" if kind == "ConfigMap" else "secret"):
            _add(found, key, value.encode(), kind, name)
    return found


def _add(found: dict[str, bytes], key: str, value: bytes, kind: str, name: str = "") -> None:
    why = _wrong_with(key, _KEY, "a valid config key must consist of alphanumeric characters, '-', '_' or '.'", _KEYS)
    if why:
        noun = "a valid key name for a ConfigMap:" if kind == "ConfigMap" else "valid key name for a Secret"
        raise CommandError(f"{quoted(key)} is not {noun} {why}")
    if key in found:
        shown, where = (quoted(key), f" in Data for ConfigMap {quoted(name)}") if kind == "ConfigMap" else (key, "")
        raise CommandError(f"cannot add key {shown}, another key by that name already exists{where}")
    found[key] = value


_KEY = "[-._a-zA-Z0-9]+"
_VARIABLE = "[-._a-zA-Z][-._a-zA-Z0-9]*"
_VARIABLE_RULE = (
    "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not "
    "start with a digit"
)
_KEYS = "'key.name',  or 'KEY_NAME',  or 'key-name'"
_VARIABLES = "'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1'"


def _wrong_with(key: str, pattern: str, rule: str, examples: str) -> str:
    """Why a key is none; nothing for a good one."""
    import re

    if len(key) > 253 and pattern == _KEY:
        return "must be no more than 253 characters"
    wrong = []
    if not re.fullmatch(pattern, key, re.ASCII):
        wrong.append(f"{rule} (e.g. {examples}, regex used for validation is '{pattern}')")
    if key in (".", ".."):
        wrong.append(f"must not be '{key}'")
    elif key.startswith(".."):
        wrong.append("must not start with '..'")
    return ";".join(wrong)


def wrong_with_variable(name: str) -> str:
    """Why this is no name of an environment variable; nothing for a good one."""
    return _wrong_with(name, _VARIABLE, _VARIABLE_RULE, _VARIABLES)


def _sources(text: str) -> list[tuple[str, str]]:
    """`path`, `key=path`, or a directory: its files by name."""
    key, equals, path = text.partition("=")
    if equals:
        if "=" in path:
            raise CommandError("key names or file paths cannot contain '='")
        if not key:
            raise CommandError(f"key name for file path {path} missing")
        if not path:
            raise CommandError(f"file path for key name {key} missing")
    else:
        path, key = text, os.path.basename(text)
    if not os.path.exists(path):
        raise CommandError(f"error reading {path}: no such file or directory")
    if os.path.isdir(path):
        if equals:
            raise CommandError("cannot give a key name for a directory path")
        names = sorted(name for name in os.listdir(path) if os.path.isfile(os.path.join(path, name)))
        return [(name, os.path.join(path, name)) for name in names if not name.startswith("..")]
    return [(key, path)]


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise CommandError(f"open {path}: {reason_of(error)}") from None


def _environment(path: str, kind: str) -> list[tuple[str, str]]:
    """Names and values of the lines of a file; the value of a name alone is this process's own."""
    if not os.path.exists(path):
        raise CommandError(f"error reading {path}: no such file or directory")
    if os.path.isdir(path):
        raise CommandError(f"env {kind} file cannot be a directory")
    found = []
    for number, raw in enumerate(_read(path).split(b"\n"), 1):
        try:
            line = raw.removesuffix(b"\r").decode().removeprefix("\ufeff" if number == 1 else "").lstrip()
        except UnicodeDecodeError:
            shown = " ".join(map(str, raw))
            raise CommandError(f"env file {path} contains invalid utf8 bytes at line {number}: [{shown}]") from None
        if not line or line[0] == "#":
            continue
        key, equals, value = line.partition("=")
        if why := wrong_with_variable(key):
            raise CommandError(f"{quoted(key)} is not a valid key name: {why}")
        found.append((key, value if equals else os.environ.get(key, "")))
    return found


def _pair(session: Session) -> dict[str, bytes]:
    flags = session.flags
    if not flags.text("key") or not flags.text("cert"):
        raise CommandError("key and cert must be specified")
    try:
        certificate, key = _read(flags.text("cert")), _read(flags.text("key"))
    except CommandError as error:
        path = error.message.removeprefix("open ").partition(":")[0]
        raise CommandError(f"Cannot read file {path}, {error.message}") from None
    _check_pair(certificate, key)
    return {"tls.crt": certificate, "tls.key": key}


def _check_pair(certificate: bytes, key: bytes) -> None:
    import ssl
    import tempfile

    if b"-----BEGIN" not in certificate:
        raise CommandError("tls: failed to find any PEM data in certificate input")
    with tempfile.NamedTemporaryFile() as one, tempfile.NamedTemporaryFile() as two:
        one.write(certificate)
        two.write(key)
        one.flush()
        two.flush()
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(one.name, two.name)
        except ssl.SSLError as error:
            if "KEY_VALUES_MISMATCH" in str(error):
                raise CommandError("tls: private key does not match public key") from None
            raise CommandError("tls: failed to find any PEM data in key input") from None


def _registry(session: Session) -> dict[str, bytes]:
    flags = session.flags
    files = flags.many("from-file")
    if files:
        found: dict[str, bytes] = {}
        for file in files:
            for key, path in _sources(file if "=" in file else f".dockerconfigjson={file}"):
                _add(found, key, _read(path), "Secret")
        return found
    if not all(flags.text(name) for name in ("docker-username", "docker-password", "docker-server")):
        raise CommandError(
            "either --from-file or the combination of --docker-username, --docker-password and --docker-server is "
            "required"
        )
    from ..output.go_json import compact

    user, password = flags.text("docker-username"), flags.text("docker-password")
    entry: dict[str, str] = {"username": user, "password": password}
    if flags.text("docker-email"):
        entry["email"] = flags.text("docker-email")
    entry["auth"] = _base64(f"{user}:{password}".encode())
    text = compact({"auths": {flags.text("docker-server"): entry}}, ordered=True)
    return {".dockerconfigjson": text.encode()}
