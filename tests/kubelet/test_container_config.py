"""What a runtime is asked to make, and what is refused before it is asked."""

from typing import Any

import pytest
from tests.kubelet.pods import pod_of

from pybernetes.api.core import VolumeMount
from pybernetes.kubelet.container_config import check_recursive_read_only, hostname, sub_path
from pybernetes.kubelet.cri import messages as m
from pybernetes.kubelet.environment import ConfigError
from pybernetes.kubelet.security import container_security

LONG = "a" * 41
"""With `.s.default.svc.cluster.local` behind it, 70 characters."""


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, "web"),
        ({"hostname": "h"}, "h"),
        ({"hostname": "h", "subdomain": "s"}, "h"),
        ({"hostname": "h", "subdomain": "s", "setHostnameAsFQDN": True}, "h.s.default.svc.cluster.local"),
        ({"hostname": "h", "setHostnameAsFQDN": True}, "h"),
        ({"hostname": LONG, "subdomain": "s"}, LONG),
        ({"hostnameOverride": "db.example.org", "subdomain": "s"}, "db.example.org"),
    ],
)
def test_what_a_pod_calls_itself(spec: dict[str, Any], expected: str) -> None:
    assert hostname(pod_of(spec, name="web"), "cluster.local") == expected


def test_a_whole_name_that_no_kernel_takes_is_refused() -> None:
    pod = pod_of({"hostname": LONG, "subdomain": "s", "setHostnameAsFQDN": True})
    with pytest.raises(ConfigError) as told:
        hostname(pod, "cluster.local")
    whole = f"{LONG}.s.default.svc.cluster.local"
    assert str(told.value) == (
        f"failed to construct FQDN from pod hostname and cluster domain, FQDN {whole} is too long "
        f"(64 characters is the max, {len(whole)} characters requested)"
    )


@pytest.mark.parametrize("wanted", [None, "Disabled", "IfPossible"])
def test_recursive_read_only_where_it_is_not_insisted_on(wanted: str | None) -> None:
    check_recursive_read_only(VolumeMount(name="v", mount_path="/v", read_only=True, recursive_read_only=wanted))


def test_a_sub_path_is_expanded_and_needs_a_value_for_every_name() -> None:
    mount = VolumeMount(name="v", mount_path="/v", sub_path_expr="$(A)/$$(B)/$(C)")
    assert sub_path(mount, {"A": "a", "C": "c"}) == "a/$(B)/c"
    with pytest.raises(ConfigError) as caught:
        sub_path(mount, {"C": ""})
    assert str(caught.value) == "missing value for A, C"
    assert sub_path(VolumeMount(name="v", mount_path="/v", sub_path="$(A)"), {}) == "$(A)"


def test_recursive_read_only_cannot_be_had() -> None:
    with pytest.raises(ConfigError) as told:
        check_recursive_read_only(VolumeMount(name="v", mount_path="/v", read_only=True, recursive_read_only="Enabled"))
    expected = 'volume "v" requested recursive read-only mode, but it is not supported by the runtime'
    assert str(told.value) == expected


def security(of_pod: dict[str, Any], own: dict[str, Any], **more: Any) -> m.LinuxContainerSecurityContext:
    pod = pod_of({"securityContext": of_pod, "containers": [{"name": "c", "securityContext": own}]})
    assert pod.spec.containers is not None
    return container_security(
        pod, pod.spec.containers[0], image_uid=1, image_user="", target_id="", seccomp_directory="/seccomp", **more
    )


TYPES = m.SecurityProfileType


@pytest.mark.parametrize(
    ("of_pod", "own", "default", "expected"),
    [
        ({}, {}, False, TYPES.UNCONFINED),
        ({}, {}, True, TYPES.RUNTIME_DEFAULT),
        ({"seccompProfile": {"type": "RuntimeDefault"}}, {}, False, TYPES.RUNTIME_DEFAULT),
        ({"seccompProfile": {"type": "Unconfined"}}, {}, True, TYPES.UNCONFINED),
        ({}, {"privileged": True}, True, TYPES.UNCONFINED),
    ],
)
def test_the_seccomp_profile(of_pod: dict[str, Any], own: dict[str, Any], default: bool, expected: int) -> None:
    found = security(of_pod, own, seccomp_default=default).seccomp
    assert found is not None and found.profile_type == expected


@pytest.mark.parametrize(
    ("of_pod", "own", "expected"),
    [
        ({}, {}, None),
        ({"appArmorProfile": {"type": "RuntimeDefault"}}, {}, (TYPES.RUNTIME_DEFAULT, "")),
        (
            {"appArmorProfile": {"type": "RuntimeDefault"}},
            {"appArmorProfile": {"type": "Localhost", "localhostProfile": "p"}},
            (TYPES.LOCALHOST, "p"),
        ),
        ({}, {"appArmorProfile": {"type": "Unconfined"}}, (TYPES.UNCONFINED, "")),
    ],
)
def test_the_apparmor_profile(of_pod: dict[str, Any], own: dict[str, Any], expected: Any) -> None:
    found = security(of_pod, own).apparmor
    assert (found and (found.profile_type, found.localhost_ref)) == expected
