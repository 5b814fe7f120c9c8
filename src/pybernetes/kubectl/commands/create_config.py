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
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        _add(found, key, value.encode("utf-8", "surrogateescape"), kind, name)
    for path in environments:
        for key, value in _environment(path):
            _add(found, key, value.encode(), kind, name)
    return found


def _add(found: dict[str, bytes], key: str, value: bytes, kind: str, name: str = "") -> None:
    bad = not key or any(not (letter.isascii() and (letter.isalnum() or letter in "-._")) for letter in key)
    if bad or key in (".", "..") or key.startswith(".."):
        noun = "a ConfigMap" if kind == "ConfigMap" else "a Secret"
        why = (
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or "
            "'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
        )
        raise CommandError(f"{quoted(key)} is not valid key name for {noun}: {why}")
    if key in found:
        raise CommandError(
            f"cannot add key {quoted(key)}, another key by that name already exists in Data for {kind} {quoted(name)}"
        )
    found[key] = value


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


def _environment(path: str) -> list[tuple[str, str]]:
    text = _read(path).decode("utf-8", "replace").removeprefix("\ufeff")
    found = []
    for line in text.splitlines():
        line = line.lstrip()
        if not line or line[0] == "#":
            continue
        key, equals, value = line.partition("=")
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
            for key, path in _sources(file):
                _add(found, ".dockerconfigjson" if key == "config.json" else key, _read(path), "Secret")
        return found
    for name in ("docker-username", "docker-password"):
        if not flags.text(name):
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
