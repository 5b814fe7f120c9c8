"""Three control planes with stacked etcd: any one may die and everything goes on; without a majority nothing is lost.

The tests are one story: they run in their order, on machines that are shared.
"""

import base64
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from tests.e2e.conftest import PYBERNETES, Cluster
from tests.e2e.objects import container, deployment, service
from tests.support import acknowledged_writes, balancer
from tests.support.etcd import needs_etcd
from tests.support.machine import Machine, machine, neighbour
from tests.support.waiting import until

pytestmark = needs_etcd

NAMES = {"cp1": 11, "cp2": 12, "cp3": 13, "w1": 14, "cp4": 15}
PLANES = ("cp1", "cp2", "cp3")
BALANCER = f"172.30.0.{NAMES['w1']}"
_ENOUGH = 50


class Planes:
    """Control planes, and a worker that joined through the first one."""

    def __init__(self, machines: dict[str, Machine]) -> None:
        self.machines = machines
        self.clusters = {name: Cluster(host, host.directory / "data") for name, host in machines.items()}
        self.agent: subprocess.Popen[str] | None = None
        self.written: list[Path] = []

    def found(self) -> None:
        """Start all of it."""
        self["cp1"].pybernetes("up", "--etcd", "--apiserver-cert-extra-sans", BALANCER)
        line = self.invitation()
        for name in PLANES[1:]:
            self[name].pybernetes(*line)
        words = self["cp1"].pybernetes("token", "create").split()[1:]
        worker = self["w1"]
        with self.agent_log.open("ab") as log:
            self.agent = worker.machine.start(
                PYBERNETES, *words, "--data-dir", str(worker.data_dir), "--node-name", "w1", stdout=log
            )
        self["cp2"].kubectl.wait("node/w1", "create")
        self["cp2"].kubectl.wait("node/w1", "condition=Ready")

    def invitation(self, via: str = "cp1") -> list[str]:
        """What a token's creation prints for a further control plane, without the program's name."""
        return self[via].pybernetes("token", "create", "--control-plane").split()[1:]

    def __getitem__(self, name: str) -> Cluster:
        return self.clusters[name]

    @property
    def agent_log(self) -> Path:
        return self.machines["w1"].directory / "agent.log"

    def power_off(self, name: str) -> None:
        """Nothing of the control plane is left, and nobody is told: packets to it vanish."""
        host = self.machines[name]
        host.run("ip", "link", "set", "eth0", "down")
        for supervisor in host.processes("supervise.py"):
            host.kill(supervisor)
        until(lambda: not host.processes("pybernetes server") and not host.processes("^etcd "))

    def power_on(self, name: str) -> str:
        host = self.machines[name]
        host.run("ip", "link", "set", "eth0", "up")
        host.run("ip", "route", "replace", "default", "via", "172.30.0.1")
        return self[name].pybernetes("up")

    def members(self, via: str) -> dict[str, str]:
        """Role or fault by name."""
        rows = self[via].pybernetes("member", "list").splitlines()[1:]
        return {row.split()[0]: " ".join(row.split()[3:]) for row in rows}

    def all_answer(self, via: str) -> None:
        """Wait until the three are members and agree on a leader."""
        until(lambda: sorted(self.members(via)) == list(PLANES), show=lambda: str(self.members(via)))
        expected = ["follower", "follower", "leader"]
        until(lambda: sorted(self.members(via).values()) == expected, show=lambda: str(self.members(via)))

    @contextmanager
    def writing(self, via: str, name: str) -> Iterator[Path]:
        """Write to that API server as fast as it goes; the file lists what was acknowledged."""
        host = self.machines[via]
        output = host.directory / f"{name}.written"
        script = Path(acknowledged_writes.__file__)
        with output.open("wb") as file:
            words = (sys.executable, str(script), str(self[via].data_dir / "admin.kubeconfig"), name)
            writer = host.start(*words, stdout=file, stderr=subprocess.DEVNULL)
        until(lambda: output.read_text().count("create") > _ENOUGH)
        yield output
        host.interrupt(writer, signal.SIGKILL)
        self.written.append(output)

    def holders(self, via: str) -> set[str]:
        """Who leads the controllers and the scheduler."""
        leases = self[via].kubectl.json("get", "leases", "-n", "kube-system", "-o", "json")["items"]
        return {lease["spec"]["holderIdentity"] for lease in leases if lease["metadata"]["name"].startswith("kube-")}

    def system_pods(self, via: str) -> dict[str, set[str]]:
        """The names of the pods in kube-system, by node."""
        found: dict[str, set[str]] = {}
        for pod in self[via].kubectl.json("get", "pods", "-n", "kube-system")["items"]:
            found.setdefault(pod["spec"]["nodeName"], set()).add(pod["metadata"]["name"])
        return found

    def led_to(self, name: str, service: str) -> set[str]:
        """Where that machine's rules lead the service's node port."""
        port = self["cp2"].kubectl("get", "service", service, "-o", "jsonpath={.spec.ports[0].nodePort}")
        rules = json.loads(self.machines[name].run("nft", "-j", "list", "ruleset").stdout)["nftables"]
        maps = [rule["map"] for rule in rules if "map" in rule]
        (found,) = [one for one in maps if one["name"] == "node_endpoints"]
        pairs = [(key["concat"], value["concat"]) for key, value in found.get("elem", ())]
        return {target[0] for key, target in pairs if key[1] == int(port)}

    def addresses(self, via: str, namespace: str, name: str) -> set[str]:
        found = self[via].kubectl.json("get", f"endpointslice/{name}", "-n", namespace)
        return {address for endpoint in found["endpoints"] for address in endpoint["addresses"]}


def promised(lines: list[str]) -> tuple[set[str], dict[str, int]]:
    """From what was acknowledged: the objects that must be there, and the least number of each counter."""
    rows = [line.split() for line in lines]
    made = {row[1] for row in rows if row[0] == "create"}
    counters = {row[1]: int(row[3]) for row in rows if row[0] == "update"}
    return made - {row[1] for row in rows if row[0] == "attempt"}, counters


@pytest.fixture(scope="module")
def planes() -> Iterator[Planes]:
    with ExitStack() as stack:
        switch = stack.enter_context(machine("switch"))
        machines = {name: stack.enter_context(neighbour(switch, name, number)) for name, number in NAMES.items()}
        found = Planes(machines)
        found.found()
        yield found


def test_three_machines_are_one_cluster(planes: Planes) -> None:
    k = planes["cp2"].kubectl
    rows = [row.split()[:3] for row in k("get", "nodes", "--no-headers").splitlines()]
    assert rows == [*([name, "Ready", "control-plane"] for name in PLANES), ["w1", "Ready", "<none>"]]
    planes.all_answer("cp3")
    until(lambda: "3 of 3 members answer" in planes["cp1"].pybernetes("status"))
    everybody = {planes.machines[name].address for name in PLANES}
    for namespace, name in (("default", "kubernetes"), ("kube-system", "kube-dns"), ("kube-system", "metrics-server")):
        until(lambda ns=namespace, n=name: planes.addresses("cp1", ns, n) == everybody)  # type: ignore[misc]
    parts = ("coredns", "etcd", "kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler")
    wanted = {name: {f"{part}-{name}" for part in (*parts, "metrics-server")} for name in PLANES}
    until(lambda: planes.system_pods("cp2") == wanted | {"w1": {"kube-proxy-w1"}})
    k("wait", "--for=condition=Ready", "--timeout=60s", "pods", "-n", "kube-system", "-l", "component=etcd")
    assert '"level":"' in k("logs", "-n", "kube-system", "etcd-cp2", "--tail=1")
    for name in PLANES:
        keys = [*(planes[name].data_dir / "pki").rglob("*.key"), planes[name].data_dir / "cluster.json"]
        assert {oct(path.stat().st_mode & 0o777) for path in keys} == {"0o600"}


def test_applications_run_on_the_worker_only(planes: Planes) -> None:
    k = planes["cp3"].kubectl
    probe = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
    k.apply(
        deployment("web", "default", 4, container("web", readinessProbe=probe)),
        service("web", "default", type="NodePort"),
    )
    k("rollout", "status", "deployment/web", "--timeout=120s")
    assert {pod["spec"]["nodeName"] for pod in k.json("get", "pods", "-l", "app=web")["items"]} == {"w1"}
    k("cordon", "w1")
    k.apply(deployment("late", "default", 1))

    def refused(found: dict) -> bool:  # type: ignore[type-arg]
        return "3 node(s) had untolerated taint(s)" in json.dumps(found["items"])

    k.until(refused, "get", "pods", "-l", "app=late")
    k("uncordon", "w1")
    k("rollout", "status", "deployment/late", "--timeout=120s")


def test_the_first_control_plane_dies_and_everything_goes_on(planes: Planes) -> None:
    k = planes["cp2"].kubectl
    k("create", "namespace", "first")
    with planes.writing("cp3", "first") as written:
        planes.power_off("cp1")
        before = written.read_text().count("create")
        until(lambda: written.read_text().count("create") > before + _ENOUGH)

    k("create", "configmap", "after-the-first")
    k("scale", "deployment/web", "--replicas=6")
    victim = k("get", "pods", "-l", "app=web", "-o", "name").split()[0]
    k("delete", victim, "--wait=false")

    def replaced(found: dict) -> bool:  # type: ignore[type-arg]
        ready = [p for p in found["items"] if any(c == {**c, "type": "Ready", "status": "True"}
                 for c in p["status"].get("conditions", ()))]  # fmt: skip
        return len(ready) == 6 and victim not in {f"pod/{p['metadata']['name']}" for p in found["items"]}

    k.until(replaced, "get", "pods", "-l", "app=web")
    assert planes.holders("cp2") <= {"cp2", "cp3"}
    until(lambda: "leader" in planes.members("cp2").values())
    (worker,) = [n for n in k.json("get", "nodes")["items"] if n["metadata"]["name"] == "w1"]
    assert {c["type"]: c["status"] for c in worker["status"]["conditions"]}["Ready"] == "True"
    living = {planes.machines[name].address for name in PLANES[1:]}
    for namespace, name in (("default", "kubernetes"), ("kube-system", "kube-dns")):
        until(lambda ns=namespace, n=name: planes.addresses("cp2", ns, n) == living)  # type: ignore[misc]
    until(lambda: "2 of 3 members answer" in planes["cp2"].pybernetes("status"))
    ready = {pod["status"]["podIP"] for pod in k.json("get", "pods", "-l", "app=web")["items"]}
    until(lambda: planes.led_to("w1", "web") == ready, show=lambda: str((planes.led_to("w1", "web"), ready)))


def test_without_a_majority_nothing_is_written_and_pods_go_on(planes: Planes) -> None:
    k = planes["cp3"].kubectl
    port = k("get", "service", "web", "-o", "jsonpath={.spec.ports[0].nodePort}")
    k("create", "namespace", "second")
    with planes.writing("cp3", "second"):
        planes.power_off("cp2")
    refused = k.run("create", "configmap", "never", "--request-timeout=90s", check=False)
    assert refused.returncode != 0
    assert "Timeout: request did not complete" in refused.stderr or "etcd" in refused.stderr, refused.stderr
    url = f"http://{planes.machines['w1'].address}:{port}/"
    assert planes.machines["w1"].run("busybox", "wget", "-qO-", url).stdout.startswith("Hello from web-")
    members = planes.members("cp3")
    assert (members["cp1"], members["cp2"]) == ("no answer", "no answer")


def test_what_died_comes_back_and_nothing_acknowledged_is_lost(planes: Planes) -> None:
    for name in ("cp2", "cp1"):
        planes.power_on(name)
    planes.all_answer("cp1")
    for name in PLANES:
        k = planes[name].kubectl
        assert k("get", "configmap", "after-the-first", "-o", "name") == "configmap/after-the-first"
        assert k("get", "deployment", "web", "-o", "jsonpath={.spec.replicas}") == "6"
    for output in planes.written:
        objects, counters = promised(output.read_text().splitlines())
        items = planes["cp1"].kubectl.json("get", "configmaps", "-n", output.stem)["items"]
        found = {item["metadata"]["name"]: int(item.get("data", {}).get("number", 0)) for item in items}
        assert objects <= found.keys()
        assert len(objects) > _ENOUGH / 2
        assert not {name: least for name, least in counters.items() if found[name] < least}
    for name in PLANES:
        planes["cp1"].kubectl.wait(f"node/{name}", "condition=Ready")


def test_a_fourth_joins_and_leaves(planes: Planes) -> None:
    line = planes.invitation("cp3")
    wrong = [*line[:-1], "0" * 64]
    assert "--certificate-key is not the one of this token" in planes["cp4"].pybernetes(*wrong, check=False)
    planes["cp4"].pybernetes(*line)
    assert sorted(planes.members("cp4")) == [*PLANES, "cp4"]
    k = planes["cp4"].kubectl
    k("get", "configmap", "after-the-first")
    token_id = line[line.index("--token") + 1].partition(".")[0]
    keys = k.json("get", "secret", f"control-plane-keys-{token_id}", "-n", "kube-system")["data"]
    clear = (planes["cp1"].data_dir / "pki" / "ca.key").read_bytes()
    assert not [name for name, entry in keys.items() if clear in base64.b64decode(entry)]
    planes["cp4"].pybernetes("token", "delete", token_id)
    for what in (f"secret/control-plane-keys-{token_id}", f"rolebinding/control-plane-keys-{token_id}"):
        k.wait(what, "delete", "-n", "kube-system")
    planes["cp4"].pybernetes("down", "--purge")
    planes.all_answer("cp1")
    assert not planes["cp4"].data_dir.exists()


def test_kubectl_goes_on_through_a_load_balancer_while_one_is_away(planes: Planes) -> None:
    """Those who joined took over the balancer's address, which the first one was started with."""
    backends = [f"{planes.machines[name].address}:6443" for name in PLANES]
    process = planes.machines["w1"].start(sys.executable, balancer.__file__, f"{BALANCER}:7443", *backends)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "ready"
    k, through = planes["cp1"].kubectl, ("--server", f"https://{BALANCER}:7443")
    for _ in PLANES:
        assert k(*through, "get", "configmap", "after-the-first", "-o", "name") == "configmap/after-the-first"
    away = planes.machines["cp2"]
    for supervisor in away.processes("supervise.py"):
        away.kill(supervisor)
    until(lambda: not away.processes("pybernetes server") and not away.processes("^etcd "))
    until(lambda: "leader" in planes.members("cp1").values())
    for number, _ in enumerate(PLANES):
        k(*through, "create", "configmap", f"through-the-balancer-{number}")
    assert len(k(*through, "get", "configmaps", "-o", "name").split()) > len(PLANES)
