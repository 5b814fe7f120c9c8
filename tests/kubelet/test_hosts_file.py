"""A pod's /etc/hosts."""

from pathlib import Path

from tests.kubelet.pods import pod_of

from pybernetes.kubelet.hosts_file import render, write

ALIASES = [{"ip": "1.2.3.4", "hostnames": ["a", "b"]}]


def test_a_pod_of_its_own_network() -> None:
    text = render(pod_of(), ["10.0.0.7"], "cluster.local", "ignored")
    assert text.startswith("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\t")
    assert text.endswith("fe00::2\tip6-allrouters\n10.0.0.7\tweb\n")


def test_a_subdomain_gives_a_full_name() -> None:
    text = render(pod_of({"hostname": "h", "subdomain": "s"}), ["10.0.0.7", "fd00::7"], "cluster.local", "")
    assert text.endswith("10.0.0.7\th.s.default.svc.cluster.local\th\nfd00::7\th.s.default.svc.cluster.local\th\n")


def test_aliases_come_last() -> None:
    text = render(pod_of({"hostAliases": ALIASES}), ["10.0.0.7"], "cluster.local", "")
    assert text.endswith("10.0.0.7\tweb\n\n# Entries added by HostAliases.\n1.2.3.4\ta\tb\n")


def test_a_pod_on_the_host_network_sees_the_nodes_file() -> None:
    text = render(pod_of({"hostNetwork": True, "hostAliases": ALIASES}), ["10.0.0.7"], "cluster.local", "9.9.9.9 x\n")
    assert text == (
        "# Kubernetes-managed hosts file (host network).\n9.9.9.9 x\n\n# Entries added by HostAliases.\n1.2.3.4\ta\tb\n"
    )


def test_it_is_written_in_place(tmp_path: Path) -> None:
    path = tmp_path / "pod" / "etc-hosts"
    write(pod_of(), ["10.0.0.7"], str(path))
    inode = path.stat().st_ino
    write(pod_of(), ["10.0.0.8"], str(path))
    assert path.stat().st_ino == inode
    assert "10.0.0.8\tweb\n" in path.read_text()


def test_an_overriding_hostname_has_no_domain() -> None:
    text = render(pod_of({"hostnameOverride": "db.example.org", "subdomain": "s"}), ["10.0.0.7"], "cluster.local", "")
    assert text.endswith("\n10.0.0.7\tdb.example.org\n")
