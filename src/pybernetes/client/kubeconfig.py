"""Kubeconfig files (client.authentication conventions of kubectl's `config`): read, merge, write.

Files are kept as the plain documents they are, so that what we do not know survives a rewrite. `resolve` turns one
context of a document into a `RestConfig` (config.py).

Merging follows kubectl: of several files (KUBECONFIG, separated by ":") the first that names a cluster, user or context
wins, and the first `current-context` that is set.
"""

import os
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

from .config import RestConfig

Document = dict[str, Any]


class KubeconfigError(ValueError):
    """A kubeconfig that cannot be used; the message says which part is missing."""


def empty() -> Document:
    """A kubeconfig without any entries."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [],
        "users": [],
        "contexts": [],
        "current-context": "",
        "preferences": {},
    }


def read(path: str | os.PathLike[str]) -> Document:
    """One file. KubeconfigError when it is not a kubeconfig, OSError when it cannot be read."""
    import yaml

    try:
        document = yaml.load(Path(path).read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise KubeconfigError(f"{path} is not valid YAML: {error}") from error
    if document is None:
        return empty()
    if not isinstance(document, dict) or document.get("kind", "Config") != "Config":
        raise KubeconfigError(f"{path} is not a kubeconfig (kind: Config)")
    base = Path(path).parent
    for section, inner, keys in _FILE_FIELDS:
        for entry in document.get(section) or ():
            if not isinstance(entry, dict):
                raise KubeconfigError(f"{path} is damaged: {section} holds something else than entries")
            fields = entry.get(inner) or {}
            for key in keys:
                if fields.get(key):
                    fields[key] = str(base / fields[key])
    return document


_FILE_FIELDS = (
    ("clusters", "cluster", ("certificate-authority",)),
    ("users", "user", ("client-certificate", "client-key", "tokenFile")),
)


def write(path: str | os.PathLike[str], document: Document) -> None:
    """Replace the file at once, readable by its owner only (it holds keys)."""
    import yaml

    target = Path(path)
    text = yaml.dump(document, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, target)


def merge(documents: list[Document]) -> Document:
    """Several documents as one; earlier ones win."""
    merged = empty()
    for document in documents:
        for section in ("clusters", "users", "contexts"):
            known = {entry["name"] for entry in merged[section]}
            merged[section] += [entry for entry in document.get(section) or () if entry["name"] not in known]
        merged["current-context"] = merged["current-context"] or document.get("current-context") or ""
    return merged


def load(path: str = "", environ: dict[str, str] | None = None) -> Document:
    """The kubeconfig kubectl would use: `path`, else $KUBECONFIG (files that exist), else ~/.kube/config."""
    environ = dict(os.environ) if environ is None else environ
    if path:
        return read(path)
    listed = [Path(name) for name in environ.get("KUBECONFIG", "").split(os.pathsep) if name]
    candidates = listed or [Path(environ.get("HOME", "/")) / ".kube" / "config"]
    return merge([read(candidate) for candidate in candidates if candidate.exists()])


def make(
    server: str,
    ca_data: bytes,
    *,
    cluster: str = "pybernetes",
    user: str = "admin",
    client_certificate: bytes = b"",
    client_key: bytes = b"",
    token: str = "",
    namespace: str = "",
) -> Document:
    """A kubeconfig with one cluster, one user and one current context. Certificates are PEM."""
    credentials: dict[str, Any] = {}
    if client_certificate:
        credentials["client-certificate-data"] = b64encode(client_certificate).decode()
        credentials["client-key-data"] = b64encode(client_key).decode()
    if token:
        credentials["token"] = token
    context: dict[str, Any] = {"cluster": cluster, "user": user}
    if namespace:
        context["namespace"] = namespace
    name = f"{user}@{cluster}"
    document = empty()
    endpoint: dict[str, Any] = {"server": server}
    if ca_data:
        endpoint["certificate-authority-data"] = b64encode(ca_data).decode()
    document["clusters"].append({"name": cluster, "cluster": endpoint})
    document["users"].append({"name": user, "user": credentials})
    document["contexts"].append({"name": name, "context": context})
    document["current-context"] = name
    return document


def resolve(document: Document, context: str = "") -> RestConfig:
    """The connection of a context (the current one by default). KubeconfigError when something is missing."""
    name = context or document.get("current-context") or ""
    chosen = _entry(document, "contexts", "context", name) if name else _only(document)
    cluster = _entry(document, "clusters", "cluster", chosen.get("cluster", ""))
    user = _entry(document, "users", "user", chosen["user"]) if chosen.get("user") else {}
    if not cluster.get("server"):
        raise KubeconfigError(f"cluster {chosen.get('cluster')!r} has no server")
    if "exec" in user or "auth-provider" in user:
        raise KubeconfigError(f"user {chosen.get('user')!r} needs a credential plugin, which is not supported")
    return RestConfig(
        server=str(cluster["server"]).rstrip("/"),
        ca_data=_bytes(cluster, "certificate-authority"),
        insecure=bool(cluster.get("insecure-skip-tls-verify")),
        server_name=cluster.get("tls-server-name") or "",
        client_certificate=_bytes(user, "client-certificate"),
        client_key=_bytes(user, "client-key"),
        token=user.get("token") or "",
        token_file=user.get("tokenFile") or "",
        namespace=chosen.get("namespace") or "default",
    )


def _only(document: Document) -> Document:
    contexts = document.get("contexts") or []
    if len(contexts) != 1:
        raise KubeconfigError("current-context is not set; choose a context")
    found: Document = contexts[0].get("context") or {}
    return found


def _entry(document: Document, section: str, inner: str, name: str) -> Document:
    for entry in document.get(section) or ():
        if entry.get("name") == name:
            found: Document = entry.get(inner) or {}
            return found
    raise KubeconfigError(f"{inner} {name!r} does not exist")


def _bytes(fields: Document, key: str) -> bytes:
    """PEM from `key-data` (base64) or from the file `key` names."""
    if fields.get(key + "-data"):
        try:
            return b64decode(fields[key + "-data"], validate=True)
        except ValueError as error:
            raise KubeconfigError(f"{key}-data is not base64") from error
    if fields.get(key):
        return Path(fields[key]).read_bytes()
    return b""
