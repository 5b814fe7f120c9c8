"""Identities from other servers: OIDC issuers, token webhooks; anonymous requests with limits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.apiserver.authn.issuer import Issuer, json, who, written
from tests.support.api import Api, running_api

from pybernetes.apiserver.authn.configuration import load
from pybernetes.apiserver.service_account_keys import generate_signing_key, load_private_key
from pybernetes.base.clock import SYSTEM_CLOCK
from pybernetes.base.http.message import Request, Response
from pybernetes.base.http.server import HttpServer
from pybernetes.base.tasks import running

Object = dict[str, Any]


@asynccontextmanager
async def stage(directory: Path, **changes: Any) -> AsyncIterator[tuple[Api, Issuer]]:
    issuer = Issuer()
    async with running("issuer", issuer.http.serve):
        file = written(directory, jwt=[issuer.config(**changes)])
        async with running_api(authentication_config_file=file) as api:
            yield api, issuer


async def test_a_token_of_an_issuer_is_a_user(tmp_path: Path) -> None:
    async with stage(tmp_path) as (api, issuer):
        assert await who(api, issuer.token()) == {"username": "oidc:jane", "groups": ["system:authenticated"]}
        await who(api, issuer.token())
        assert issuer.fetched == 1


@pytest.mark.parametrize("claims", [{"exp": 1}, {"aud": "other"}, {"iss": "https://other"}, {"nbf": 9999999999}])
async def test_tokens_that_do_not_hold_are_refused(tmp_path: Path, claims: Object) -> None:
    async with stage(tmp_path) as (api, issuer):
        assert await who(api, issuer.token(**claims)) == 401


async def test_a_forged_signature_is_refused(tmp_path: Path) -> None:
    async with stage(tmp_path) as (api, issuer):
        good = issuer.keys
        issuer.keys = [load_private_key(generate_signing_key())]
        forged = issuer.token()
        issuer.keys = good
        assert await who(api, forged) == 401


async def test_new_keys_are_fetched_when_a_token_names_them(tmp_path: Path) -> None:
    async with stage(tmp_path) as (api, issuer):
        issuer.keys.append(load_private_key(generate_signing_key()))
        token = issuer.token()
        assert (await who(api, token))["username"] == "oidc:jane"


async def test_claims_are_mapped_by_expressions(tmp_path: Path) -> None:
    mappings = {
        "username": {"expression": "claims.sub + '@' + claims.tenant"},
        "groups": {"expression": "claims.roles.split(',')"},
        "uid": {"claim": "id"},
        "extra": [{"key": "example.com/tenant", "valueExpression": "claims.tenant"}],
    }
    async with stage(tmp_path, claimMappings=mappings) as (api, issuer):
        assert await who(api, issuer.token(tenant="acme", roles="dev,ops", id="7")) == {
            "username": "jane@acme",
            "uid": "7",
            "groups": ["dev", "ops", "system:authenticated"],
            "extra": {"example.com/tenant": ["acme"]},
        }


async def test_rules_on_claims_and_users(tmp_path: Path) -> None:
    rules = {
        "claimValidationRules": [
            {"claim": "hd", "requiredValue": "example.com"},
            {"expression": "claims.exp - claims.iat <= 3600", "message": "lives too long"},
        ],
        "userValidationRules": [
            {"expression": "!user.username.startsWith('system:')", "message": "reserved"},
        ],
        "claimMappings": {"username": {"claim": "sub", "prefix": ""}},
    }
    async with stage(tmp_path, **rules) as (api, issuer):
        now = int(SYSTEM_CLOCK.now().timestamp())
        assert (await who(api, issuer.token(hd="example.com", iat=now)))["username"] == "jane"
        assert await who(api, issuer.token(iat=now)) == 401
        assert await who(api, issuer.token(hd="example.com", iat=now - 9000)) == 401
        assert await who(api, issuer.token(hd="example.com", iat=now, sub="system:admin")) == 401
        review = {"spec": {"token": issuer.token(hd="example.com", iat=now, sub="system:admin")}}
        answer = await api.post("/apis/authentication.k8s.io/v1/tokenreviews", review)
        assert "reserved" in answer.body["status"]["error"]


@pytest.mark.parametrize(
    ("jwt", "words"),
    [
        ({"issuer": {"url": "http://x", "audiences": ["a"]}}, "URL scheme must be https"),
        ({"issuer": {"url": "https://x"}}, "audiences"),
        ({"issuer": {"url": "https://x", "audiences": ["a"]}}, "claimMappings.username"),
        (
            {
                "issuer": {"url": "https://x", "audiences": ["a"]},
                "claimMappings": {"username": {"expression": "clams.x"}},
            },
            "undeclared reference",
        ),
    ],
)
def test_wrong_configurations_are_refused(tmp_path: Path, jwt: Object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        load(written(tmp_path, jwt=[jwt]), SYSTEM_CLOCK)


async def test_anonymous_requests_are_limited_to_paths(tmp_path: Path) -> None:
    file = written(tmp_path, anonymous={"enabled": True, "conditions": [{"path": "/livez"}]})
    async with running_api(authentication_config_file=file) as api:
        assert (await api.server.app(Request("GET", "/livez"))).status == 200
        assert (await api.server.app(Request("GET", "/healthz"))).status == 401


async def test_another_server_knows_the_token(tmp_path: Path) -> None:
    asked: list[Object] = []

    async def review(request: Request) -> Response:
        body = orjson.loads(await request.body.read(1 << 20))
        asked.append(body["spec"])
        user = {"username": "ida", "uid": "9", "groups": ["g"]}
        known = body["spec"]["token"] == "good"
        return json({**body, "status": {"authenticated": True, "user": user} if known else {"authenticated": False}})

    server = HttpServer(review, host="127.0.0.1", port=0)
    async with running("reviewer", server.serve):
        async with running_api(token_webhook_config_file=kubeconfig(tmp_path, server.port)) as api:
            for _ in range(2):
                assert await who(api, "good") == {
                    "username": "ida",
                    "uid": "9",
                    "groups": ["g", "system:authenticated"],
                }
            assert await who(api, "bad") == 401
        assert [spec["token"] for spec in asked] == ["good", "bad"]


def kubeconfig(directory: Path, port: int) -> str:
    config = {
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}/review"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": ""}}],
        "current-context": "x",
    }
    file = directory / "webhook.yaml"
    file.write_bytes(orjson.dumps(config))
    return str(file)


async def test_a_token_file_names_users(tmp_path: Path) -> None:
    (tmp_path / "tokens.csv").write_text('secret,bob,12,"dev,ops"\n')
    async with running_api(token_file=str(tmp_path / "tokens.csv")) as api:
        assert await who(api, "secret") == {
            "username": "bob",
            "uid": "12",
            "groups": ["dev", "ops", "system:authenticated"],
        }
        assert await who(api, "wrong") == 401
