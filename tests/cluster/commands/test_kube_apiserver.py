"""`pybernetes apiserver` with upstream's flags, as a test harness starts kube-apiserver."""

import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from tests.support.etcd import etcd, needs_etcd
from tests.support.ports import free_port

from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.service_account_keys import generate_signing_key
from pybernetes.base.x509 import CertificateAuthority
from pybernetes.cli import _parser
from pybernetes.cluster.commands.flag_values import duration_seconds
from pybernetes.cluster.commands.kube_apiserver import (
    adjusted,
    api_server_config,
    etcd_address,
    make_server,
)
from pybernetes.cluster.commands.kube_apiserver import parsed as parsed_flags
from pybernetes.cluster.commands.settings import CommandError
from pybernetes.cluster.kube_flags import ACCEPTED, FLAGS
from pybernetes.store.memory import MemoryStore

PYBERNETES = str(Path(sys.executable).parent / "pybernetes")


@pytest.mark.parametrize(
    ("text", "seconds"), [("1m30s", 90.0), ("0", 0.0), ("500ms", 0.5), ("1.5h", 5400.0), ("0s", 0.0)]
)
def test_durations_are_gos(text, seconds):
    assert duration_seconds("x", text) == seconds


@pytest.mark.parametrize("text", ["", "5", "1d", "m", "1m 3s"])
def test_other_durations_are_refused(text):
    with pytest.raises(CommandError, match="not a duration"):
        duration_seconds("request-timeout", text)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({}, "--etcd-servers must be specified"),
        ({"etcd-servers": ("localhost:2379",)}, "is not a URL"),
        ({"etcd-servers": ("https://a:1",), "etcd-cafile": "/nowhere"}, "--etcd-cafile /nowhere: no such file"),
    ],
)
def test_what_etcd_needs(flags, message):
    with pytest.raises(CommandError, match=message):
        etcd_address(flags)


def test_what_tokens_need(tmp_path):
    with pytest.raises(CommandError, match="--service-account-signing-key-file must be specified"):
        api_server_config({"cert-dir": str(tmp_path), "bind-address": "127.0.0.1"})


def parsed(body: bytes):
    """JSON, or the text of a health page."""
    return json.loads(body) if body.startswith(b"{") else {"text": body.decode()}


def test_switches_and_files_become_settings(tmp_path):
    key = tmp_path / "sa.key"
    key.write_bytes(generate_signing_key())
    flags = {
        "cert-dir": str(tmp_path),
        "bind-address": "127.0.0.1",
        "service-account-signing-key-file": str(key),
        "service-account-issuer": ("https://a",),
        "runtime-config": {"api/beta": "true", "batch/v1": "false"},
        "feature-gates": {"A": "true"},
        "token-auth-file": str(key),
    }
    config = api_server_config(flags)
    assert config.runtime_config == {"api/beta": True, "batch/v1": False}
    assert config.feature_gates == {"A": True}
    assert (config.token_file, config.authorization_modes) == (str(key), ("AlwaysAllow",))
    assert config.anonymous is False  # not together with AlwaysAllow
    assert api_server_config({**flags, "authorization-mode": ("RBAC",)}).anonymous is True
    with pytest.raises(CommandError, match="neither true nor false"):
        api_server_config({**flags, "feature-gates": {"A": "yes"}})
    with pytest.raises(CommandError, match="no such file"):
        api_server_config({**flags, "audit-policy-file": "/nowhere"})


def test_a_clusters_own_server_takes_what_its_data_directory_does_not_decide():
    own = ApiServerConfig(service_cidr="10.96.0.0/16")
    given = _parser().parse_args(["apiserver", "--audit-log-path=-", "--authorization-mode=Node,RBAC,Webhook"])
    config = adjusted(own, parsed_flags(given))
    assert (config.audit_log_path, config.authorization_modes) == ("-", ("Node", "RBAC", "Webhook"))
    assert config.service_cidr == "10.96.0.0/16"
    for flag in ("--bind-address=0.0.0.0", "--tls-cert-file=x"):
        with pytest.raises(CommandError, match="is decided by the data directory"):
            adjusted(own, parsed_flags(_parser().parse_args(["apiserver", flag])))


class Harness:
    """What envtest does: files, flags, a process, `/readyz`."""

    def __init__(self, directory: Path, urls: tuple[str, ...]) -> None:
        self.port = free_port()
        self.authority = CertificateAuthority.create("harness")
        (directory / "ca.crt").write_bytes(self.authority.certificate_pem)
        (directory / "sa.key").write_bytes(generate_signing_key())
        (directory / "tokens.csv").write_text('secret,alice,1,"system:masters"\n')
        self.directory = directory
        self.arguments = [
            "--advertise-address=127.0.0.1",
            "--allow-privileged=true",
            "--authorization-mode=RBAC",
            "--bind-address=127.0.0.1",
            f"--cert-dir={directory / 'certs'}",
            f"--client-ca-file={directory / 'ca.crt'}",
            "--disable-admission-plugins=ServiceAccount",
            f"--etcd-servers={','.join(urls)}",
            f"--secure-port={self.port}",
            f"--service-account-issuer=https://127.0.0.1:{self.port}/",
            f"--service-account-key-file={directory / 'sa.key'}",
            f"--service-account-signing-key-file={directory / 'sa.key'}",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--token-auth-file",
            str(directory / "tokens.csv"),
        ]
        self.process = subprocess.Popen(
            [PYBERNETES, "apiserver", *self.arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def request(
        self, path: str, *, method: str = "GET", body: object = None, token: str = "secret"
    ) -> tuple[int, dict]:
        context = ssl.create_default_context(cadata=(self.directory / "certs" / "apiserver.crt").read_text())
        request = urllib.request.Request(
            f"https://127.0.0.1:{self.port}{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"content-type": "application/json", "authorization": f"Bearer {token}"},
        )
        try:
            with urllib.request.urlopen(request, context=context, timeout=60) as answer:
                return answer.status, parsed(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, parsed(error.read())

    def until_ready(self) -> None:
        deadline = time.monotonic() + 90
        while True:
            assert self.process.poll() is None, self.process.stdout.read().decode()
            try:
                if self.request("/readyz")[0] == 200:
                    return
            except (OSError, urllib.error.URLError):
                pass
            assert time.monotonic() < deadline, "the API server did not become ready"
            time.sleep(0.02)

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            os.kill(self.process.pid, number)
        code = self.process.wait(60)
        self.process.stdout.close()
        return code


@needs_etcd
def test_two_api_servers_on_one_etcd_agree_at_once(tmp_path):
    (tmp_path / "etcd").mkdir()
    with etcd(tmp_path / "etcd") as server:
        for name in "ab":
            (tmp_path / name).mkdir()
        one, two = Harness(tmp_path / "a", server.urls), Harness(tmp_path / "b", server.urls)
        try:
            one.until_ready()
            two.until_ready()
            status, answer = one.request("/api/v1/namespaces/default/configmaps", token="wrong")
            assert (status, answer["reason"]) == (401, "Unauthorized")
            for i in range(10):
                body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"m{i}"}}
                status, made = one.request("/api/v1/namespaces/default/configmaps", method="POST", body=body)
                assert status == 201
                _, listed = two.request("/api/v1/namespaces/default/configmaps")
                assert f"m{i}" in [item["metadata"]["name"] for item in listed["items"]]
                assert int(listed["metadata"]["resourceVersion"]) >= int(made["metadata"]["resourceVersion"])
            assert one.stop(signal.SIGKILL) == -signal.SIGKILL
            _, listed = two.request("/api/v1/namespaces/default/configmaps")
            assert {f"m{i}" for i in range(10)} <= {item["metadata"]["name"] for item in listed["items"]}
            assert two.stop() == 0
        finally:
            one.stop(signal.SIGKILL)
            two.stop(signal.SIGKILL)


def test_a_missing_flag_is_one_line_and_exit_code_1(tmp_path):
    done = subprocess.run([PYBERNETES, "apiserver", f"--cert-dir={tmp_path}"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: --etcd-servers must be specified, such as --etcd-servers=http://127.0.0.1:2379"
    ]


def upstream(directory: Path) -> list[str]:
    """The flags that no server starts without."""
    (directory / "sa.key").write_bytes(generate_signing_key())
    return [
        "apiserver",
        f"--cert-dir={directory}",
        "--etcd-servers=http://127.0.0.1:1",
        "--service-account-issuer=https://a",
        f"--service-account-signing-key-file={directory / 'sa.key'}",
    ]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("--oidc-issuer-url=https://a", "oidc-issuer-url and oidc-client-id must be specified together when any "
         "oidc-* flags are set"),
        ("--oidc-required-claim=a", "--oidc-required-claim a: malformed pair, expect string=string"),
        ("--authorization-mode=ABAC", "authorization-mode ABAC's authorization policy file not passed"),
        ("--authorization-mode=Webhook", "authorization-mode Webhook's authorization config file not passed"),
        ("--authorization-mode=RBAC,ABCD", 'authorization-mode "ABCD" is not a valid mode'),
        ("--authorization-mode=RBAC,RBAC", 'authorization-mode ["RBAC" "RBAC"] has mode specified more than once'),
        ("--feature-gates=Nothing=true", "unrecognized feature gate: Nothing"),
    ],
)  # fmt: skip
def test_wrong_flags(tmp_path, more, words):
    with pytest.raises(CommandError) as raised:
        make_server(parsed_flags(_parser().parse_args([*upstream(tmp_path), more])), MemoryStore())
    assert str(raised.value) == words


@pytest.mark.parametrize("alone", [True, False])
def test_wrong_flags_are_one_line_and_exit_code_1(tmp_path, alone):
    own = ["apiserver", f"--data-dir={tmp_path / 'data'}", "--node-ip=127.0.0.1"]
    command = [PYBERNETES, *(upstream(tmp_path) if alone else own), "--authorization-mode=ABAC"]
    done = subprocess.run(command, capture_output=True, text=True)
    words = "error: authorization-mode ABAC's authorization policy file not passed"
    assert (done.returncode, done.stderr.splitlines()) == (1, [words])


def test_every_flag_is_documented():
    page = (Path(__file__).parents[3] / "docs" / "apiserver-flags.md").read_text()
    for name, (_, told) in FLAGS.items():
        assert f"| `--{name}` | {told} |" in page
    for name, told in ACCEPTED.items():
        assert f"`--{name}` ({told})" in page
