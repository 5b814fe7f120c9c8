"""The cluster's names as pods see them: records, search path, forwarding, and whole DNS messages."""

import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e.conftest import Cluster
from tests.e2e.objects import container, deployment, pod, service, shell
from tests.support.machine import OUTSIDE_ADDRESS
from tests.support.network import namespace_of
from tests.support.pods import Pods
from tests.support.waiting import until

from pybernetes.dns import message

NAMESPACE = "names"
ZONE = "cluster.local."


class Names:
    """The DNS service asked from the client pod's own network namespace."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.pods = Pods(cluster.kubectl, NAMESPACE)
        self.server = cluster.kubectl(
            "get", "service", "kube-dns", "-n", "kube-system", "-o", "jsonpath={.spec.clusterIP}"
        )
        self._place = namespace_of(cluster.machine, "^sleep 27182$")

    def ask(self, name: str, kind: int = message.A, *, tcp: bool = False) -> bytes:
        question = message.encode_query(4711, name, kind)
        with self._place.socket(socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as client:
            client.settimeout(10)
            client.connect((self.server, 53))
            if not tcp:
                client.send(question)
                return client.recv(65535)
            client.sendall(struct.pack("!H", len(question)) + question)
            data = b""
            while len(data) < 2 or len(data) < 2 + struct.unpack("!H", data[:2])[0]:
                data += client.recv(65535)
            return data[2:]

    def records(self, name: str, kind: int = message.A) -> list[str]:
        return [_shown(record) for record in message.answers_of(self.ask(name, kind)) if record.type == kind]

    def code(self, name: str, kind: int = message.A) -> int:
        return self.ask(name, kind)[3] & 0x0F


def _shown(record: message.Record) -> str:
    match record.type:
        case message.A:
            return ".".join(map(str, record.data))
        case message.SRV:
            return f"{struct.unpack_from('!3H', record.data)[2]} {message.decode_name(record.data, 6)[0]}"
    return message.decode_name(record.data, 0)[0]


def _stateful(name: str, hostname: str) -> dict[str, Any]:
    return pod(name, NAMESPACE, hostname=hostname, subdomain="db", labels={"app": "db"})


@pytest.fixture(scope="module")
def names(cluster: Cluster) -> Iterator[Names]:
    k = cluster.kubectl
    k("create", "namespace", NAMESPACE)
    k.apply(
        deployment("web", NAMESPACE, 1),
        service("web", NAMESPACE),
        service("db", NAMESPACE, clusterIP="None"),
        _stateful("db-a", "first"),
        _stateful("db-b", "second"),
        service("away", NAMESPACE, type="ExternalName", externalName="www.example.test", selector=None, ports=[]),
        service("nobody", NAMESPACE, clusterIP="None"),
        pod("client", NAMESPACE, shell("c", "sleep 27182 & wait")),
        pod("own", NAMESPACE, container("c"), dnsPolicy="Default"),
    )
    pods = Pods(k, NAMESPACE)
    pods.ready("client", "db-a", "db-b", "own")
    pods("rollout", "status", "deployment/web", "--timeout=120s")
    found = Names(cluster)
    for name, count in (("db", 2), ("web", 1)):
        until(lambda name=name, count=count: len(found.records(f"{name}.{NAMESPACE}.svc.{ZONE}")) == count)  # type: ignore[misc]
    until(lambda: found.records(f"away.{NAMESPACE}.svc.{ZONE}", message.CNAME))
    pods.answers("client", "http://web/")
    yield found
    k("delete", "namespace", NAMESPACE, "--wait=false")


def test_a_services_address(names: Names) -> None:
    ip = names.pods("get", "service", "web", "-o", "jsonpath={.spec.clusterIP}")
    assert names.records(f"web.{NAMESPACE}.svc.{ZONE}") == [ip]
    assert names.records(f"WEB.{NAMESPACE}.Svc.{ZONE}") == [ip]
    assert names.records("kubernetes.default.svc." + ZONE) == ["10.96.0.1"]
    reverse = ".".join(reversed(ip.split("."))) + ".in-addr.arpa."
    assert names.records(reverse, message.PTR) == [f"web.{NAMESPACE}.svc.{ZONE}"]


def test_a_headless_service_and_its_pods_by_hostname(names: Names) -> None:
    ips = [names.pods.address("db-a"), names.pods.address("db-b")]
    base = f"db.{NAMESPACE}.svc.{ZONE}"
    assert sorted(names.records(base)) == sorted(ips)
    assert names.records(f"first.{base}") == [ips[0]]
    assert names.records(f"second.{base}") == [ips[1]]
    reverse = ".".join(reversed(ips[0].split("."))) + ".in-addr.arpa."
    assert names.records(reverse, message.PTR) == [f"first.{base}"]
    assert names.pods.seen("db-a", "hostname -f") == base.replace("db.", "first.db.", 1).rstrip(".")


def test_srv_records(names: Names) -> None:
    assert names.records(f"_http._tcp.web.{NAMESPACE}.svc.{ZONE}", message.SRV) == [f"80 web.{NAMESPACE}.svc.{ZONE}"]
    assert sorted(names.records(f"_http._tcp.db.{NAMESPACE}.svc.{ZONE}", message.SRV)) == [
        f"8080 first.db.{NAMESPACE}.svc.{ZONE}",
        f"8080 second.db.{NAMESPACE}.svc.{ZONE}",
    ]


def test_what_is_not_there_and_what_has_no_such_record(names: Names) -> None:
    base = f"{NAMESPACE}.svc.{ZONE}"
    assert names.code(f"absent.{base}") == message.NXDOMAIN
    assert names.code(f"nobody.{base}") == message.NXDOMAIN
    assert names.code(f"third.db.{base}") == message.NXDOMAIN
    assert names.code("web.absent.svc." + ZONE) == message.NXDOMAIN
    for name, kind in ((f"web.{base}", message.AAAA), (base, message.A)):
        assert names.code(name, kind) == message.NOERROR
        assert names.records(name, kind) == []


def test_an_external_name_is_an_alias(names: Names) -> None:
    assert names.records(f"away.{NAMESPACE}.svc.{ZONE}", message.CNAME) == ["www.example.test."]


def test_tcp_and_edns(names: Names) -> None:
    over_udp = names.ask(f"web.{NAMESPACE}.svc.{ZONE}")
    over_tcp = names.ask(f"web.{NAMESPACE}.svc.{ZONE}", tcp=True)
    assert message.answers_of(over_udp) == message.answers_of(over_tcp) != []
    assert over_udp.endswith(b"\0" + struct.pack("!2HIH", message.OPT, 1232, 0, 0))


def test_the_search_path_completes_short_names(names: Names) -> None:
    lines = names.pods.seen("client", "cat /etc/resolv.conf").splitlines()
    assert lines[0].split() == ["search", f"{NAMESPACE}.svc.cluster.local", "svc.cluster.local", "cluster.local"] or (
        f"nameserver {names.server}" in lines
    )
    assert "options ndots:5" in lines
    for name in ("web", f"web.{NAMESPACE}", f"web.{NAMESPACE}.svc", f"web.{NAMESPACE}.svc.cluster.local"):
        assert names.pods.seen("client", f"wget -qO- http://{name}/").startswith("Hello from web-"), name
    assert f"nameserver {names.server}" not in names.pods.seen("own", "cat /etc/resolv.conf")


def test_a_new_service_is_known_at_once_and_a_deleted_one_is_not(names: Names) -> None:
    name = f"late.{NAMESPACE}.svc.{ZONE}"
    assert names.code(name) == message.NXDOMAIN
    names.cluster.kubectl.apply(service("late", NAMESPACE))
    until(lambda: names.records(name), timeout=120)
    names.pods("delete", "service", "late")
    until(lambda: names.code(name) == message.NXDOMAIN, timeout=120)


def test_a_pod_can_name_its_own_servers(names: Names) -> None:
    config = {
        "nameservers": [OUTSIDE_ADDRESS],
        "searches": ["example.test"],
        "options": [{"name": "ndots", "value": "2"}],
    }
    names.cluster.kubectl.apply(pod("picky", NAMESPACE, container("c"), dnsPolicy="None", dnsConfig=config))
    names.pods.ready("picky")
    assert names.pods.seen("picky", "cat /etc/resolv.conf").splitlines() == [
        "search example.test",
        f"nameserver {OUTSIDE_ADDRESS}",
        "options ndots:2",
    ]
