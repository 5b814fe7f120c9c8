"""A marker is planted wherever something secret goes in; it may come out nowhere but in a successful answer to who may
read it: not in logs (all levels), not in the audit log at Metadata, not in errors, events, metrics or the history."""

import base64
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.api import MERGE, Api, running_api

from pybernetes.apiserver.encryption.configuration import load as load_encryption
from pybernetes.apiserver.remote_webhook import RemoteWebhook, WebhookError
from pybernetes.apiserver.service_account_keys import generate_signing_key
from pybernetes.base.clock import SYSTEM_CLOCK
from pybernetes.base.http.message import Request

MARKER = "Zq7mArKeRx9"
ENCODED = base64.b64encode(MARKER.encode() * 3).decode()
"""Three times, so that its text is in it whatever stands before."""
TRACES = (MARKER, ENCODED[4:20], base64.b64encode(MARKER.encode()).decode().rstrip("=")[:12])

SECRETS = "/api/v1/namespaces/default/secrets"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
YAML = "application/yaml"
JSON = "application/json"
PROTOBUF = "application/vnd.kubernetes.protobuf"
POLICY = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n"


class Witness:
    """Everything that is written down."""

    def __init__(self, api: Api, log: Any, caplog: pytest.LogCaptureFixture) -> None:
        self.api = api
        self._log = log
        self._caplog = caplog
        self.read = 0

    def told(self) -> str:
        """All logs and audit events so far."""
        for backend in self.api.server._audit_backends:
            backend._flush()  # type: ignore[attr-defined]
        audit = self._log.read_text() if self._log.exists() else ""
        logged = [
            f"{record.getMessage()} {getattr(record, 'fields', '')} {record.exc_text}"
            for record in self._caplog.records
        ]
        return audit + "\n".join(logged)

    async def asked(self) -> str:
        """What the server says of itself."""
        paths = [
            "/metrics",
            "/history",
            "/api/v1/events",
            "/debug/api_priority_and_fairness/dump_requests",
            "/readyz?verbose",
        ]
        answers = [await self.api.get(path.partition("?")[0], path.partition("?")[2]) for path in paths]
        assert all(answer.code == 200 for answer in answers)
        return "".join(answer.raw.decode() for answer in answers)


def hides(text: str) -> None:
    for trace in TRACES:
        at = text.find(trace)
        assert at < 0, text[max(0, at - 300) : at + 100]


@asynccontextmanager
async def watched(tmp_path: Any, caplog: pytest.LogCaptureFixture, **config: Any) -> AsyncIterator[Witness]:
    caplog.set_level(logging.DEBUG)
    policy, log = tmp_path / "policy.yaml", tmp_path / "audit.log"
    policy.write_text(POLICY)
    async with running_api(audit_policy_file=str(policy), audit_log_path=str(log), **config) as api:
        yield Witness(api, log, caplog)


def secret(name: str = "s", **fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, **fields}


DATA = {"data": {"p": ENCODED}}
TEXT = {"stringData": {"p": MARKER}}

SENT: list[tuple[str, str, Any, str]] = [
    ("POST", SECRETS, secret("a", **DATA), JSON),
    ("POST", SECRETS, secret("b", **TEXT), JSON),
    ("POST", SECRETS, orjson.dumps({**TEXT, **secret("c")}), YAML),
    ("PUT", f"{SECRETS}/s", secret(**DATA), JSON),
    ("PATCH", f"{SECRETS}/s", DATA, MERGE),
    ("PATCH", f"{SECRETS}/s", TEXT, STRATEGIC),
    ("PATCH", f"{SECRETS}/s", [{"op": "add", "path": "/data/q", "value": ENCODED}], JSON_PATCH),
    ("PATCH", f"{SECRETS}/s", secret(**DATA), APPLY),
    # and what is refused
    ("POST", SECRETS, secret("a", **DATA), JSON),
    ("POST", SECRETS, secret("A_", **DATA), JSON),
    ("POST", SECRETS, b'{"data":{"p":"%s' % ENCODED.encode(), JSON),
    ("POST", SECRETS, b'{"p":"%s"' % MARKER.encode(), JSON),
    ("POST", SECRETS, MARKER.encode(), YAML),
    ("POST", SECRETS, b"data: {p: [" + MARKER.encode(), YAML),
    ("POST", SECRETS, b"k8s\0" + MARKER.encode(), PROTOBUF),
    ("POST", SECRETS, {"data": MARKER, "metadata": {"name": "d"}}, JSON),
    ("POST", SECRETS, {"data": {"p": MARKER + "!"}, "metadata": {"name": "d"}}, JSON),
    ("POST", SECRETS, {"data": {"p": [MARKER]}, "metadata": {"name": "d"}}, JSON),
    ("POST", SECRETS, {"stringData": {"p": {"q": MARKER}}, "metadata": {"name": "d"}}, JSON),
    (
        "POST",
        SECRETS,
        secret("d", type="kubernetes.io/dockerconfigjson", stringData={".dockerconfigjson": MARKER}),
        JSON,
    ),
    ("POST", SECRETS, secret("d", type="kubernetes.io/dockercfg", stringData={".dockercfg": MARKER}), JSON),
    ("POST", SECRETS, secret("d", type="kubernetes.io/ssh-auth", **TEXT), JSON),
    ("POST", SECRETS, secret("d", type="kubernetes.io/tls", **TEXT), JSON),
    ("POST", SECRETS, secret("d", type="kubernetes.io/basic-auth", **TEXT), JSON),
    ("POST", SECRETS, secret("d", stringData={"p": MARKER * 200_000}), JSON),
    ("PUT", f"{SECRETS}/s", secret("t", **DATA), JSON),
    ("PUT", f"{SECRETS}/s", secret(**DATA, type="Other"), JSON),
    ("PUT", f"{SECRETS}/fixed", {**secret("fixed", **DATA), "immutable": True}, JSON),
    ("PATCH", f"{SECRETS}/s", b'{"data":{"p":"%s"' % ENCODED.encode(), MERGE),
    ("PATCH", f"{SECRETS}/s", {"data": MARKER}, MERGE),
    ("PATCH", f"{SECRETS}/s", {"data": {"p": MARKER + "!"}}, STRATEGIC),
    ("PATCH", f"{SECRETS}/s", {"data": {"p": 1}, "stringData": MARKER}, MERGE),
    ("PATCH", f"{SECRETS}/s", {**DATA, "immutable": MARKER}, STRATEGIC),
    ("PATCH", f"{SECRETS}/s", [{"op": "test", "path": "/data/p", "value": MARKER}], JSON_PATCH),
    ("PATCH", f"{SECRETS}/s", [{"op": "add", "path": "/data", "value": MARKER}], JSON_PATCH),
    ("PATCH", f"{SECRETS}/s", [{"op": MARKER, "path": "/data", "value": MARKER}], JSON_PATCH),
    ("PATCH", f"{SECRETS}/s", secret(data={"p": MARKER + "!"}), APPLY),
    ("PATCH", f"{SECRETS}/s", secret(data=MARKER), APPLY),
    ("PATCH", f"{SECRETS}/s", b"data: {p: " + MARKER.encode(), APPLY),
    ("DELETE", f"{SECRETS}/s", {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": "x"}}, JSON),
    ("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {"spec": {"token": MARKER}}, JSON),
    ("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {"spec": {"token": [MARKER]}}, JSON),
]


async def test_secrets_that_are_sent(tmp_path, caplog):
    async with watched(tmp_path, caplog) as witness:
        api = witness.api
        await api.post(SECRETS, secret("s"))
        await api.post(SECRETS, {**secret("fixed", stringData={"a": "b"}), "immutable": True})
        codes = set()
        for method, path, body, media in SENT:
            query = "fieldManager=m" if media == APPLY else ""
            answer = await api.call(method, path, body, media=media, query=query)
            codes.add(answer.code)
            assert answer.code < 500, answer
            if answer.code >= 400:
                hides(answer.raw.decode())
        assert {200, 201, 400, 409, 422} <= codes
        hides(witness.told())
        hides(await witness.asked())


values = st.recursive(
    st.sampled_from([MARKER, ENCODED, None, True, 1, MARKER + "!", f"a: {MARKER}"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["p", "q", "data"]), inner, max_size=2),
    max_leaves=4,
)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "data": values,
        "stringData": values,
        "immutable": values,
        "type": st.sampled_from(["Opaque", "kubernetes.io/dockercfg", "kubernetes.io/tls"]),
        "metadata": st.sampled_from([{"name": "s"}, {"name": "n"}, {"name": "N!"}, {"generateName": "g"}]),
        "apiVersion": st.sampled_from(["v1", "v2"]),
        "kind": st.sampled_from(["Secret", "ConfigMap"]),
    },
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    requests=st.lists(
        st.tuples(
            st.sampled_from(["POST", "PUT", "PATCH"]),
            bodies,
            st.sampled_from([JSON, YAML, MERGE, STRATEGIC, APPLY]),
            st.integers(0, 60),
            st.sampled_from(["", "fieldValidation=Strict", "dryRun=All"]),
        ),
        min_size=5,
        max_size=15,
    )
)
def test_whatever_is_sent_for_a_secret(requests, tmp_path_factory, caplog):
    import asyncio

    async def run() -> None:
        caplog.clear()
        async with watched(tmp_path_factory.mktemp("w"), caplog) as witness:
            api = witness.api
            await api.post(SECRETS, secret("s"))
            for method, body, media, cut, query in requests:
                data = orjson.dumps(body)
                data = data[:-cut] if cut < 20 and cut else data
                path = SECRETS if method == "POST" else f"{SECRETS}/s"
                more = "fieldManager=m&force=true" if media == APPLY else ""
                answer = await api.call(method, path, data, media=media, query="&".join(filter(None, (query, more))))
                assert answer.code < 500, answer
                if answer.code >= 400:
                    hides(answer.raw.decode())
            hides(witness.told())
            hides((await api.get("/history")).raw.decode())

    asyncio.run(run())


async def test_credentials(tmp_path, caplog):
    tokens = tmp_path / "tokens.csv"
    tokens.write_text(f'{MARKER}-good,alice,1,"system:masters"\n')
    key = generate_signing_key()
    async with watched(
        tmp_path,
        caplog,
        token_file=str(tokens),
        service_account_signing_key=key,
        service_account_issuer="https://issuer",
        authorization_modes=("RBAC",),
    ) as witness:
        app = witness.api.server.app
        # A bootstrap token, whose secret is the marker's.
        bootstrap = {"token-id": "abcdef", "token-secret": "zq7markerx9abcde", "usage-bootstrap-authentication": "true"}
        body = {**secret("bootstrap-token-abcdef", type="bootstrap.kubernetes.io/token", stringData=bootstrap)}
        assert (await witness.api.post("/api/v1/namespaces/kube-system/secrets", body)).code == 201
        basic = base64.b64encode(f"u:{MARKER}".encode()).decode()
        headers = [
            (f"Bearer {MARKER}-good", 200),
            (f"Bearer {MARKER}", 401),
            (f"Bearer {MARKER}.{MARKER}.{MARKER}", 401),
            (f"Bearer eyJhbGciOiJSUzI1NiJ9.{ENCODED}.{MARKER}", 401),
            (f"Basic {basic}", 403),
            (f"Bearer  {MARKER}", 403),
            (MARKER, 403),
            ("Bearer abcdef.zq7markerx9abcde", 403),
            ("Bearer abcdef.zq7markerx9abcdX", 401),
        ]
        for value, code in headers:
            for method, path in (
                ("GET", "/api/v1/namespaces/default/secrets"),
                ("GET", "/nonsense"),
                ("POST", SECRETS),
            ):
                request = Request(method, path, "", [("authorization", value), ("cookie", f"token={MARKER}")])
                response = await app(request)
                if path == SECRETS and method == "GET":
                    assert response.status == code, value
                assert isinstance(response.body, bytes)
                hides(response.body.decode())
                assert "zq7markerx9" not in response.body.decode()
        protocol = base64.urlsafe_b64encode(MARKER.encode()).decode().rstrip("=")
        request = Request(
            "GET",
            "/api/v1/namespaces/default/pods/a/exec",
            "command=x",
            [
                ("sec-websocket-protocol", f"base64url.bearer.authorization.k8s.io.{protocol}, v4.channel.k8s.io"),
                ("connection", "Upgrade"),
                ("upgrade", "websocket"),
            ],
        )
        hides(str((await app(request)).body))
        told = witness.told() + await witness.asked()
        hides(told)
        assert "zq7markerx9" not in told


@pytest.mark.parametrize(
    "text",
    [
        f"{MARKER},alice",
        f'{MARKER},alice,1,"unfinished',
        f",{MARKER},1",
    ],
)
async def test_a_token_file_that_is_wrong(tmp_path, caplog, text):
    tokens = tmp_path / "tokens.csv"
    tokens.write_text(text + "\n")
    try:
        async with watched(tmp_path, caplog, token_file=str(tokens)) as witness:
            hides(witness.told())
    except ValueError as error:
        hides(str(error))


@pytest.mark.parametrize("secret_text", [MARKER, ENCODED, ENCODED + "=", "!" + MARKER, ""])
@pytest.mark.parametrize("provider", ["aescbc", "aesgcm", "secretbox"])
def test_an_encryption_configuration_that_is_wrong(tmp_path, provider, secret_text):
    path = tmp_path / "encryption.yaml"
    keys = {"keys": [{"name": "k", "secret": secret_text}]}
    rules = [{"resources": ["secrets"], "providers": [{provider: keys}]}]
    path.write_bytes(
        orjson.dumps(
            {"kind": "EncryptionConfiguration", "apiVersion": "apiserver.config.k8s.io/v1", "resources": rules}
        )
    )
    with pytest.raises(ValueError, match="secret") as caught:
        load_encryption(str(path), SYSTEM_CLOCK)
    hides(str(caught.value))


async def test_the_password_in_the_address_of_a_webhook(tmp_path):
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": f"http://user:{MARKER}@127.0.0.1:9/audit"}}],
        "users": [{"name": "u", "user": {"token": MARKER}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path = tmp_path / "webhook.kubeconfig"
    path.write_bytes(msgspec.json.encode(kubeconfig))
    webhook = RemoteWebhook(str(path), timeout_seconds=60)
    with pytest.raises(WebhookError) as caught:
        await webhook.post(b"{}", attempts=1)
    hides(str(caught.value))
    assert "user:***@127.0.0.1:9/audit" in str(caught.value)
    await webhook.close()
