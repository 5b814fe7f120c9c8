"""An ID token that has expired is refreshed at its issuer and kept in the kubeconfig, by both clients alike."""

import base64
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import yaml
from tests.kubectl.differential import Pair
from tests.support.kubectl import installed
from tests.support.secure_pages import secure_pages


def jwt(expires: float) -> str:
    parts = [json.dumps(one).encode() for one in ({"alg": "none"}, {"exp": int(expires)})]
    return ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), "x"])


OLD, NEW = jwt(time.time() - 3600), jwt(time.time() + 3600)
GOOD = {"access_token": "a", "token_type": "bearer", "id_token": NEW}
ANSWERS: dict[str, dict[str, Any]] = {
    "a new token": {"token": (200, GOOD)},
    "a new token and a new refresh token": {"token": (200, {**GOOD, "refresh_token": "second"})},
    "an issuer that wants the secret in the form": {"token": (200, GOOD), "form": True},
    "no id token": {"token": (200, {"access_token": "a"})},
    "no access token": {"token": (200, {"id_token": NEW})},
    "a refusal": {"token": (400, {"error": "invalid_grant", "error_description": "it is over"})},
    "a page": {"token": (500, "<html>no</html>")},
    "no metadata": {"metadata": (404, "x" * 100)},
    "metadata of no endpoint": {"metadata": (200, {})},
}


class Issuer(BaseHTTPRequestHandler):
    """Issuer and API server in one."""

    protocol_version = "HTTP/1.1"
    answers: dict[str, Any] = {}  # noqa: RUF012 - set by each test
    asked: list[Any] = []  # noqa: RUF012

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        here = f"https://127.0.0.1:{self.server.server_address[1]}"
        if self.path == "/.well-known/openid-configuration":
            status, found = self.answers.get("metadata") or (200, {"token_endpoint": f"{here}/token"})
        elif self.path == "/token":
            status, found = self.answers["token"]
            self.asked.append((parse_qs(body), self.headers.get("Authorization")))
            if self.answers.get("form") and "client_secret" not in body:
                status, found = 401, {"error": "invalid_client"}
        else:
            status, found = 200, {"seen": self.headers.get("Authorization")}
        data = (found if isinstance(found, str) else json.dumps(found)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if isinstance(found, str) else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = answer

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with secure_pages(Issuer, tmp_path) as url:
        yield url


@pytest.mark.parametrize("name", ANSWERS)
def test_both_clients_do_the_same(server: str, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stock = installed()
    if not stock:
        pytest.skip("no stock kubectl here to compare with")
    monkeypatch.setattr(Issuer, "answers", ANSWERS[name])
    provider = {
        "idp-issuer-url": server,
        "client-id": "me",
        "client-secret": "se/cret",
        "id-token": OLD,
        "refresh-token": "first",
        "idp-certificate-authority": str(tmp_path / "ca.pem"),
    }
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server, "certificate-authority": str(tmp_path / "ca.pem")}}],
        "users": [{"name": "u", "user": {"auth-provider": {"name": "oidc", "config": provider}}}, {"name": "v"}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    pair = Pair(list(stock.values())[-1], tmp_path / "none", tmp_path)
    said, asked, kept = [], [], []
    for side in ("stock", "ours"):
        home = tmp_path / "case" / side
        home.mkdir(parents=True)
        path = home / "kubeconfig"
        path.write_text(json.dumps(document))
        monkeypatch.setattr(Issuer, "asked", [])
        configs = {side: path}
        said.append([pair._run(side, "get --raw /seen", configs) for _ in range(2)])
        asked.append(Issuer.asked[:])
        kept.append(yaml.safe_load(path.read_text()))
    assert said[1] == said[0]
    assert asked[1] == asked[0]
    assert kept[1] == kept[0]
    if "token" in name and name.startswith("a new"):
        assert NEW in said[1][1].out
        assert len(asked[1]) == 1, "the second command had a token that was good"
        config = kept[1]["users"][0]["user"]["auth-provider"]["config"]
        assert (config["id-token"], config["refresh-token"]) == (
            NEW,
            "second" if name.endswith("refresh token") else "first",
        )
