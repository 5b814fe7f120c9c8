"""`history [KIND[/NAME]]`: every operation of the cluster in order, from the API server's memory."""

import argparse
import asyncio
import sys
from collections.abc import Iterator
from urllib.parse import urlencode

import msgspec

from ...api.status import StatusError
from ...base.http.client_connection import TransportError
from ...base.http.message import Request
from ...client.client import read_body
from .. import clients, state
from ..config import ConfigError
from .settings import CommandError, data_dir

__all__ = ["CommandError", "main"]

_HEADERS = ("REVISION", "TIME", "USER", "VERB", "OBJECT", "CHANGE")
_WIDE_HEADERS = (*_HEADERS[:-1], "UID", "CHANGE")


def main(arguments: argparse.Namespace) -> int:
    try:
        body = asyncio.run(_fetch(arguments))
    except (StatusError, TransportError, clients.ClientError, ConfigError, OSError) as error:
        raise CommandError(str(error)) from None
    if arguments.output == "json":
        sys.stdout.write(msgspec.json.format(body, indent=2).decode() + "\n")
        return 0
    if arguments.output == "yaml":
        from ...apiserver.yaml_body import dump

        sys.stdout.write(dump(msgspec.json.decode(body)).decode())
        return 0
    items = msgspec.json.decode(body)["items"]
    if not items:
        print("No operations found.", file=sys.stderr)
    for line in table(items, wide=arguments.output == "wide"):
        print(line)
    return 0


async def _fetch(arguments: argparse.Namespace) -> bytes:
    directory = data_dir(arguments)
    if arguments.kubeconfig is not None:
        client = clients.from_kubeconfig(arguments.kubeconfig, "history")
    else:
        config = state.load(directory)
        if config is None:
            raise CommandError(f"there is no cluster in {directory}; start one with: pybernetes up")
        client = clients.local_admin(config, "history")
    kind, _, name = (arguments.object or "").partition("/")
    wanted = {
        "resource": kind,
        "name": name,
        "namespace": arguments.namespace,
        "since": arguments.since,
        "limit": str(arguments.limit),
    }
    query = urlencode({key: value for key, value in wanted.items() if value})
    response = await client.app(Request("GET", "/history", query))
    body = await read_body(response)
    if response.status >= 400:
        raise CommandError(msgspec.json.decode(body).get("message", f"the API server answered {response.status}"))
    return body


def table(items: list[dict[str, object]], *, wide: bool = False) -> Iterator[str]:
    """Columns as kubectl sets them; further changes of an operation on lines of their own. `wide` tells objects of the
    same name apart."""
    headers = _WIDE_HEADERS if wide else _HEADERS
    rows = [headers, *(row for item in items for row in _rows(item, wide=wide))]
    if len(rows) == 1:
        return
    widths = [max(len(row[column]) for row in rows) + 3 for column in range(len(headers) - 1)]
    for row in rows:
        yield ("".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) + row[-1]).rstrip()


def _rows(item: dict[str, object], *, wide: bool) -> Iterator[tuple[str, ...]]:
    namespace = f"{item['namespace']}/" if item["namespace"] else ""
    kind = f"{item['resource']}.{item['group']}" if item["group"] else str(item["resource"])
    changes = item["changes"]
    first, *others = changes if isinstance(changes, list) and changes else [""]
    yield (
        str(item["revision"]),
        str(item["time"] or "-"),
        str(item["user"] or "-"),
        str(item["verb"]),
        f"{kind} {namespace}{item['name']}",
        *([str(item.get("uid") or "-")] if wide else []),
        str(first),
    )
    for other in others:
        yield (*([""] * (6 if wide else 5)), str(other))
