"""What containers of a pod share and what they see: network, processes, names, resolver, variables."""

from typing import Any

from tests.e2e.conftest import Cluster
from tests.e2e.objects import SLEEP, container, pod, service, shell
from tests.support.machine import ADDRESS
from tests.support.pods import Pods
from tests.support.waiting import until


def test_containers_share_address_and_volume_but_not_files_and_processes(pods: Pods, namespace: str) -> None:
    mounts = [{"name": "shared", "mountPath": "/shared"}]
    serve = "echo own > /own; echo hello > /shared/index.html; httpd -f -p 8080 -h /shared & wait"
    body = pod(
        "two",
        namespace,
        shell(
            "a",
            serve,
            volumeMounts=mounts,
            readinessProbe={"tcpSocket": {"port": 8080}, "periodSeconds": 1, "timeoutSeconds": 5},
        ),
        shell("b", SLEEP, volumeMounts=mounts),
        shell("clash", f"until wget -qO- http://127.0.0.1:8080/; do sleep 0.1; done; httpd -f -p 8080 2>&1 || {SLEEP}"),
        volumes=[{"name": "shared", "emptyDir": {}}],
    )
    pods.kubectl.apply(body)
    pods.ready("two")
    ip = pods.address("two")
    script = "wget -qO- http://127.0.0.1:8080/; cat /shared/index.html; hostname; hostname -i; ls /own 2>&1; ps | wc -l"
    here = pods.seen("two", script, "b").splitlines()
    assert here[:5] == ["hello", "hello", "two", ip, "ls: /own: No such file or directory"]
    assert int(here[5]) < 8, "processes of another container are visible"
    until(lambda: "in use" in pods("logs", "two", "-c", "clash"))
    assert pods.seen("two", "cat /proc/1/comm", "a") == "sh"


def test_a_shared_process_namespace(pods: Pods, namespace: str) -> None:
    body = pod("p", namespace, shell("a", SLEEP), shell("b", "sleep 4242 & wait"), shareProcessNamespace=True)
    pods.kubectl.apply(body)
    pods.ready("p")
    assert pods.seen("p", "cat /proc/1/comm", "a") == "pause"
    until(lambda: "sleep 4242" in pods.seen("p", "ps -o args", "a"))
    pods.seen("p", "ls -d /proc/$(pidof sleep | cut -d' ' -f1)", "a")


def test_the_hosts_own_namespaces(cluster: Cluster, pods: Pods, namespace: str) -> None:
    body = pod("h", namespace, shell("c", SLEEP), hostNetwork=True, hostPID=True, hostIPC=True)
    pods.kubectl.apply(body)
    pods.ready("h")
    status = pods.get("h")["status"]
    assert (status["podIP"], status["hostIP"]) == (ADDRESS, ADDRESS)
    shown = pods.seen("h", "hostname; ip -4 -o addr show eth0; cat /proc/1/comm; readlink /proc/self/ns/ipc")
    assert shown.splitlines()[0] == "m1"
    assert ADDRESS in shown
    assert "catatonit" in shown
    assert cluster.machine.run("readlink", "/proc/self/ns/ipc").stdout.strip() in shown


def test_ports_of_the_node(cluster: Cluster, pods: Pods, namespace: str) -> None:
    def serving(name: str, *ports: dict[str, Any]) -> dict[str, Any]:
        probe = {"tcpSocket": {"port": 8080}, "periodSeconds": 1, "timeoutSeconds": 5}
        given = [{"containerPort": 8080, **port} for port in ports]
        return pod(name, namespace, container(ports=given, readinessProbe=probe))

    local = {"hostPort": 18081, "hostIP": "127.0.0.1"}
    pods.kubectl.apply(serving("open", {"name": "all", "hostPort": 18080}), serving("local", {"name": "lo", **local}))
    pods.ready("open", "local")

    def ask(where: str, **options: bool) -> str:
        words = ("timeout", "30", "busybox", "wget", "-qO-", f"http://{where}/")
        return cluster.machine.run(*words, check=False, **options).stdout

    assert ask(f"{ADDRESS}:18080", outside=True).startswith("Hello from open")
    assert ask(f"{ADDRESS}:18080").startswith("Hello from open")
    assert ask("127.0.0.1:18081").startswith("Hello from local")
    assert ask(f"{ADDRESS}:18081", outside=True) == ""
    pods.kubectl.apply(serving("second", {"name": "all", "hostPort": 18080}))
    pods.told("second", "FailedScheduling", "didn't have free ports for the requested pod ports")
    pods("delete", "pod/open")
    pods.ready("second")
    assert ask(f"{ADDRESS}:18080", outside=True).startswith("Hello from second")


def test_names_and_resolver(pods: Pods, namespace: str) -> None:
    pods.kubectl.apply(
        pod(
            "names",
            namespace,
            shell("c", SLEEP),
            hostname="front",
            subdomain="group",
            hostAliases=[{"ip": "10.9.8.7", "hostnames": ["foo.local", "bar.local"]}],
            dnsConfig={"options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}], "searches": ["more.example"]},
        ),
        pod("fqdn", namespace, shell("c", SLEEP), subdomain="group", setHostnameAsFQDN=True),
        pod(
            "own",
            namespace,
            shell("c", SLEEP),
            dnsPolicy="None",
            dnsConfig={"nameservers": ["192.0.2.1"], "searches": ["a.example"], "options": [{"name": "rotate"}]},
        ),
        pod("node", namespace, shell("c", SLEEP), dnsPolicy="Default"),
    )
    pods.ready("names", "fqdn", "own", "node")
    shown = pods.seen("names", "hostname; hostname -f; cat /etc/hosts /etc/resolv.conf")
    full = f"front.group.{namespace}.svc.cluster.local"
    assert shown.splitlines()[:2] == ["front", full]
    ip = pods.address("names")
    assert f"{ip}\t{full}\tfront" in shown
    assert "10.9.8.7\tfoo.local\tbar.local" in shown
    searches = f"search {namespace}.svc.cluster.local svc.cluster.local cluster.local"
    assert searches in shown
    assert "more.example" in shown
    assert "nameserver 10.96.0.10" in shown
    options = next(line for line in shown.splitlines() if line.startswith("options")).split()[1:]
    assert sorted(options) == ["edns0", "ndots:2"]
    assert pods.seen("fqdn", "hostname") == f"fqdn.group.{namespace}.svc.cluster.local"
    own = pods.seen("own", "cat /etc/resolv.conf").splitlines()
    assert own == ["search a.example", "nameserver 192.0.2.1", "options rotate"]
    assert "svc.cluster.local" not in pods.seen("node", "cat /etc/resolv.conf")


def test_variables_from_every_source(pods: Pods, namespace: str) -> None:
    values = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "values", "namespace": namespace}}
    values["data"] = {"key": "from-map", "other": "more"}
    hidden = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hidden", "namespace": namespace}}
    hidden["stringData"] = {"word": "hush"}

    def field(path: str) -> dict[str, Any]:
        return {"valueFrom": {"fieldRef": {"fieldPath": path}}}

    environment = [
        {"name": "PLAIN", "value": "one"},
        {"name": "EXPANDED", "value": "$(PLAIN)-$$(PLAIN)-$(UNKNOWN)-$(SOME_WEB_SERVICE_PORT)"},
        {"name": "POD", **field("metadata.name")},
        {"name": "LABEL", **field("metadata.labels['app']")},
        {"name": "NODE", **field("spec.nodeName")},
        {"name": "ACCOUNT", **field("spec.serviceAccountName")},
        {"name": "POD_IP", **field("status.podIP")},
        {"name": "HOST_IP", **field("status.hostIP")},
        {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "requests.cpu", "divisor": "1m"}}},
        {"name": "MEMORY", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory"}}},
        {"name": "KEY", "valueFrom": {"configMapKeyRef": {"name": "values", "key": "key"}}},
        {"name": "WORD", "valueFrom": {"secretKeyRef": {"name": "hidden", "key": "word"}}},
        {"name": "NONE", "valueFrom": {"configMapKeyRef": {"name": "absent", "key": "key", "optional": True}}},
        {"name": "EMPTY", "valueFrom": {"secretKeyRef": {"name": "hidden", "key": "absent", "optional": True}}},
    ]
    sources = [
        {"prefix": "MAP_", "configMapRef": {"name": "values"}},
        {"secretRef": {"name": "hidden"}},
        {"configMapRef": {"name": "absent", "optional": True}},
    ]
    resources = {"requests": {"cpu": "50m"}, "limits": {"memory": "32Mi"}}
    script = f'echo "$0 $1"; env; echo END; {SLEEP}'
    main = container("c", "sh", "-c", f"trap 'exit 0' TERM; {script}", "$(PLAIN)", env=environment, envFrom=sources)
    main["args"] = ["$(KEY)"]
    main["resources"] = resources
    pods.kubectl.apply(values, hidden, service("some-web", namespace))
    pods.kubectl.apply(
        pod("env", namespace, main), pod("alone", namespace, shell("c", SLEEP), enableServiceLinks=False)
    )
    pods.ready("env", "alone")
    lines = pods.said("env", "END")
    assert lines[0] == "one from-map"
    shown = dict(line.split("=", 1) for line in lines[1:] if "=" in line)
    ip = pods.address("env")
    expected = {
        "PLAIN": "one", "EXPANDED": "one-$(PLAIN)-$(UNKNOWN)-80", "POD": "env", "LABEL": "env", "NODE": "m1",
        "ACCOUNT": "default", "POD_IP": ip, "HOST_IP": ADDRESS, "CPU": "50", "MEMORY": str(32 << 20),
        "KEY": "from-map", "WORD": "hush", "MAP_key": "from-map", "MAP_other": "more", "word": "hush",
        "SOME_WEB_SERVICE_PORT": "80", "SOME_WEB_SERVICE_PORT_HTTP": "80", "KUBERNETES_SERVICE_HOST": "10.96.0.1",
    }  # fmt: skip
    assert {key: shown.get(key) for key in expected} == expected
    assert not {"NONE", "EMPTY"} & shown.keys()
    cluster_ip = pods("get", "service/some-web", "-o", "jsonpath={.spec.clusterIP}")
    assert shown["SOME_WEB_PORT_80_TCP"] == f"tcp://{cluster_ip}:80"
    unlinked = pods.seen("alone", "env")
    assert "SOME_WEB" not in unlinked
    assert "KUBERNETES_SERVICE_HOST=10.96.0.1" in unlinked


def test_variables_from_a_file_that_an_init_container_wrote(pods: Pods, namespace: str) -> None:
    def of(key: str, **more: Any) -> dict[str, Any]:
        return {"fileKeyRef": {"volumeName": "config", "path": "app/config.env", "key": key, **more}}

    text = "ADDRESS='http://db # 1'\\nEMPTY=''\\n"
    mounts = [{"name": "config", "mountPath": "/data"}]
    write = container(
        "write", "sh", "-c", f'mkdir /data/app; printf "{text}" > /data/app/config.env', volumeMounts=mounts
    )
    variables = [
        {"name": "URL", "valueFrom": of("ADDRESS")},
        {"name": "EMPTY", "valueFrom": of("EMPTY")},
        {"name": "NONE", "valueFrom": of("ABSENT", optional=True)},
    ]
    absent = [{"name": "X", "valueFrom": of("ABSENT")}]
    volumes = [{"name": "config", "emptyDir": {}}]
    pods.kubectl.apply(
        pod(
            "file",
            namespace,
            shell("c", f"env; echo END; {SLEEP}", env=variables),
            initContainers=[write],
            volumes=volumes,
        ),
        pod("key", namespace, shell("c", SLEEP, env=absent), initContainers=[write], volumes=volumes),
    )
    pods.ready("file")
    shown = pods.said("file", "END")
    assert "URL=http://db # 1" in shown and "EMPTY=" in shown
    assert not any(line.startswith("NONE=") for line in shown)
    message = 'environment variable key "ABSENT" not found in file "app/config.env"'
    assert pods.waiting("key", "CreateContainerConfigError") == message


def test_runtime_classes(pods: Pods, namespace: str) -> None:
    def runtime_class(handler: str) -> dict[str, Any]:
        metadata = {"name": f"{namespace}-{handler}"}
        return {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": metadata, "handler": handler}

    pods.kubectl.apply(runtime_class("runc"), runtime_class("other"))
    try:
        pods.kubectl.apply(
            *(
                pod(name, namespace, shell("c", SLEEP), runtimeClassName=f"{namespace}-{name}")
                for name in ("runc", "other")
            )
        )
        pods.ready("runc")
        told = "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox runtime: "
        pods.told("other", "FailedCreatePodSandBox", told + 'no runtime for "other" is configured')
    finally:
        pods.kubectl("delete", "runtimeclass", f"{namespace}-runc", f"{namespace}-other")


def test_missing_sources_of_variables_are_told_and_healed(pods: Pods, namespace: str) -> None:
    def wants(name: str, source: dict[str, Any]) -> dict[str, Any]:
        return pod(name, namespace, shell("c", SLEEP, env=[{"name": "X", "valueFrom": source}]))

    values = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "values", "namespace": namespace}}
    pods.kubectl.apply(
        {**values, "data": {"key": "1"}},
        wants("no-map", {"configMapKeyRef": {"name": "absent", "key": "key"}}),
        wants("no-key", {"configMapKeyRef": {"name": "values", "key": "absent"}}),
        wants("no-secret", {"secretKeyRef": {"name": "absent", "key": "key"}}),
    )
    reason = "CreateContainerConfigError"
    assert pods.waiting("no-map", reason) == 'configmap "absent" not found'
    assert pods.waiting("no-key", reason) == f"couldn't find key absent in ConfigMap {namespace}/values"
    assert pods.waiting("no-secret", reason) == 'secret "absent" not found'
    pods.told("no-map", "Failed", 'Error: configmap "absent" not found')
    values["metadata"] = {"name": "absent", "namespace": namespace}
    pods.kubectl.apply({**values, "data": {"key": "1"}})
    pods.ready("no-map")
