"""The keys of a cluster on their way to a new control plane: sealed, for one token, whole or not at all."""

from datetime import UTC, datetime, timedelta

import pytest

from pybernetes.api.core import Secret
from pybernetes.api.status import StatusError
from pybernetes.api.user import SYSTEM_MASTERS, UserInfo
from pybernetes.client.client import Client
from pybernetes.client.in_process import InProcessTransport
from pybernetes.cluster import pki, shared_keys
from pybernetes.cluster.config import ClusterConfig
from pybernetes.cluster.etcd import certificates
from pybernetes.cluster.invitation import invite
from pybernetes.cluster.shared_keys import Shared, WrongKey
from pybernetes.testing import api_server

SERVERS = ("https://10.0.0.1:2379",)


@pytest.fixture
def config(tmp_path) -> ClusterConfig:
    return ClusterConfig(
        data_dir=tmp_path / "first", node_name="cp1", node_ip="10.0.0.1", etcd=True, api_port=7443, dns_port=53
    )


@pytest.fixture
def shared(config) -> Shared:
    pki.ensure(config)
    certificates.ensure(config)
    return shared_keys.of_this_machine(config, SERVERS)


def test_a_new_control_plane_gets_the_same_keys_and_settings(tmp_path, config, shared):
    key = shared_keys.new_certificate_key()
    sealed = shared_keys.seal(shared, key)
    assert not [name for name, content in shared.files.items() if any(content in entry for entry in sealed.values())]
    opened = shared_keys.unseal(sealed, key)
    assert opened == shared
    second = opened.applied_to(ClusterConfig(data_dir=tmp_path / "second", node_name="cp2", node_ip="10.0.0.2"))
    assert (second.etcd, second.etcd_servers, second.api_port, second.dns_port) == (True, SERVERS, 7443, 53)
    assert (second.node_name, second.node_ip, second.sample) == ("cp2", "10.0.0.2", False)
    opened.write(second)
    for name, content in shared.files.items():
        path = second.pki / name
        assert path.read_bytes() == content
        assert path.stat().st_mode & 0o777 == (0o600 if name.endswith(".key") else 0o644)
    made, of_first = pki.ensure(second), pki.ensure(config)
    assert made.ca.certificate_pem == of_first.ca.certificate_pem
    assert made.service_account_key == of_first.service_account_key
    assert made.apiserver.certificate_pem != of_first.apiserver.certificate_pem


@pytest.mark.parametrize(
    ("key", "message"),
    [("0" * 64, "does not open"), ("0" * 63, "64 hexadecimal digits"), ("g" * 64, "64 hexadecimal digits")],
)
def test_another_key_opens_nothing(shared, key, message):
    sealed = shared_keys.seal(shared, shared_keys.new_certificate_key())
    with pytest.raises(WrongKey, match=message):
        shared_keys.unseal(sealed, key)


def test_an_entry_is_bound_to_its_name(shared):
    key = shared_keys.new_certificate_key()
    sealed = shared_keys.seal(shared, key)
    sealed["ca.crt"], sealed["etcd-ca.crt"] = sealed["etcd-ca.crt"], sealed["ca.crt"]
    with pytest.raises(WrongKey):
        shared_keys.unseal(sealed, key)
    del sealed["sa.key"]
    with pytest.raises((WrongKey, LookupError)):
        shared_keys.unseal(sealed, key)


async def test_only_the_user_of_the_token_may_read_them(shared):
    async with api_server(authorization_modes=("RBAC",)) as server:

        def client(name: str, *groups: str) -> Client:
            return Client(InProcessTransport(server.app, UserInfo(name, groups=groups)))

        admin = client("admin", SYSTEM_MASTERS)
        invitation = await invite(admin, shared, timedelta(hours=1), datetime.now(UTC))
        other = await invite(admin, shared, timedelta(hours=1), datetime.now(UTC))
        token_id = invitation.token.partition(".")[0]
        guest = client(f"system:bootstrap:{token_id}", "system:bootstrappers")
        name = shared_keys.secret_name(token_id)
        found = await guest.get(Secret, name, "kube-system")
        assert shared_keys.unseal(found.data or {}, invitation.certificate_key) == shared
        token = await admin.get(Secret, f"bootstrap-token-{token_id}", "kube-system")
        (owner,) = found.metadata.owner_references or ()
        assert (owner.kind, owner.name, owner.uid) == ("Secret", token.metadata.name, token.metadata.uid)
        assert "auth-extra-groups" not in (token.data or {}), "it lets nobody in as a node"
        for secret in (f"bootstrap-token-{token_id}", shared_keys.secret_name(other.token.partition(".")[0])):
            with pytest.raises(StatusError, match="cannot get resource"):
                await guest.get(Secret, secret, "kube-system")
        with pytest.raises(StatusError, match="cannot list resource"):
            await guest.list(Secret, "kube-system")
        with pytest.raises(StatusError, match="cannot get resource"):
            await client("system:node:w1", "system:nodes").get(Secret, name, "kube-system")
