"""The load-balanced endpoint: who is told it, which certificates have it, and what is refused."""

import contextlib
import shutil
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import yaml

from pybernetes import cli
from pybernetes.api.core import ConfigMap
from pybernetes.base.x509 import KeyPair, client_context, server_context
from pybernetes.client import kubeconfig
from pybernetes.cluster import clients, endpoint, leaf, pki, shared_keys, state
from pybernetes.cluster.addons import joining
from pybernetes.cluster.commands.settings import CommandError, cluster_config
from pybernetes.cluster.config import ClusterConfig
from pybernetes.cluster.etcd import certificates

NAMES = (
    "--control-plane-endpoint",
    "lb.example.com:8443",
    "--apiserver-cert-extra-sans",
    "api.example.com,203.0.113.7",
)


def configured(directory: Path, *words: str) -> ClusterConfig:
    line = ["up", "--data-dir", str(directory), "--node-ip", "10.0.0.2", "--node-name", "cp1", *words]
    return cluster_config(cli._parser().parse_args(line))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a cluster with an endpoint."""
    directory = tmp_path_factory.mktemp("cluster")
    config = configured(directory, *NAMES)
    pki.ensure(config)
    state.save(config)
    return directory


@pytest.fixture
def directory(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "data")


def serving(directory: Path) -> KeyPair:
    return KeyPair.load(directory / "pki" / "apiserver.crt", directory / "pki" / "apiserver.key")


def server_in(path: Path) -> str:
    return kubeconfig.resolve(kubeconfig.read(path)).server


@pytest.mark.parametrize(
    ("given", "server", "name"),
    [
        ("", "https://10.0.0.2:6443", None),
        ("lb", "https://lb:6443", "lb"),
        ("lb.example.com:443", "https://lb.example.com:443", "lb.example.com"),
        ("10.9.9.9", "https://10.9.9.9:6443", "10.9.9.9"),
        ("fd00::9", "https://[fd00::9]:6443", "fd00::9"),
        ("[fd00::9]", "https://[fd00::9]:6443", "fd00::9"),
        ("[fd00::9]:1", "https://[fd00::9]:1", "fd00::9"),
    ],
)
def test_an_endpoint_is_a_host_with_or_without_a_port(tmp_path, given, server, name):
    config = configured(tmp_path, "--control-plane-endpoint", given)
    assert endpoint.server(config) == server
    assert endpoint.serving_names(config) == ([name] if name else [])


@pytest.mark.parametrize(
    ("flag", "value", "said"),
    [
        ("control-plane-endpoint", "https://lb", "https://lb has no port from 1 to 65535; give it as api.example.com:"),
        ("control-plane-endpoint", "lb:0", "lb:0 has no port from 1 to 65535"),
        ("control-plane-endpoint", "lb:", "lb: has no port from 1 to 65535"),
        ("control-plane-endpoint", "lb:x", "lb:x has no port"),
        ("control-plane-endpoint", "[fd00::9", "[fd00::9 has no port"),
        ("control-plane-endpoint", "Ä_b", "Ä_b is neither an address nor a DNS name; give it as api.example.com:6443"),
        ("control-plane-endpoint", ":6443", ":6443 is neither an address nor a DNS name"),
        ("apiserver-cert-extra-sans", "ok.example,no_good", "no_good is neither an address nor a DNS name; give them"),
        ("apiserver-cert-extra-sans", "10.0.0.1:6443", "10.0.0.1:6443 is neither an address nor a DNS name"),
    ],
)
def test_what_cannot_be_one_is_refused_in_one_line(tmp_path, flag, value, said):
    with pytest.raises(CommandError) as refused:
        configured(tmp_path, f"--{flag}", value)
    assert f"--{flag} {said}" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_serving_certificate_is_for_all_names_and_the_administrator_uses_the_endpoint(made):
    wanted = {"lb.example.com", "api.example.com", "203.0.113.7", "10.0.0.2", "127.0.0.1", "cp1", "kubernetes"}
    assert wanted <= leaf.names_in(serving(made))
    assert server_in(made / "admin.kubeconfig") == "https://lb.example.com:8443"
    for component in ("scheduler", "controller-manager", "kubelet"):
        assert server_in(made / f"{component}.kubeconfig") == "https://127.0.0.1:6443", "beside its API server"


def test_a_later_start_goes_on_with_it_and_makes_the_certificate_again_when_it_changes(directory):
    before = serving(directory).certificate_pem
    same = configured(directory)
    assert same.control_plane_endpoint == "lb.example.com:8443"
    pki.ensure(same)
    assert serving(directory).certificate_pem == before

    changed = configured(directory, "--control-plane-endpoint", "10.0.0.100", "--apiserver-cert-extra-sans", "")
    pki.ensure(changed)
    found = leaf.names_in(serving(directory))
    assert "10.0.0.100" in found
    assert not found & {"lb.example.com", "api.example.com", "203.0.113.7"}
    assert server_in(directory / "admin.kubeconfig") == "https://10.0.0.100:6443"

    pki.ensure(configured(directory, "--control-plane-endpoint", "", "--apiserver-cert-extra-sans", ""))
    assert server_in(directory / "admin.kubeconfig") == "https://127.0.0.1:6443"


def test_who_joins_takes_it_over(directory, tmp_path):
    first = msgspec.structs.replace(configured(directory), etcd=True)
    certificates.ensure(first)
    shared = shared_keys.of_this_machine(first, ())
    second = shared.applied_to(configured(tmp_path / "second", "--node-name", "cp2"))
    assert (second.control_plane_endpoint, second.node_name) == ("lb.example.com:8443", "cp2")
    assert {"lb.example.com", "203.0.113.7", "cp2"} <= set(pki.serving_names(second))
    key = shared_keys.new_certificate_key()
    assert shared_keys.unseal(shared_keys.seal(shared, key), key) == shared


def test_joining_machines_are_told_the_endpoint(made):
    information = joining.information(configured(made), b"CA")
    (cluster,) = yaml.safe_load(msgspec.convert(information, ConfigMap).data["kubeconfig"])["clusters"]
    assert cluster["cluster"]["server"] == "https://lb.example.com:8443"


async def test_commands_on_this_machine_do_without_the_load_balancer(made, monkeypatch):
    asked = []
    monkeypatch.setattr(clients.rest, "client", lambda connection, **_: asked.append(connection.server))
    clients.local_admin(configured(made), "status")
    assert asked == ["https://127.0.0.1:6443"]


def test_a_client_verifies_each_control_plane_through_a_balancer(directory, tmp_path):
    """The connection goes to whichever answers, and its certificate is for the name that was asked for."""
    first = msgspec.structs.replace(configured(directory), etcd=True)
    certificates.ensure(first)
    second = shared_keys.of_this_machine(first, ()).applied_to(configured(tmp_path / "b", "--node-name", "cp2"))
    shared_keys.of_this_machine(first, ()).write(second)
    pki.ensure(second)
    authority = (directory / "pki" / "ca.crt").read_bytes()
    seen = set()
    for config in (first, second):
        with tls_server(server_context(serving(config.data_dir))) as port:
            raw = socket.create_connection(("127.0.0.1", port), 30)
            with client_context(authority).wrap_socket(raw, server_hostname="lb.example.com") as stream:
                certificate = stream.getpeercert()
                assert certificate is not None
                seen.add(certificate["serialNumber"])
    assert len(seen) == 2


@contextlib.contextmanager
def tls_server(context: ssl.SSLContext) -> Iterator[int]:
    """Shakes hands with one client."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as stream:
                stream.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()
