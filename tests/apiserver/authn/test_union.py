"""Which credential decides, and what a wrong one does."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.apiserver.authz.memory_reader import FixedClock, MemoryReader, obj

from pybernetes.api.status import StatusError
from pybernetes.api.user import UserInfo
from pybernetes.apiserver.authn.service_account import PrivateClaims, Reference, issue
from pybernetes.apiserver.authn.static_token import StaticTokenAuthenticator
from pybernetes.apiserver.authn.tokens import bearer_token
from pybernetes.apiserver.filters.authentication import AuthenticationConfig, build_authentication, build_tokens
from pybernetes.apiserver.service_account_keys import ServiceAccountKeys, generate_signing_key
from pybernetes.base.http.message import Request, Response

KEYS = ServiceAccountKeys(generate_signing_key())
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Authority:
    """A CA of this test."""

    def __init__(self, name: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.certificate = self._build(self.name, self.key.public_key())
        self.pem = self.certificate.public_bytes(serialization.Encoding.PEM)

    def _build(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.Certificate:
        builder = x509.CertificateBuilder(self.name, subject, key, 1, NOW - timedelta(1), NOW + timedelta(1))
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, common_name: str, *organizations: str) -> bytes:
        parts = [x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, o) for o in organizations]
        parts.append(x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name))
        return self._build(x509.Name(parts), self.key.public_key()).public_bytes(serialization.Encoding.DER)


CLIENT_CA, PROXY_CA = Authority("client"), Authority("proxy")
CONFIG = AuthenticationConfig(
    client_ca_pem=CLIENT_CA.pem,
    request_header_ca_pem=PROXY_CA.pem,
    request_header_allowed_names=("front",),
    token_file='secret,tom,42,"a,b"\n',
)


def bootstrap_secret(**changes: str) -> dict[str, Any]:
    data = {
        "token-id": "abcdef",
        "token-secret": "0123456789abcdef",
        "usage-bootstrap-authentication": "true",
        "auth-extra-groups": "system:bootstrappers:kubeadm:default-node-token",
        "expiration": "2026-05-02T00:00:00Z",
        **changes,
    }
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    kind = "bootstrap.kubernetes.io/token"
    return obj("v1", "Secret", "bootstrap-token-abcdef", "kube-system", type=kind, data=encoded)


async def identify(
    request: Request, *, config: AuthenticationConfig = CONFIG, secret: dict[str, Any] | None = None
) -> UserInfo:
    clock = FixedClock()
    tokens = build_tokens(config, MemoryReader(*([secret] if secret else [])), KEYS, clock=clock)

    async def inner(request: Request) -> Response:
        return Response(200)

    await build_authentication(config, tokens, clock=clock)(inner)(request)
    user: UserInfo = request.context["user"]
    return user


def bearer(token: str) -> Request:
    return Request("GET", "/", headers=[("authorization", f"Bearer {token}")])


async def refused(request: Request, **more: Any) -> bool:
    try:
        await identify(request, **more)
    except StatusError as error:
        return (error.code, error.reason, error.message) == (401, "Unauthorized", "Unauthorized")
    return False


async def test_client_certificate() -> None:
    der = CLIENT_CA.issue("admin", "system:masters", "ops")
    user = await identify(Request("GET", "/", peer_certificate=der))
    assert user.name == "admin"
    assert sorted(user.groups) == ["ops", "system:authenticated", "system:masters"]
    assert user.extra["authentication.kubernetes.io/credential-id"][0].startswith("X509SHA256=")


async def test_certificate_of_another_authority_is_refused() -> None:
    assert await refused(Request("GET", "/", peer_certificate=PROXY_CA.issue("admin", "system:masters")))


async def test_expired_certificate_is_refused_on_an_open_connection() -> None:
    from pybernetes.apiserver.authn.client_certificate import ClientCertificateAuthenticator

    clock = FixedClock()
    authenticator = ClientCertificateAuthenticator(clock=clock)
    request = Request("GET", "/", peer_certificate=CLIENT_CA.issue("admin"))
    assert await authenticator.authenticate(request)
    clock.advance(2 * 86400)
    with pytest.raises(StatusError, match="Unauthorized"):
        await authenticator.authenticate(request)


async def test_anonymous() -> None:
    user = await identify(Request("GET", "/"))
    assert (user.name, user.groups) == ("system:anonymous", ("system:unauthenticated",))
    assert await refused(Request("GET", "/"), config=AuthenticationConfig(anonymous=False))


async def test_in_process_caller_is_taken_as_it_is() -> None:
    component = UserInfo("system:kube-scheduler")
    assert await identify(Request("GET", "/", context={"user": component})) is component


async def test_static_token_leaves_the_request() -> None:
    request = bearer("secret")
    user = await identify(request)
    assert (user.name, user.uid, user.groups) == ("tom", "42", ("a", "b", "system:authenticated"))
    assert request.header("authorization") is None


async def test_wrong_token_is_not_anonymous() -> None:
    assert await refused(bearer("wrong"))


async def test_wrong_token_does_not_spoil_a_certificate() -> None:
    request = bearer("wrong")
    request.peer_certificate = CLIENT_CA.issue("admin")
    assert (await identify(request)).name == "admin"


async def test_front_proxy_headers() -> None:
    headers = [
        ("x-remote-user", "ann"),
        ("x-remote-group", "g1"),
        ("x-remote-group", "g2"),
        ("x-remote-extra-acme.com%2fproject", "p"),
        ("accept", "*/*"),
    ]
    request = Request("GET", "/", headers=headers, peer_certificate=PROXY_CA.issue("front"))
    user = await identify(request)
    assert (user.name, user.groups) == ("ann", ("g1", "g2", "system:authenticated"))
    assert user.extra == {"acme.com/project": ["p"]}
    assert request.headers == [("accept", "*/*")]


async def test_front_proxy_with_another_name_is_refused() -> None:
    headers = [("x-remote-user", "ann")]
    assert await refused(Request("GET", "/", headers=headers, peer_certificate=PROXY_CA.issue("other")))


async def test_a_client_certificate_does_not_vouch_for_others() -> None:
    request = Request("GET", "/", headers=[("x-remote-user", "ann")], peer_certificate=CLIENT_CA.issue("front"))
    assert (await identify(request)).name == "front"


async def test_bootstrap_token() -> None:
    user = await identify(bearer("abcdef.0123456789abcdef"), secret=bootstrap_secret())
    assert user.name == "system:bootstrap:abcdef"
    assert user.groups == (
        "system:bootstrappers:kubeadm:default-node-token",
        "system:bootstrappers",
        "system:authenticated",
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"token-secret": "0000000000000000"},
        {"token-id": "other0"},
        {"usage-bootstrap-authentication": "false"},
        {"expiration": "2026-05-01T11:59:59Z"},
        {"expiration": "soon"},
        {"auth-extra-groups": "system:masters"},
    ],
    ids=lambda changes: next(iter(changes.items()))[0],
)
async def test_bootstrap_token_that_does_not_hold(changes: dict[str, str]) -> None:
    assert await refused(bearer("abcdef.0123456789abcdef"), secret=bootstrap_secret(**changes))


def websocket(*protocols: str) -> Request:
    return Request("GET", "/", headers=[("upgrade", "websocket"), ("sec-websocket-protocol", ", ".join(protocols))])


async def test_token_in_a_websocket_subprotocol() -> None:
    carrier = "base64url.bearer.authorization.k8s.io." + base64.urlsafe_b64encode(b"secret").rstrip(b"=").decode()
    request = websocket(carrier, "v4.channel.k8s.io")
    assert (await identify(request)).name == "tom"
    assert request.header("sec-websocket-protocol") == "v4.channel.k8s.io"
    assert bearer_token(websocket(carrier)) is None


@pytest.mark.parametrize("text", ["a,b\n", ",user,1\n"])
def test_bad_token_file(text: str) -> None:
    with pytest.raises(ValueError, match="line 1"):
        StaticTokenAuthenticator(text)


class Connection:
    """Requests with one service account's token over one connection; what came through authentication is in `seen`."""

    def __init__(self) -> None:
        self.clock = FixedClock()
        self.account = obj("v1", "ServiceAccount", "web", "default")
        self.reader = MemoryReader(self.account)
        self.seen: list[Request] = []
        tokens = build_tokens(CONFIG, self.reader, KEYS, clock=self.clock)
        self._app = build_authentication(CONFIG, tokens, clock=self.clock)(self._answer)
        private = PrivateClaims("default", Reference("web", "uid-web"))
        now = int(self.clock.now().timestamp())
        self._token = issue(KEYS, private, KEYS.api_audiences, now=now, lifetime_seconds=600, token_id="t")
        self._facts: dict[str, Any] = {}

    async def _answer(self, request: Request) -> Response:
        self.seen.append(request)
        return Response(200)

    async def ask(self, *headers: tuple[str, str]) -> None:
        sent = [("authorization", f"Bearer {self._token}"), *headers, ("accept", "*/*")]
        await self._app(Request("POST", "/", headers=sent, facts=self._facts))


async def test_equal_headers_are_proven_once_per_connection_while_the_proof_holds() -> None:
    connection = Connection()
    seen = connection.seen
    for _ in range(2):
        await connection.ask()
    assert [request.headers for request in seen] == [[("accept", "*/*")]] * 2
    assert seen[1].context["user"] is seen[0].context["user"]
    assert seen[0].context["user"].groups[-1] == "system:authenticated"
    assert seen[0].headers is not seen[1].headers
    connection.reader.remove("v1", "ServiceAccount", "default", "web")
    with pytest.raises(StatusError, match="Unauthorized"):
        await connection.ask()
    connection.reader.put(connection.account)
    await connection.ask()
    connection.clock.advance(661)
    with pytest.raises(StatusError, match="Unauthorized"):
        await connection.ask()
    assert len(seen) == 3


async def test_a_request_that_is_proven_by_an_earlier_one_keeps_the_length_of_its_own_body() -> None:
    connection = Connection()
    for length in ("3", "14", "5"):
        await connection.ask(("content-length", length))
    seen = connection.seen
    assert [request.headers for request in seen] == [
        [("content-length", length), ("accept", "*/*")] for length in ("3", "14", "5")
    ]
    assert seen[2].context["user"] is seen[0].context["user"]


async def test_a_certificate_proven_once_expires_all_the_same() -> None:
    clock = FixedClock()
    app = build_authentication(CONFIG, build_tokens(CONFIG, MemoryReader(), KEYS, clock=clock), clock=clock)(_answer)
    facts: dict[str, Any] = {}
    der = CLIENT_CA.issue("admin")
    for _ in range(2):
        await app(Request("GET", "/", peer_certificate=der, facts=facts))
    clock.advance(2 * 86400)
    with pytest.raises(StatusError, match="Unauthorized"):
        await app(Request("GET", "/", peer_certificate=der, facts=facts))


async def _answer(request: Request) -> Response:
    return Response(200)
