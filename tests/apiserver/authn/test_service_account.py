"""A bound token's life: asked for, shown, refused once what it hangs on is gone."""

from typing import Any

import msgspec
import pytest
from tests.apiserver.authz.memory_reader import FixedClock, MemoryReader, obj

from pybernetes.api.status import StatusError
from pybernetes.apiserver.authn import jwt
from pybernetes.apiserver.authn.service_account import Reference, ServiceAccountTokenAuthenticator, issue_legacy
from pybernetes.apiserver.authn.tokens import InvalidToken, TokenIdentity
from pybernetes.apiserver.request_info import request_info
from pybernetes.apiserver.service_account_keys import (
    DEFAULT_ISSUER,
    ServiceAccountKeys,
    generate_signing_key,
    load_public_key,
)
from pybernetes.apiserver.token_request import TokenRequests
from pybernetes.base.http.message import Request

KEY = generate_signing_key()
AUDIENCES = (DEFAULT_ISSUER,)


class World:
    """An account `default/web` with a pod on a node, the handler and the authenticator."""

    def __init__(self) -> None:
        self.clock = FixedClock()
        self.reader = MemoryReader(
            obj("v1", "ServiceAccount", "web", "default"),
            obj("v1", "Pod", "web-1", "default", spec={"serviceAccountName": "web", "nodeName": "n1"}),
            obj("v1", "Pod", "other", "default", spec={"serviceAccountName": "default"}),
            obj("v1", "Node", "n1"),
            obj("v1", "Secret", "s", "default"),
        )
        self.keys = ServiceAccountKeys(KEY)
        self.requests = TokenRequests(self.reader, self.keys, clock=self.clock)
        self.authenticator = ServiceAccountTokenAuthenticator(self.keys, self.reader, self.clock)

    async def ask(self, name: str = "web", **spec: Any) -> dict[str, Any]:
        request = Request("POST", f"/api/v1/namespaces/default/serviceaccounts/{name}/token")
        request.context["info"] = request_info(request)
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        return await self.requests(review, request)

    async def token(self, **spec: Any) -> str:
        return str((await self.ask(**spec))["status"]["token"])

    def show(self, token: str, audiences: tuple[str, ...] = AUDIENCES) -> TokenIdentity:
        found = self.authenticator.authenticate_token(token, audiences)
        assert found is not None
        return found


def bound(kind: str, name: str, uid: str = "") -> dict[str, str]:
    return {"kind": kind, "apiVersion": "v1", "name": name, "uid": uid}


async def test_token_request_defaults() -> None:
    answer = await World().ask()
    assert answer["spec"] == {"audiences": [DEFAULT_ISSUER], "expirationSeconds": 3600}
    assert answer["status"]["expirationTimestamp"] == "2026-05-01T13:00:00Z"
    assert answer["metadata"]["name"] == "web"


@pytest.mark.parametrize(
    ("metadata", "code", "message"),
    [
        (
            {"name": "other"},
            422,
            'TokenRequest.authentication.k8s.io "web" is invalid: metadata.name: Invalid value: "other": must match '
            "the service account name if specified",
        ),
        (
            {"namespace": "other"},
            422,
            'TokenRequest.authentication.k8s.io "web" is invalid: metadata.namespace: Invalid value: "other": must '
            "match the service account namespace if specified",
        ),
        (
            {"uid": "other"},
            409,
            'Operation cannot be fulfilled on TokenRequest.authentication.k8s.io "web": the UID in the token request '
            "(other) does not match the UID of the service account (uid-web)",
        ),
    ],
)
async def test_what_a_request_says_of_its_account_must_be_true(
    metadata: dict[str, str], code: int, message: str
) -> None:
    world = World()
    request = Request("POST", "/api/v1/namespaces/default/serviceaccounts/web/token")
    request.context["info"] = request_info(request)
    with pytest.raises(StatusError) as caught:
        await world.requests({"metadata": metadata, "spec": {}}, request)
    assert (caught.value.code, caught.value.message) == (code, message)
    told = {"name": "web", "namespace": "default", "uid": "uid-web"}
    made = await world.requests({"metadata": told, "spec": {}}, request)
    assert told.items() <= made["metadata"].items()


async def test_identity_of_a_pod_bound_token() -> None:
    world = World()
    user = world.show(await world.token(boundObjectRef=bound("Pod", "web-1"))).user
    assert user.name == "system:serviceaccount:default:web"
    assert user.uid == "uid-web"
    assert user.groups == ("system:serviceaccounts", "system:serviceaccounts:default")
    credential = user.extra.pop("authentication.kubernetes.io/credential-id")
    assert credential[0].startswith("JTI=")
    assert user.extra == {
        "authentication.kubernetes.io/pod-name": ["web-1"],
        "authentication.kubernetes.io/pod-uid": ["uid-web-1"],
        "authentication.kubernetes.io/node-name": ["n1"],
        "authentication.kubernetes.io/node-uid": ["uid-n1"],
    }


@pytest.mark.parametrize(
    ("reference", "gone"),
    [
        (None, ("ServiceAccount", "default", "web")),
        (bound("Pod", "web-1"), ("Pod", "default", "web-1")),
        (bound("Secret", "s"), ("Secret", "default", "s")),
        (bound("Node", "n1"), ("Node", "", "n1")),
    ],
)
async def test_token_ends_with_what_it_is_bound_to(
    reference: dict[str, str] | None, gone: tuple[str, str, str]
) -> None:
    world = World()
    token = await world.token(**({"boundObjectRef": reference} if reference else {}))
    world.show(token)
    world.reader.remove("v1", *gone)
    with pytest.raises(InvalidToken, match="has been invalidated"):
        world.show(token)


async def test_recreated_pod_does_not_revive_the_token() -> None:
    world = World()
    token = await world.token(boundObjectRef=bound("Pod", "web-1"))
    world.reader.put(obj("v1", "Pod", "web-1", "default", spec={"serviceAccountName": "web"}, metadata={"uid": "new"}))
    with pytest.raises(InvalidToken, match=r"pod UID \(new\) does not match claim \(uid-web-1\)"):
        world.show(token)


async def test_a_terminating_pod_keeps_its_token_for_a_minute() -> None:
    world = World()
    token = await world.token(boundObjectRef=bound("Pod", "web-1"))
    metadata = {"deletionTimestamp": "2026-05-01T12:00:00Z"}
    world.reader.put(obj("v1", "Pod", "web-1", "default", spec={"serviceAccountName": "web"}, metadata=metadata))
    world.show(token)
    world.clock.advance(61)
    with pytest.raises(InvalidToken):
        world.show(token)


async def test_expiry() -> None:
    world = World()
    token = await world.token(expirationSeconds=600)
    world.clock.advance(600)
    world.show(token)
    world.clock.advance(61)
    with pytest.raises(InvalidToken, match="service account token has expired"):
        world.show(token)


async def test_token_of_a_pod_lives_a_year_and_warns() -> None:
    world = World()
    answer = await world.ask(boundObjectRef=bound("Pod", "web-1"), expirationSeconds=3607)
    token = answer["status"]["token"]
    assert answer["status"]["expirationTimestamp"] == "2026-05-01T13:00:07Z"
    assert world.show(token).stale_seconds == 0
    world.clock.advance(2 * 3600)
    assert world.show(token).stale_seconds == 2 * 3600 - 3607


async def test_audiences_must_meet() -> None:
    world = World()
    token = await world.token(audiences=["vault", "db"])
    assert world.show(token, ("db", "other")).audiences == ("db",)
    with pytest.raises(InvalidToken, match="is invalid for the target audiences"):
        world.show(token)


async def test_foreign_and_forged_tokens() -> None:
    world = World()
    other = ServiceAccountKeys(generate_signing_key())
    assert world.authenticator.authenticate_token("abcdef.0123456789abcdef", ()) is None
    foreign = other.signing_key.sign({"iss": "https://elsewhere", "sub": "x"})
    assert world.authenticator.authenticate_token(foreign, ()) is None
    with pytest.raises(InvalidToken):
        world.show(other.signing_key.sign(jwt.split(await world.token()).claims))
    token = await world.token()
    head, claims, signature = token.split(".")
    forged = {**msgspec.json.decode(jwt.decode_part(claims)), "sub": "system:serviceaccount:kube-system:admin"}
    with pytest.raises(InvalidToken):
        world.show(f"{head}.{jwt.encode_part(msgspec.json.encode(forged))}.{signature}")


async def test_algorithm_none_is_not_believed() -> None:
    world = World()
    claims = (await world.token()).split(".")[1]
    header = jwt.encode_part(b'{"alg":"none"}')
    with pytest.raises(InvalidToken):
        world.show(f"{header}.{claims}.")


async def test_legacy_secret_token_must_stand_in_its_secret() -> None:
    import base64

    world = World()
    token = issue_legacy(world.keys, "default", Reference("web", "uid-web"), "legacy")
    with pytest.raises(InvalidToken):
        world.show(token)
    data = {"token": base64.b64encode(token.encode()).decode()}
    world.reader.put(obj("v1", "Secret", "legacy", "default", data=data))
    assert world.show(token).user.name == "system:serviceaccount:default:web"


REFUSED = {
    "too short": ({"expirationSeconds": 599}, 422, "may not specify a duration less than 10 minutes"),
    "too long": ({"expirationSeconds": (1 << 32) + 1}, 422, "may not specify a duration larger than 2^32 seconds"),
    "absent pod": ({"boundObjectRef": bound("Pod", "gone")}, 404, 'pods "gone" not found'),
    "pod of another account": (
        {"boundObjectRef": bound("Pod", "other")},
        400,
        'cannot bind token for serviceaccount "web" to pod running with different serviceaccount name.',
    ),
    "other uid": (
        {"boundObjectRef": bound("Pod", "web-1", "x")},
        409,
        "the UID in the bound object reference (x) does not match the UID in record.",
    ),
    "other kind": (
        {"boundObjectRef": bound("ConfigMap", "x")},
        400,
        "cannot bind token to object of type /v1, Kind=ConfigMap",
    ),
    "absent account": ({"name": "nobody"}, 404, 'serviceaccounts "nobody" not found'),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_refused_request(name: str) -> None:
    spec, code, text = REFUSED[name]
    with pytest.raises(StatusError) as caught:
        await World().ask(**spec)
    assert caught.value.code == code
    assert text in caught.value.message


def test_published_keys_verify_what_we_sign() -> None:
    keys = ServiceAccountKeys(KEY)
    (published,) = keys.jwks()["keys"]
    assert (published["kty"], published["crv"], published["alg"]) == ("EC", "P-256", "ES256")
    assert published["kid"] == load_public_key(KEY).key_id
    assert keys.configuration()["jwks_uri"] == "https://kubernetes.default.svc.cluster.local/openid/v1/jwks"


def test_rsa_keys_work_too() -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    pem = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    rotated = ServiceAccountKeys(KEY, verification_keys_pem=[pem])
    parts = jwt.split(ServiceAccountKeys(pem).signing_key.sign({"a": 1}))
    assert parts.header["alg"] == "RS256"
    assert rotated.verifies(parts.header["kid"], parts.signed, parts.signature)
    assert not ServiceAccountKeys(KEY).verifies(parts.header["kid"], parts.signed, parts.signature)


async def test_a_proof_holds_until_anything_the_token_hangs_on_changes() -> None:
    world = World()
    token = await world.token(boundObjectRef=bound("Pod", "web-1"), expirationSeconds=600)
    changes = {
        "the pod is gone": lambda: world.reader.remove("v1", "Pod", "default", "web-1"),
        "the account is another one": lambda: world.reader.put(
            obj("v1", "ServiceAccount", "web", "default", metadata={"uid": "new"})
        ),
        "it has expired": lambda: world.clock.advance(661),
    }
    for change in changes.values():
        world = World()
        found = world.show(token)
        assert found.holds is not None
        assert found.holds()
        change()
        assert not found.holds()


async def test_nothing_is_proved_for_later_while_a_pod_ends_or_a_token_warns() -> None:
    world = World()
    token = await world.token(boundObjectRef=bound("Pod", "web-1"))
    metadata = {"deletionTimestamp": "2026-05-01T12:00:00Z"}
    world.reader.put(obj("v1", "Pod", "web-1", "default", spec={"serviceAccountName": "web"}, metadata=metadata))
    assert world.show(token).holds is None
    world = World()
    token = await world.token(expirationSeconds=3607, boundObjectRef=bound("Pod", "web-1"))
    found = world.show(token)
    assert found.holds is not None
    world.clock.advance(3608)
    assert not found.holds()  # from now on each use is noted
    assert world.show(token).holds is None
