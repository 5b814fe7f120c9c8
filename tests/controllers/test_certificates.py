"""Certificate signing requests: who is approved, what is signed, when they go."""

from typing import Any

import msgspec
import pytest
from tests.support.control_plane import World, control_plane, node

from pybernetes.api.certificates import CertificateSigningRequest, CertificateSigningRequestSpec
from pybernetes.api.core import Node
from pybernetes.api.meta import ObjectMeta
from pybernetes.api.user import UserInfo
from pybernetes.base.x509 import CertificateAuthority, create_request, load_certificate, new_key, subject_of
from pybernetes.client.client import Client
from pybernetes.reconcile.certificate_requests import KUBELET_CLIENT, KUBELET_SERVING

NODE = UserInfo("system:node:n1", groups=("system:nodes", "system:authenticated"))
CONTROLLERS = (
    "certificatesigningrequest-approving-controller",
    "certificatesigningrequest-signing-controller",
    "certificatesigningrequest-cleaner-controller",
)
CLIENT_USAGES = ["digital signature", "client auth"]
SERVER_USAGES = ["digital signature", "server auth"]


@pytest.fixture(scope="module")
def authority() -> CertificateAuthority:
    from tests.support.clock import START

    return CertificateAuthority.create("test-ca", now=START)


def settings(authority: CertificateAuthority) -> dict[str, Any]:
    return {"signing_certificate": authority.certificate_pem, "signing_key": authority.key_pem}


async def ask(world: World, signer: str, usages: list[str], *, names: tuple[str, ...] = (), **spec: Any) -> None:
    pem = create_request(new_key(), "system:node:n1", organizations=["system:nodes"], names=names)
    request = CertificateSigningRequest(
        metadata=ObjectMeta(name="csr"),
        spec=CertificateSigningRequestSpec(request=pem, signer_name=signer, usages=usages, **spec),
    )
    await Client(world.client.app, user=NODE).create(request)


async def is_signed(world: World) -> bool:
    return bool((await world.client.get(CertificateSigningRequest, "csr")).status.certificate)


async def test_node_renews_its_client_certificate(authority: CertificateAuthority) -> None:
    async with control_plane(*CONTROLLERS, **settings(authority)) as world:
        await ask(world, KUBELET_CLIENT, CLIENT_USAGES, expiration_seconds=3600)
        await world.until(lambda: is_signed(world))
        found = await world.client.get(CertificateSigningRequest, "csr")
        (condition,) = found.status.conditions or ()
        assert (condition.type, condition.reason) == ("Approved", "AutoApproved")
        certificate = load_certificate(found.status.certificate or b"")
        from cryptography.hazmat.primitives.serialization import Encoding

        assert subject_of(certificate.public_bytes(Encoding.DER)) == ("system:node:n1", ("system:nodes",))
        lifetime = certificate.not_valid_after_utc - world.clock.now()
        assert 3500 <= lifetime.total_seconds() <= 3600


async def test_node_gets_a_serving_certificate_for_its_own_addresses_only(authority: CertificateAuthority) -> None:
    async with control_plane(*CONTROLLERS, **settings(authority)) as world:
        await ask(world, KUBELET_SERVING, SERVER_USAGES, names=("n1", "10.0.0.5"))
        await world.create(node("n1"))
        addresses = [{"type": "Hostname", "address": "n1"}, {"type": "InternalIP", "address": "10.0.0.4"}]
        await world.client.patch(Node, "n1", body={"status": {"addresses": addresses}}, subresource="status")
        import asyncio

        await asyncio.sleep(60)
        assert not await is_signed(world)
        addresses[1]["address"] = "10.0.0.5"
        await world.client.patch(Node, "n1", body={"status": {"addresses": addresses}}, subresource="status")
        await world.until(lambda: is_signed(world))


async def test_request_the_signer_may_not_sign_fails(authority: CertificateAuthority) -> None:
    async with control_plane(CONTROLLERS[1], **settings(authority)) as world:
        await ask(world, KUBELET_CLIENT, SERVER_USAGES)
        found = await world.client.get(CertificateSigningRequest, "csr")
        approved = {"type": "Approved", "status": "True", "reason": "ByTest", "message": ""}
        body = msgspec.to_builtins(found)
        body["status"] = {"conditions": [approved]}
        await world.client.update(body, subresource="approval")

        async def has_failed() -> bool:
            conditions = (await world.client.get(CertificateSigningRequest, "csr")).status.conditions or []
            return [c.reason for c in conditions if c.type == "Failed"] == ["SignerValidationFailure"]

        await world.until(has_failed)


async def test_signed_request_is_removed_after_an_hour(authority: CertificateAuthority) -> None:
    async with control_plane(*CONTROLLERS, **settings(authority)) as world:
        await ask(world, KUBELET_CLIENT, CLIENT_USAGES)
        await world.until(lambda: is_signed(world))

        async def is_gone() -> bool:
            return not await world.list(CertificateSigningRequest)

        await world.until(is_gone, within_seconds=7200)
        assert 3600 <= world.clock.monotonic() <= 3610
