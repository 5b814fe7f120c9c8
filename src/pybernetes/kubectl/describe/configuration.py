"""Config maps, secrets, namespaces, accounts, quotas, limit ranges, priority classes."""

from __future__ import annotations

from pybernetes.api.quantity import Quantity, parse

from ..errors import StatusFailure
from .words import flag, label_text
from .writer import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..objects.item import Item

_TOKEN = "kubernetes.io/service-account-token"
_SCOPES = {
    "Terminating": "Matches all pods that have an active deadline. These pods have a limited lifespan on a node "
    "before being actively terminated by the system.",
    "NotTerminating": "Matches all pods that do not have an active deadline. These pods usually include long running "
    "pods whose container command is not expected to terminate.",
    "BestEffort": "Matches all pods that do not have resource requirements set. These pods have a best effort quality "
    "of service.",
    "NotBestEffort": "Matches all pods that have at least one resource requirement set. These pods have a burstable or "
    "guaranteed quality of service.",
}
_LIMIT_COLUMNS = "Type|Resource|Min|Max|Default Request|Default Limit|Max Limit/Request Ratio"
_LIMIT_FIELDS = ("min", "max", "defaultRequest", "default", "maxLimitRequestRatio")


def config_map(context: Context, item: Item) -> None:
    context.head(item)
    context.line(0, "\nData\n====")
    for key, value in sorted((item.obj.get("data") or {}).items()):
        context.line(0, f"{key}:\n----\n{value}\n")
    context.line(0, "\nBinaryData\n====")
    for key, value in sorted((item.obj.get("binaryData") or {}).items()):
        context.line(0, f"{key}: {_size(value)} bytes")
    context.line(0, "")
    context.events(item)


def _size(text: str) -> int:
    """Of what base64 text stands for, in bytes."""
    return len(text) * 3 // 4 - text[-2:].count("=")


def secret(context: Context, item: Item) -> None:
    context.head(item)
    kind = item.obj.get("type", "")
    context.line(0, f"\nType:\t{kind}")
    context.line(0, "\nData\n====")
    for key, value in sorted((item.obj.get("data") or {}).items()):
        if kind == _TOKEN and key == "token":
            from binascii import a2b_base64

            context.field(key, a2b_base64(value).decode(errors="replace"))
        else:
            context.field(key, f"{_size(value)} bytes")


def namespace(context: Context, item: Item) -> None:
    _, status = context.head(item, namespaced=False)
    context.field("Status", status.get("phase", ""))
    context.conditions(status.get("conditions"))
    quotas = _of_namespace(context, item, "resourcequotas")
    if quotas is not None:
        context.line(0, "\nResource Quotas" if quotas else "\nNo resource quota.")
        for quota in quotas:
            context.field("Name", quota["metadata"]["name"], 1)
            _scopes(context, quota.get("spec") or {}, 1, "* ")
            context.table(1, "Resource|Used|Hard", _amounts(quota.get("status") or {}), rules="--------|---|---")
    ranges = _of_namespace(context, item, "limitranges")
    if ranges is not None:
        context.line(0, "\nResource Limits" if ranges else "\nNo LimitRange resource.")
        if ranges:
            rows = [row for one in ranges for row in _limits(one.get("spec") or {})]
            titles, rules = _LIMIT_COLUMNS, "|".join("-" * len(title) for title in _LIMIT_COLUMNS.split("|"))
            context.table(0, f" {titles}", [(f" {row[0]}", *row[1:]) for row in rows], rules=f" {rules}")


def _of_namespace(context: Context, item: Item, plural: str) -> list[dict[str, Any]] | None:
    """Sorted by name; None where the server does not know of such. StatusFailure."""
    try:
        found = context.listed(f"/api/v1/namespaces/{item.name}/{plural}")
    except StatusFailure as error:
        if error.reason != "NotFound":
            raise
        return None
    return sorted(found, key=lambda one: str(one["metadata"]["name"]))


def _scopes(context: Context, spec: dict[str, Any], level: int, bullet: str) -> None:
    scopes = sorted(spec.get("scopes") or ())
    if scopes:
        context.field("Scopes", ", ".join(scopes), level)
    for scope in scopes:
        if scope in _SCOPES:
            context.line(level, f"{bullet}{_SCOPES[scope]}")


def _amounts(status: dict[str, Any], *, alike: bool = False) -> list[tuple[str, Any, Any]]:
    """(resource, used, hard); `alike` writes what is used in the way of the hard limit."""
    hard, used = status.get("hard") or {}, status.get("used") or {}
    rows = []
    for name, limit in sorted(hard.items()):
        amount = used.get(name, "0")
        if alike and parse(str(limit)).format != parse(str(amount)).format:
            amount = Quantity.of(parse(str(amount)).value(), parse(str(limit)).format)
        rows.append((name, amount, limit))
    return rows


def service_account(context: Context, item: Item) -> None:
    context.head(item)
    try:
        secrets = context.listed(f"/api/v1/namespaces/{item.namespace}/secrets")
        known = {one["metadata"]["name"] for one in secrets}
    except StatusFailure:
        secrets, known = [], None
    for title, key in (("Image pull secrets", "imagePullSecrets"), ("Mountable secrets", "secrets")):
        names = [reference.get("name", "") for reference in item.obj.get(key) or ()]
        context.several(title, [name if known is None or name in known else f"{name} (not found)" for name in names])
    mine = (item.name, item.obj["metadata"].get("uid"))
    context.several("Tokens", [one["metadata"]["name"] for one in secrets if _account_of(one) == mine])
    context.events(item)


def _account_of(secret: dict[str, Any]) -> tuple[Any, Any] | None:
    """Name and uid of the account whose token a secret holds."""
    annotations = secret["metadata"].get("annotations") or {}
    if secret.get("type") != _TOKEN:
        return None
    return annotations.get("kubernetes.io/service-account.name"), annotations.get("kubernetes.io/service-account.uid")


def resource_quota(context: Context, item: Item) -> None:
    context.named(item)
    _scopes(context, item.obj.get("spec") or {}, 0, " * ")
    context.table(0, "Resource|Used|Hard", _amounts(item.obj.get("status") or {}, alike=True))


def _limits(spec: dict[str, Any]) -> list[list[str]]:
    rows = []
    for limit in spec.get("limits") or ():
        for name in sorted({name for field in _LIMIT_FIELDS for name in limit.get(field) or ()}):
            amounts = [str((limit.get(field) or {}).get(name, "-")) for field in _LIMIT_FIELDS]
            rows.append([limit["type"], name, *amounts])
    return rows


def limit_range(context: Context, item: Item) -> None:
    context.named(item)
    context.table(0, _LIMIT_COLUMNS, _limits(item.obj.get("spec") or {}))


def priority_class(context: Context, item: Item) -> None:
    obj = item.obj
    context.field("Name", item.name)
    context.field("Value", obj.get("value", 0))
    context.field("GlobalDefault", flag(obj.get("globalDefault")))
    context.field("PreemptionPolicy", obj.get("preemptionPolicy", ""))
    context.field("Description", obj.get("description", ""))
    context.field("Annotations", label_text(obj["metadata"].get("annotations")))
    context.events(item)
