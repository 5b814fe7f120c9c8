"""AuthorizationConfiguration (apiserver.config.k8s.io/v1): the chain of authorizers, several webhooks among them."""

from pathlib import Path
from typing import Any

from ...api.duration import parse_seconds
from ...base.clock import Clock
from ..reader import ObjectReader
from ..remote_webhook import RemoteWebhook
from .authorizer import Authorizer
from .modes import PrivilegedGroups, UnionAuthorizer, build_mode
from .rbac import RbacAuthorizer
from .webhook import WebhookAuthorizer

Object = dict[str, Any]


def load(path: str, reader: ObjectReader, rbac: RbacAuthorizer | None, clock: Clock) -> UnionAuthorizer:
    """The chain of a file. ValueError, OSError."""
    return UnionAuthorizer(chain(read(path), Path(path).parent, reader, rbac, clock))


def chain(
    rows: list[Object], directory: Path, reader: ObjectReader, rbac: RbacAuthorizer | None, clock: Clock
) -> list[Authorizer]:
    """The authorizers of these entries; kubeconfigs are looked for in the directory. ValueError, OSError."""
    found: list[Authorizer] = [PrivilegedGroups()]
    for row in rows:
        kind, webhook = str(row.get("type")), row.get("webhook")
        if kind == "Webhook":
            found.append(_webhook(webhook or {}, directory, clock))
        else:
            found.append(build_mode(kind, reader, rbac))
    return found


def read(path: str) -> list[Object]:
    """The entries of a file. ValueError, OSError."""
    return parse(Path(path).read_bytes(), path)


def parse(data: bytes, path: str) -> list[Object]:
    """The entries of a file's content; the path is for messages. ValueError."""
    from ..config_documents import document_of

    document = document_of(data, path, "AuthorizationConfiguration")
    rows: list[Object] = document.get("authorizers") or []
    if not rows:
        raise ValueError(f"{path}: authorizers: Required value: at least one authorization mode must be defined")
    names = [row.get("name") for row in rows]
    if len(set(names)) != len(names):
        raise ValueError(f"{path}: authorizers: Duplicate value: names must be unique")
    return rows


def _webhook(config: Object, directory: Path, clock: Clock) -> WebhookAuthorizer:
    connection = config.get("connectionInfo") or {}
    if connection.get("type") != "KubeConfigFile":
        raise ValueError(f"authorizers.webhook.connectionInfo.type: {connection.get('type')} is not KubeConfigFile")
    policy = config.get("failurePolicy")
    if policy not in ("NoOpinion", "Deny"):
        raise ValueError(f'authorizers.webhook.failurePolicy: "{policy}": supported values: "NoOpinion", "Deny"')
    timeout = parse_seconds(str(config.get("timeout") or "3s"))
    return WebhookAuthorizer(
        RemoteWebhook(str(directory / str(connection.get("kubeConfigFile"))), timeout_seconds=timeout),
        clock,
        allowed_seconds=parse_seconds(str(config.get("authorizedTTL") or "5m")),
        denied_seconds=parse_seconds(str(config.get("unauthorizedTTL") or "30s")),
        fail_closed=policy == "Deny",
        conditions=[str(row.get("expression") or "") for row in config.get("matchConditions") or ()],
    )
