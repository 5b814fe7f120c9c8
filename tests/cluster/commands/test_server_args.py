"""`up --kube-apiserver-arg`: kept with the cluster, refused in one line, in force at each start."""

import json
from pathlib import Path

import pytest

from pybernetes.api.core import Namespace
from pybernetes.api.meta import ObjectMeta
from pybernetes.base.tasks import running
from pybernetes.cli import _parser
from pybernetes.client.client import Client
from pybernetes.client.in_process import InProcessTransport
from pybernetes.cluster import state
from pybernetes.cluster.commands import run
from pybernetes.cluster.commands.settings import CommandError, cluster_config
from pybernetes.cluster.config import ClusterConfig
from pybernetes.cluster.control_plane import make_server
from pybernetes.cluster.pki import ensure
from pybernetes.store.memory import MemoryStore
from pybernetes.testing import ADMIN

POLICY = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n"


def configured(directory: Path, *words: str) -> ClusterConfig:
    arguments = _parser().parse_args(["up", "--data-dir", str(directory), "--hollow-nodes", "1", *words])
    return cluster_config(arguments)


def test_they_are_kept_until_they_are_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policy.yaml").write_text(POLICY)
    config = configured(
        tmp_path / "d", "--kube-apiserver-arg=audit-policy-file=policy.yaml",
        "--kube-apiserver-arg=--audit-log-path=audit.log", "--kube-apiserver-arg=max-requests-inflight=50",
    )  # fmt: skip
    assert config.kube_apiserver_args == (
        f"audit-policy-file={tmp_path}/policy.yaml",
        f"audit-log-path={tmp_path}/audit.log",
        "max-requests-inflight=50",
    )
    (tmp_path / "d").mkdir()
    state.save(config)
    assert configured(tmp_path / "d") == config
    assert configured(tmp_path / "d", "--kube-apiserver-arg=").kube_apiserver_args == ()


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("pth=x", "--kube-apiserver-arg pth=x: there is no such flag; see: pybernetes apiserver --help"),
        ("audit-policy-file=/nowhere", "--audit-policy-file /nowhere: no such file"),
        (
            "audit-log-path=-",
            "--kube-apiserver-arg audit-log-path=-: give it a file, such as "
            "audit-log-path=/etc/kubernetes/audit-log-path",
        ),
        ("feature-gates=A=true", "--kube-apiserver-arg feature-gates=A=true: give it as --feature-gates"),
        ("max-requests-inflight=many", "--max-requests-inflight many is not a number"),
        ("max-requests-inflight", "--max-requests-inflight  is not a number"),
        (
            "etcd-servers=http://a:1",
            "--etcd-servers is decided by the data directory; it goes with --etcd-servers and --cert-dir",
        ),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path: Path, word: str, message: str) -> None:
    with pytest.raises(CommandError) as failure:
        configured(tmp_path, f"--kube-apiserver-arg={word}")
    assert str(failure.value) == message


async def test_the_clusters_api_server_has_an_audit_log(tmp_path: Path) -> None:
    policy, log = tmp_path / "policy.yaml", tmp_path / "audit.log"
    policy.write_text(POLICY)
    config = configured(
        tmp_path / "d", f"--kube-apiserver-arg=audit-policy-file={policy}", f"--kube-apiserver-arg=audit-log-path={log}"
    )
    store = MemoryStore()
    server = make_server(config, ensure(config), store, run._adjusted(config))
    async with running("store", store.serve), running("apiserver", server.serve):
        client = Client(InProcessTransport(server.app, ADMIN))
        await client.create(Namespace(metadata=ObjectMeta(name="seen")))
    events = [json.loads(line) for line in log.read_text().splitlines()]
    ended = [event for event in events if event["verb"] == "create" and event["stage"] == "ResponseComplete"]
    assert ("namespaces", "seen", ADMIN.name) in [
        (event["objectRef"]["resource"], event["objectRef"]["name"], event["user"]["username"]) for event in ended
    ]


def test_a_file_that_says_nothing_is_one_line(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("kind: Policy\n")
    config = configured(tmp_path / "d", f"--kube-apiserver-arg=audit-policy-file={policy}")
    with (
        pytest.raises(CommandError, match="loaded illegal policy with 0 rules"),
        run._explaining(config.kube_apiserver_args),
    ):
        make_server(config, ensure(config), MemoryStore(), run._adjusted(config))
