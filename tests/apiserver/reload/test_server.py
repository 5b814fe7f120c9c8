"""A running server takes up changed configurations: identity, rights, keys, certificates."""

import asyncio
import logging
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.apiserver.authn.issuer import Issuer, who, written
from tests.apiserver.authz.test_webhook import Judge, kubeconfig
from tests.apiserver.core.test_https import files
from tests.apiserver.encryption.test_encryption import cipher, key
from tests.support.api import CONFIG_MAPS, Api, running_api
from tests.support.encryption import KEY, SECRETS, configured, rewrite, secret, stored
from tests.support.kms_plugin import Plugin

from pybernetes.api.user import UserInfo
from pybernetes.base.clock import SYSTEM_CLOCK
from pybernetes.base.http.client import HttpTransport, TransportError
from pybernetes.base.http.message import Request
from pybernetes.base.tasks import running
from pybernetes.base.x509 import CertificateAuthority, client_context
from pybernetes.store.memory import MemoryStore

ALICE = UserInfo("alice", groups=("system:authenticated",))
Object = dict[str, Any]


class Log(logging.Handler):
    """Counts what the server says about changed configurations."""

    def __init__(self) -> None:
        super().__init__()
        self.used = 0
        self.refused: list[str] = []
        self._told = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage() == "A changed configuration is in force":
            self.used += 1
        elif record.getMessage() == "A changed configuration is not used; the old one stays":
            self.refused.append(str(getattr(record, "fields", {}).get("err")))
        else:
            return
        self._told.set()

    async def until(self, *, used: int = 0, refused: int = 0) -> None:
        async with asyncio.timeout(60):
            while self.used < used or len(self.refused) < refused:
                self._told.clear()
                await self._told.wait()


@contextmanager
def listening() -> Iterator[Log]:
    log = Log()
    logging.getLogger().addHandler(log)
    before = logging.getLogger().level
    logging.getLogger().setLevel(logging.INFO)
    try:
        yield log
    finally:
        logging.getLogger().removeHandler(log)
        logging.getLogger().setLevel(before)


def put(path: str | Path, data: bytes) -> None:
    """Replace a file at once."""
    Path(f"{path}.new").write_bytes(data)
    os.replace(f"{path}.new", path)


async def metrics(api: Api, what: str) -> dict[str, str]:
    """The samples of one followed configuration: rest of the name and labels -> value."""
    text = (await api.get("/metrics")).raw.decode()
    prefix = f"apiserver_{what}_config_controller_"
    rows = [line.removeprefix(prefix).rpartition(" ") for line in text.splitlines() if line.startswith(prefix)]
    return {name: value for name, _, value in rows}


async def reloads(api: Api, what: str) -> dict[str, int]:
    """status -> number of reloads."""
    found = await metrics(api, what)
    total = {name: value for name, value in found.items() if name.startswith("automatic_reloads_total")}
    assert all('apiserver_id_hash="sha256:' in name for name in total)
    return {name.rpartition('status="')[2].removesuffix('"}'): int(value) for name, value in total.items()}


async def test_issuers_and_anonymous_requests(tmp_path: Path) -> None:
    issuer = Issuer()
    async with running("issuer", issuer.http.serve):
        other = {**issuer.config(), "claimMappings": {"username": {"claim": "sub", "prefix": "new:"}}}
        file = written(tmp_path, jwt=[issuer.config()])
        with listening() as log:
            async with running_api(authentication_config_file=file) as api:
                assert (await who(api, issuer.token()))["username"] == "oidc:jane"
                assert (await who(api))["username"] == "system:anonymous"
                written(tmp_path, jwt=[other], anonymous={"enabled": False})
                await log.until(used=1)
                assert (await who(api, issuer.token()))["username"] == "new:jane"
                assert await who(api) == 401
                Path(file).write_text("{")
                await log.until(refused=1)
                assert (await who(api, issuer.token()))["username"] == "new:jane"
                written(tmp_path, jwt=[])
                await log.until(used=2)
                assert await who(api, issuer.token()) == 401
                assert (await who(api))["username"] == "system:anonymous"
                assert await reloads(api, "authentication") == {"success": 2, "failure": 1}
                found = await metrics(api, "authentication")
                assert sum("automatic_reload_last_timestamp_seconds" in name for name in found) == 2
                assert [v for name, v in found.items() if name.startswith("last_config_info")] == ["1"]


def authorizers(tmp_path: Path, *rows: Object) -> str:
    file = tmp_path / "authorization.yaml"
    put(file, orjson.dumps({"kind": "AuthorizationConfiguration", "authorizers": list(rows)}))
    return str(file)


async def test_webhooks_among_the_authorizers(tmp_path: Path) -> None:
    judge = Judge()
    async with running("judge", judge.http.serve):
        kubeconfig(tmp_path, judge.http.port)
        connection = {"type": "KubeConfigFile", "kubeConfigFile": "webhook.yaml"}
        hook = {
            "type": "Webhook",
            "name": "judge",
            "webhook": {"failurePolicy": "Deny", "connectionInfo": connection, "authorizedTTL": "1ms"},
        }
        rbac = {"type": "RBAC", "name": "rbac"}
        file = authorizers(tmp_path, rbac)
        with listening() as log:
            async with running_api(authorization_config_file=file) as admin:
                alice = Api(admin.server, ALICE)
                assert (await alice.get(CONFIG_MAPS)).code == 403
                authorizers(tmp_path, hook, rbac)
                await log.until(used=1)
                assert (await alice.get(CONFIG_MAPS)).code == 200
                authorizers(tmp_path, hook)
                await log.until(refused=1)
                assert "RBAC cannot be added or removed" in log.refused[0]
                assert (await alice.get(CONFIG_MAPS)).code == 200
                authorizers(tmp_path, rbac)
                await log.until(used=2)
                assert (await alice.get(CONFIG_MAPS)).code == 403
                assert await reloads(admin, "authorization") == {"success": 2, "failure": 1}


async def test_a_new_key_is_used_and_what_is_under_the_old_one_written_anew(tmp_path: Path) -> None:
    old, new = cipher("aesgcm", key("old", "o")), cipher("secretbox", key("new", "n"))
    store = MemoryStore(clock=SYSTEM_CLOCK)
    async with running("store", store.serve):
        with listening() as log:
            file = configured(tmp_path, old, {"identity": {}})
            async with running_api(store=store, encryption_config_file=file, encryption_reload=True) as api:
                await secret(api)
                assert (await stored(store)).startswith(b"k8s:enc:aesgcm:v1:old:")
                configured(tmp_path, new, old, {"identity": {}})
                await log.until(used=1)
                assert (await api.get(f"{SECRETS}/s")).code == 200
                await secret(api, "t")
                assert (await stored(store, KEY[:-1] + "t")).startswith(b"k8s:enc:secretbox:v1:new")
                await rewrite(api)
                assert (await stored(store)).startswith(b"k8s:enc:secretbox:v1:new:")
                version = (await api.get(f"{SECRETS}/s")).version
                await rewrite(api)
                assert (await api.get(f"{SECRETS}/s")).version == version
                configured(tmp_path, {"aesgcm": {"keys": []}})
                await log.until(refused=1)
                assert "at least one key must be set" in log.refused[0]
                assert await reloads(api, "encryption") == {"success": 1, "failure": 1}


async def test_without_the_flag_keys_stay(tmp_path: Path) -> None:
    file = configured(tmp_path, cipher("aesgcm", key("old", "o")), {"identity": {}})
    async with running_api(encryption_config_file=file) as api:
        assert await metrics(api, "encryption") == {}
        await secret(api)


async def test_a_key_management_service_comes_and_goes(tmp_path: Path) -> None:
    plugin = Plugin()
    store = MemoryStore(clock=SYSTEM_CLOCK)
    async with running("store", store.serve), plugin.listening(tmp_path / "kms.sock") as endpoint:
        kms = {"kms": {"apiVersion": "v2", "name": "vault", "endpoint": endpoint}}
        away = {"kms": {"apiVersion": "v2", "name": "away", "endpoint": f"unix://{tmp_path}/nowhere", "timeout": "1s"}}
        with listening() as log:
            file = configured(tmp_path, {"identity": {}})
            async with running_api(store=store, encryption_config_file=file, encryption_reload=True) as api:
                await secret(api)
                configured(tmp_path, kms, {"identity": {}})
                await log.until(used=1)
                await rewrite(api)
                assert (await stored(store)).startswith(b"k8s:enc:kms:v2:vault:")
                assert (await api.get("/healthz/kms-providers")).code == 200
                configured(tmp_path, away, kms)
                await log.until(refused=1)
                await secret(api, "t")
                assert (await stored(store, KEY[:-1] + "t")).startswith(b"k8s:enc:kms:v2:vault:")
                configured(tmp_path, {"identity": {}}, kms)
                await log.until(used=2)
                await rewrite(api)
                assert (await stored(store)).startswith(b"{")


def certified(directory: Path, name: str) -> CertificateAuthority:
    """Put a CA, and a serving certificate of it, in place."""
    authority = CertificateAuthority.create(name)
    authority.issue("kube-apiserver", names=("127.0.0.1",)).save(directory / "server.crt", directory / "server.key")
    put(directory / "ca.crt", authority.certificate_pem)
    return authority


async def test_certificates_and_the_ca_of_clients(tmp_path: Path) -> None:
    old = certified(tmp_path, "old")
    with listening() as log:
        async with running_api(tls=files(tmp_path), listen_port=0, authorization_modes=("RBAC",)) as api:
            assert api.server.http is not None
            url = f"https://127.0.0.1:{api.server.http.port}"

            def admin(authority: CertificateAuthority) -> HttpTransport:
                pair = authority.issue("admin", organizations=("system:masters",))
                context: ssl.SSLContext = client_context(authority.certificate_pem, pair)
                return HttpTransport(url, tls=context)

            first = admin(old)
            request = Request("GET", "/api/v1/namespaces")
            assert (await first(request)).status == 200
            (tmp_path / "server.key").write_text("-----BEGIN NOTHING-----")
            await log.until(refused=1)
            again = admin(old)
            assert (await again(Request("GET", "/api/v1/namespaces"))).status == 200
            new = certified(tmp_path, "new")
            await log.until(used=1)
            second = admin(new)
            assert (await second(Request("GET", "/api/v1/namespaces"))).status == 200
            # The old CA is believed no longer, on connections that are open as well.
            assert (await first(Request("GET", "/api/v1/namespaces"))).status == 401
            third = admin(old)
            with pytest.raises(TransportError):
                await third(Request("GET", "/api/v1/namespaces"))
            for transport in (first, again, second, third):
                await transport.close()
