"""Servers on a store that runs already, with an EncryptionConfiguration."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
from tests.support.api import Api

from pybernetes.base.tasks import running
from pybernetes.store.store import Store

SECRETS = "/api/v1/namespaces/default/secrets"
KEY = "/registry/secrets/default/s"
Object = dict[str, Any]


def configured(directory: Path, *providers: Object, resources: list[str] | None = None) -> str:
    rows = [{"resources": resources or ["secrets"], "providers": list(providers)}]
    file = directory / "encryption.yaml"
    file.write_bytes(orjson.dumps({"kind": "EncryptionConfiguration", "resources": rows}))
    return str(file)


async def stored(store: Store, at: str = KEY) -> bytes:
    found = await store.get(at)
    assert found is not None
    return found.value


async def secret(api: Api, name: str = "s") -> None:
    answer = await api.post(SECRETS, {"metadata": {"name": name}, "data": {"p": base64.b64encode(b"hunter2").decode()}})
    assert answer.code == 201, answer


@asynccontextmanager
async def api_without_store(store: Store, file: str) -> AsyncIterator[Api]:
    """A server on a store that runs already."""
    from pybernetes.apiserver.config import ApiServerConfig
    from pybernetes.apiserver.server import ApiServer

    config = ApiServerConfig(
        authorization_modes=("AlwaysAllow",),
        disable_admission=("ServiceAccount",),
        aggregation=False,
        keep_flow_control_objects=False,
        keep_identity_lease=False,
        encryption_config_file=file,
    )
    server = ApiServer(config, store)
    async with running("apiserver", server.serve):
        yield Api(server)


async def rewrite(api: Api) -> None:
    """`kubectl get secrets -o json | kubectl replace -f -`"""
    present = (await api.get(f"{SECRETS}/s")).body
    assert (await api.put(f"{SECRETS}/s", present)).code == 200
