"""What ours does as the client of 1.36 and otherwise than that of 1.33, with which the cases are compared."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from tests.kubectl.differential import Outcome, environment, in_directory

from pybernetes.kubectl.main import run
from pybernetes.kubectl.wire.yaml_fast import load


@pytest.fixture
def kubectl(kubeconfig: Path, tmp_path: Path) -> Any:
    """Runs our client: words, standard input."""

    def ask(*words: str, given: str = "") -> Outcome:
        out, err = io.StringIO(), io.StringIO()
        with in_directory(tmp_path, environment(tmp_path, kubeconfig, tmp_path / "cache")):
            code = run(list(words), out, err, io.StringIO(given))
        return Outcome(out.getvalue(), err.getvalue(), code)

    return ask


@pytest.fixture
def namespace(kubectl: Any, request: pytest.FixtureRequest) -> Any:
    """A namespace of the test's own, with its service account, in which our client runs."""
    name = request.node.name.removeprefix("test_").replace("_", "-")[:40].strip("-")
    assert kubectl("create", "namespace", name).code == 0
    assert kubectl("wait", "serviceaccount/default", "--for=create", "--timeout=120s", "-n", name).code == 0
    yield lambda *words, given="": kubectl("-n", name, *words, given=given)
    kubectl("delete", "namespace", name, "--wait=false")


def a_config_map(**data: str) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": data})


def test_a_dry_run_of_apply_says_what_would_change(namespace: Any) -> None:
    assert namespace("apply", "-f", "-", given=a_config_map(a="b")).code == 0
    same = namespace("apply", "-f", "-", "--dry-run=client", given=a_config_map(a="b"))
    assert same.out == "configmap/one unchanged (dry run)\n"
    other = namespace("apply", "-f", "-", "--dry-run=client", given=a_config_map(a="c"))
    assert other.out == "configmap/one configured (dry run)\n"
    shown = load(namespace("apply", "-f", "-", "--dry-run=client", "-o", "yaml", given=a_config_map(a="c")).out)
    assert shown["data"] == {"a": "c"} and shown["metadata"]["uid"]
    assert namespace("get", "cm", "one", "-o", "jsonpath={.data.a}").out == "b"


def test_apply_creates_without_fields_of_null(namespace: Any) -> None:
    written = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one", "labels": None}, "data": {"a": "b"}}
    shown = load(namespace("apply", "-f", "-", "--dry-run=client", "-o", "yaml", given=json.dumps(written)).out)
    assert "labels" not in shown["metadata"]


def test_undoing_a_rollout_of_what_was_applied_warns(namespace: Any) -> None:
    manifest = namespace("create", "deployment", "web", "--image=a", "--dry-run=client", "-o", "yaml").out
    assert namespace("apply", "-f", "-", given=manifest).code == 0
    said = namespace("rollout", "undo", "deployment/web", "--dry-run=server").err
    assert said.startswith("Warning: resource deployments/web was previously managed with 'kubectl apply'. ")


def test_scaling_what_is_not_there_says_so(namespace: Any) -> None:
    failed = namespace("scale", "deployment", "nope", "--replicas=1")
    assert (failed.code, failed.err) == (1, 'Error from server (NotFound): deployments.apps "nope" not found\n')
    assert namespace("scale", "deployment", "--all", "--replicas=1").err == "error: no objects passed to scale\n"


def test_a_container_that_is_not_there_is_told_with_those_that_are(namespace: Any) -> None:
    assert namespace("run", "one", "--image=a").code == 0
    assert namespace("wait", "pod/one", "--for=jsonpath={.status.phase}=Running", "--timeout=120s").code == 0
    for words in (("exec", "one", "-c", "two", "--", "ls"), ("logs", "one", "-c", "two")):
        assert namespace(*words).err == "error: container two is not valid for pod one out of: one\n"


def test_debug_of_several_pods_and_of_a_container_name_that_is_taken(namespace: Any) -> None:
    for name in ("one", "two"):
        assert namespace("run", name, "--image=a").code == 0
    assert namespace("debug", "one", "two", "--image=b", "-c", "look").code == 0
    found = namespace("get", "pods", "-o", "jsonpath={.items[*].spec.ephemeralContainers[*].name}").out
    assert found == "look look"
    failed = namespace("debug", "one", "--image=b", "-c", "look")
    assert failed.code == 1 and 'existing ephemeral containers "look" may not be changed' in failed.err


def test_a_copy_with_other_images_alone_keeps_its_labels(namespace: Any) -> None:
    assert namespace("run", "one", "--image=a", "--labels=x=y").code == 0
    assert namespace("debug", "one", "--copy-to=two", "--set-image=*=b").code == 0
    assert namespace("debug", "one", "--copy-to=three", "--image=b", "-c", "look").code == 0
    shown = [namespace("get", "pod", name, "-o", "jsonpath={.metadata.labels}").out for name in ("two", "three")]
    assert shown == ['{"x":"y"}', ""]


def test_a_pod_of_a_daemon_set_that_is_gone_is_drained_by_force_only(namespace: Any) -> None:
    owner = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "gone", "uid": "x", "controller": True}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "orphan", "labels": {"drained": "here"}, "ownerReferences": [owner]},
        "spec": {"nodeName": "hollow-0", "containers": [{"name": "a", "image": "a"}]},
    }
    assert namespace("create", "-f", "-", given=json.dumps(pod)).code == 0
    words = ("drain", "hollow-0", "--dry-run=client", "--pod-selector=drained=here")
    assert 'cannot delete daemonsets.apps "gone" not found: ' in namespace(*words).err
    assert namespace(*words, "--force").code == 0


def test_a_certificate_that_a_flag_names_stands_in_the_place_of_the_kubeconfigs(kubectl: Any, tmp_path: Path) -> None:
    config = load(kubectl("config", "view", "--raw").out)
    from base64 import b64decode

    for name in ("client-certificate", "client-key"):
        (tmp_path / name).write_bytes(b64decode(config["users"][0]["user"][f"{name}-data"]))
    shown = kubectl(
        "auth", "can-i", "get", "pods", "--client-certificate=client-certificate", "--client-key=client-key"
    )
    assert (shown.code, shown.out) == (0, "yes\n")


def test_a_cpu_percentage_of_zero_is_none(namespace: Any) -> None:
    assert namespace("create", "deployment", "web", "--image=a").code == 0
    shown = namespace("autoscale", "deployment", "web", "--max=3", "--cpu-percent=0", "--dry-run=client", "-o", "yaml")
    assert "metrics" not in load(shown.out)["spec"]
