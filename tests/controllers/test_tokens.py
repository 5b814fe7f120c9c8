"""Token Secrets of service accounts, and bootstrap tokens."""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from tests.support.control_plane import World, control_plane

from pybernetes.api.core import ConfigMap, Secret, ServiceAccount
from pybernetes.api.meta import ObjectMeta


@pytest.fixture(scope="module")
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def unbase64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def token_secret(name: str, account: str) -> Secret:
    return Secret(
        metadata=ObjectMeta(
            name=name, namespace="default", annotations={"kubernetes.io/service-account.name": account}
        ),
        type="kubernetes.io/service-account-token",
    )


async def secret_names(world: World) -> set[str]:
    return {found.metadata.name or "" for found in await world.list(Secret)}


async def test_token_secret_is_filled(key: ec.EllipticCurvePrivateKey) -> None:
    settings: dict[str, Any] = {"service_account_key": pem(key), "root_ca": b"CA"}
    async with control_plane("serviceaccount-token-controller", **settings) as world:
        account = await world.create(ServiceAccount(metadata=ObjectMeta(name="robot", namespace="default")))
        await world.create(token_secret("robot-token", "robot"))

        async def filled() -> Any:
            return (await world.get(Secret, "robot-token")).data

        data = await world.until(filled)
        assert (data["ca.crt"], data["namespace"]) == (b"CA", b"default")
        header, claims, signature = data["token"].decode().split(".")
        raw = unbase64(signature)
        der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        key.public_key().verify(der, f"{header}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
        decoded = msgspec.json.decode(unbase64(claims))
        assert decoded["sub"] == "system:serviceaccount:default:robot"
        assert decoded["kubernetes.io/serviceaccount/service-account.uid"] == account.metadata.uid


async def test_token_secret_goes_with_its_account(key: ec.EllipticCurvePrivateKey) -> None:
    async with control_plane("serviceaccount-token-controller", service_account_key=pem(key)) as world:
        await world.create(ServiceAccount(metadata=ObjectMeta(name="robot", namespace="default")))
        await world.create(token_secret("robot-token", "robot"))
        await world.client.delete(ServiceAccount, "robot", "default")

        async def is_gone() -> bool:
            return not await secret_names(world)

        await world.until(is_gone)


def bootstrap_secret(identifier: str, *, expiration: str = "") -> Secret:
    data = {
        "token-id": identifier.encode(),
        "token-secret": b"0123456789abcdef",
        "usage-bootstrap-signing": b"true",
    }
    if expiration:
        data["expiration"] = expiration.encode()
    return Secret(
        metadata=ObjectMeta(name=f"bootstrap-token-{identifier}", namespace="kube-system"),
        type="bootstrap.kubernetes.io/token",
        data=data,
    )


async def test_cluster_info_is_signed_by_every_token() -> None:
    async with control_plane("bootstrap-signer-controller") as world:
        content = "apiVersion: v1\n"
        info = ConfigMap(
            metadata=ObjectMeta(name="cluster-info", namespace="kube-public"), data={"kubeconfig": content}
        )
        await world.create(info)
        await world.create(bootstrap_secret("abcdef"))

        async def signature() -> Any:
            found = await world.get(ConfigMap, "cluster-info", "kube-public")
            return (found.data or {}).get("jws-kubeconfig-abcdef")

        header, payload, signed = (await world.until(signature)).split(".")
        assert (msgspec.json.decode(unbase64(header)), payload) == ({"alg": "HS256", "kid": "abcdef"}, "")
        body = urlsafe_b64encode(content.encode()).rstrip(b"=").decode()
        wanted = hmac.new(b"0123456789abcdef", f"{header}.{body}".encode(), hashlib.sha256).digest()
        assert unbase64(signed) == wanted
        await world.client.delete(Secret, "bootstrap-token-abcdef", "kube-system")

        async def unsigned() -> bool:
            return not await signature()

        await world.until(unsigned)


async def test_expired_token_is_removed_at_its_deadline() -> None:
    async with control_plane("token-cleaner-controller") as world:
        await world.create(bootstrap_secret("abcdef", expiration="2026-01-01T00:10:00Z"))
        await world.create(bootstrap_secret("fedcba"))

        async def is_gone() -> bool:
            return await secret_names(world) == {"bootstrap-token-fedcba"}

        await world.until(is_gone, within_seconds=1000)
        assert 600 <= world.clock.monotonic() <= 602
