"""Config maps, secrets, namespaces, accounts, quotas, limit ranges, priority classes."""

from __future__ import annotations

from .writer import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..objects.item import Item


def _head(context: Context, item: Item, *, namespaced: bool = True) -> dict[str, Any]:
    metadata: dict[str, Any] = item.obj["metadata"]
    context.field("Name", metadata["name"])
    if namespaced:
        context.field("Namespace", metadata.get("namespace", ""))
    context.labels("Labels", metadata.get("labels"))
    context.annotations(metadata.get("annotations"))
    return metadata


def config_map(context: Context, item: Item) -> None:
    _head(context, item)
    obj = item.obj
    context.line(0, "\nData\n====")
    data = obj.get("data") or {}
    for key in sorted(data):
        context.line(0, f"{key}:\n----\n{data[key]}\n")
    context.line(0, "\nBinaryData\n====")
    binary = obj.get("binaryData") or {}
    for key in sorted(binary):
        context.line(0, f"{key}: {_size(binary[key])} bytes")
    context.line(0, "")
    context.events(item)


def _size(text: str) -> int:
    return len(text) * 3 // 4 - text[-2:].count("=")


def secret(context: Context, item: Item) -> None:
    _head(context, item)
    obj = item.obj
    context.line(0, f"\nType:\t{obj.get('type', '')}")
    context.line(0, "\nData\n====")
    data = obj.get("data") or {}
    for key in sorted(data):
        if obj.get("type") == "kubernetes.io/service-account-token" and key == "token":
            from binascii import a2b_base64

            context.line(0, f"{key}:\t{a2b_base64(data[key]).decode()}")
        else:
            context.line(0, f"{key}:\t{_size(data[key])} bytes")


def namespace(context: Context, item: Item) -> None:
    _head(context, item, namespaced=False)
    status = item.obj.get("status") or {}
    context.field("Status", status.get("phase", ""))
    conditions = status.get("conditions") or []
    if conditions:
        context.line(0, "Conditions:\n  Type\tStatus\tLastTransitionTime\tReason\tMessage")
        context.line(1, "----\t------\t------------------\t------\t-------")
        from .writer import date

        for condition in conditions:
            context.line(
                1,
                f"{condition['type']}\t{condition['status']}\t{date(condition.get('lastTransitionTime'))}\t"
                f"{condition.get('reason', '')}\t{condition.get('message', '')}",
            )
    quotas = context.items(f"/api/v1/namespaces/{item.name}/resourcequotas")
    context.line(0, "")
    if not quotas:
        context.line(0, "No resource quota.")
    else:
        context.write(0, "Resource Quotas\n")
        for quota in quotas:
            context.line(1, f"Name:\t{quota['metadata']['name']}")
            context.line(1, "Resource\tUsed\tHard")
            context.line(1, "--------\t---\t---")
            _amounts(context, quota.get("status") or {}, 1)
    ranges = context.items(f"/api/v1/namespaces/{item.name}/limitranges")
    context.line(0, "")
    if not ranges:
        context.line(0, "No LimitRange resource.")
    else:
        context.write(
            0, "Resource Limits\n Type\tResource\tMin\tMax\tDefault Request\tDefault Limit\tMax Limit/Request Ratio\n"
        )
        context.write(0, " ----\t--------\t---\t---\t---------------\t-------------\t-----------------------\n")
        for one in ranges:
            _limits(context, one.get("spec") or {}, " ")


def _amounts(context: Context, status: dict[str, Any], level: int) -> None:
    hard, used = status.get("hard") or {}, status.get("used") or {}
    for name in sorted(hard):
        context.line(level, f"{name}\t{used.get(name, '0')}\t{hard[name]}")


def service_account(context: Context, item: Item) -> None:
    _head(context, item)
    obj = item.obj
    secrets = context.items(f"/api/v1/namespaces/{item.namespace}/secrets")
    known = {one["metadata"]["name"] for one in secrets}
    for title, key in (("Image pull secrets", "imagePullSecrets"), ("Mountable secrets", "secrets")):
        names = [reference["name"] for reference in obj.get(key) or ()]
        _names(context, title, [name if name in known else f"{name} (not found)" for name in names])
    tokens = [
        secret_["metadata"]["name"]
        for secret_ in secrets
        if secret_.get("type") == "kubernetes.io/service-account-token"
        and (secret_["metadata"].get("annotations") or {}).get("kubernetes.io/service-account.name") == item.name
    ]
    _names(context, "Tokens", tokens)
    context.events(item)


def _names(context: Context, title: str, names: list[str]) -> None:
    if not names:
        context.line(0, f"{title}:\t<none>")
    for number, name in enumerate(names):
        context.line(0, f"{title if not number else ''}{':' if not number else ''}\t{name}")


def resource_quota(context: Context, item: Item) -> None:
    obj = item.obj
    context.field("Name", item.name)
    context.field("Namespace", item.namespace)
    scopes = (obj.get("spec") or {}).get("scopes") or []
    if scopes:
        words = {
            "Terminating": "Matches all pods that have an active deadline. "
            "These pods have a limited lifespan on a node before "
            "being actively terminated by the system.",
            "NotTerminating": "Matches all pods that do not have an active deadline. "
            "These pods usually include long running pods "
            "whose container command is not expected to terminate.",
            "BestEffort": "Matches all pods that do not have resource requirements set. "
            "These pods have a best effort quality of service.",
            "NotBestEffort": "Matches all pods that have at least one resource requirement set. "
            "These pods have a burstable or guaranteed quality of service.",
        }
        context.field("Scopes", ", ".join(sorted(scopes)))
        for scope in sorted(scopes):
            if scope in words:
                context.line(0, f" * {words[scope]}")
    context.line(0, "Resource\tUsed\tHard")
    context.line(0, "--------\t----\t----")
    _amounts(context, obj.get("status") or {}, 0)


def _limits(context: Context, spec: dict[str, Any], indent: str) -> None:
    for limit in spec.get("limits") or ():
        fields = ("min", "max", "defaultRequest", "default", "maxLimitRequestRatio")
        names = sorted({name for field in fields for name in limit.get(field) or ()})
        for name in names:
            cells = [str((limit.get(field) or {}).get(name, "-")) for field in fields]
            context.write(0, f"{indent}{limit['type']}\t{name}\t" + "\t".join(cells) + "\n")


def limit_range(context: Context, item: Item) -> None:
    context.field("Name", item.name)
    context.field("Namespace", item.namespace)
    context.line(0, "Type\tResource\tMin\tMax\tDefault Request\tDefault Limit\tMax Limit/Request Ratio")
    context.line(0, "----\t--------\t---\t---\t---------------\t-------------\t-----------------------")
    _limits(context, item.obj.get("spec") or {}, "")


def priority_class(context: Context, item: Item) -> None:
    obj = item.obj
    context.field("Name", item.name)
    context.field("Value", obj.get("value", 0))
    context.field("GlobalDefault", "true" if obj.get("globalDefault") else "false")
    context.field("PreemptionPolicy", obj.get("preemptionPolicy", ""))
    context.field("Description", obj.get("description", ""))
    context.annotations(obj["metadata"].get("annotations"))
    context.events(item)
