"""Which kernel parameters a pod may set."""

import pytest
from tests.kubelet.pods import pod_of

from pybernetes.kubelet.sysctls import dotted, forbidden


@pytest.mark.parametrize(
    ("name", "spec", "allowed", "said"),
    [
        ("kernel.shm_rmid_forced", {}, [], ""),
        ("net.ipv4.tcp_syncookies", {}, [], ""),
        ("net/ipv4/tcp_syncookies", {}, [], ""),
        ("kernel.msgmax", {}, [], 'forbidden sysctl: "kernel.msgmax" not allowlisted'),
        ("vm.swappiness", {}, [], 'forbidden sysctl: "vm.swappiness" not allowlisted'),
        ("kernel.msgmax", {}, ["kernel.msg*"], ""),
        ("kernel.msgmax", {}, ["kernel.msgmni"], 'forbidden sysctl: "kernel.msgmax" not allowlisted'),
        ("net.core.somaxconn", {}, ["net.core.somaxconn"], ""),
        (
            "net.ipv4.tcp_syncookies",
            {"hostNetwork": True},
            [],
            'forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host net enabled',
        ),
        (
            "kernel.shm_rmid_forced",
            {"hostIPC": True},
            [],
            'forbidden sysctl: "kernel.shm_rmid_forced" not allowed with host ipc enabled',
        ),
        ("net.ipv4.tcp_syncookies", {"hostIPC": True}, [], ""),
    ],
)
def test_what_is_forbidden(name: str, spec: dict[str, bool], allowed: list[str], said: str) -> None:
    context = {"sysctls": [{"name": name, "value": "1"}]}
    assert forbidden(pod_of({**spec, "securityContext": context}), allowed) == said


def test_a_pod_without_any() -> None:
    assert forbidden(pod_of()) == ""


def test_names_with_slashes() -> None:
    assert dotted("net/ipv4/conf/eno2.100/rp_filter") == "net.ipv4.conf.eno2/100.rp_filter"
    assert dotted("net.ipv4.conf.eno2/100.rp_filter") == "net.ipv4.conf.eno2/100.rp_filter"
