"""An OpenID Connect provider for tests, and the question who somebody is."""

from pathlib import Path
from typing import Any

import orjson
from tests.support.api import Api

from pybernetes.apiserver.service_account_keys import generate_signing_key, load_private_key
from pybernetes.base.clock import SYSTEM_CLOCK
from pybernetes.base.http.message import Request, Response
from pybernetes.base.http.server import HttpServer
from pybernetes.base.x509 import CertificateAuthority, server_context

REVIEWS = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
Object = dict[str, Any]


class Issuer:
    """An OpenID Connect provider whose keys may rotate."""

    def __init__(self) -> None:
        authority = CertificateAuthority.create("issuer-ca")
        self.authority = authority.certificate_pem.decode()
        self.keys = [load_private_key(generate_signing_key())]
        self.fetched = 0
        pair = authority.issue("issuer", names=("127.0.0.1",))
        self.http = HttpServer(self._answer, host="127.0.0.1", port=0, tls=server_context(pair))

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.http.port}"

    async def _answer(self, request: Request) -> Response:
        if request.path == "/.well-known/openid-configuration":
            return json({"issuer": self.url, "jwks_uri": f"{self.url}/keys"})
        self.fetched += 1
        return json({"keys": [key.public.jwk() for key in self.keys]})

    def token(self, **claims: Any) -> str:
        now = int(SYSTEM_CLOCK.now().timestamp())
        return self.keys[-1].sign({"iss": self.url, "aud": "cluster", "exp": now + 60, "sub": "jane", **claims})

    def config(self, **changes: Any) -> Object:
        issuer = {"url": self.url, "audiences": ["cluster"], "certificateAuthority": self.authority}
        return {"issuer": issuer, "claimMappings": {"username": {"claim": "sub", "prefix": "oidc:"}}, **changes}


def json(body: Any) -> Response:
    return Response(200, [("content-type", "application/json")], orjson.dumps(body))


def written(directory: Path, **parts: Any) -> str:
    file = directory / "authentication.yaml"
    file.write_bytes(orjson.dumps({"kind": "AuthenticationConfiguration", **parts}))
    return str(file)


async def who(api: Api, token: str = "", path: str = REVIEWS) -> Any:
    """The identity the server sees; the code when there is none."""
    headers = [("authorization", f"Bearer {token}")] if token else []
    response = await api.server.app(Request("POST", path, "", headers, b"{}"))
    assert isinstance(response.body, bytes)
    return orjson.loads(response.body)["status"]["userInfo"] if response.status == 201 else response.status
